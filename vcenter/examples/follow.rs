//! Follows a vCenter's inventory at the command line:
//! `cargo run --example follow -- HOST PORT USER PASSWORD [http]`, then commands on standard input, one a line.
//!
//! Prints what changes as it changes, and an answer to each command. The certificate is not checked: for laboratories.

use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use vcenter::inventory::{Datacenter, EntityRef, Kind};
use vcenter::ops::{datacenter, entity, folder, host, vm};
use vcenter::session::Protocol;
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials, Result};

const HELP: &str = "status | names KIND | find KIND WHAT | reads N | on VM | off VM | cards KIND | dc NAME | rmdc NAME | \
                    mkdir DATACENTER TREE NAME | rmdir DATACENTER TREE NAME | mv DATACENTER TREE NAME DESTINATION | \
                    rename KIND WHAT NAME | facts | quit";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, port, user, password, more @ ..] = arguments.as_slice() else {
        eprintln!("HOST PORT USER PASSWORD [http]\ncommands: {HELP}");
        std::process::exit(2);
    };
    let mut config = Config::new(address, Credentials::new(user, password.as_str()));
    config.port = port.parse().unwrap_or(443);
    config.trust = Trust::Insecure;
    if more.iter().any(|word| word == "http") {
        config.protocol = Protocol::Http;
    }
    let start = Instant::now();
    let client = Client::connect(config).await?;
    client.ready(Duration::from_secs(120)).await?;
    println!("ready objects={} ms={}", client.read().len(), start.elapsed().as_millis());
    tokio::spawn(tell_changes(client.clone()));

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["quit"] {
            break;
        }
        let start = Instant::now();
        match obey(&client, &words).await {
            Ok(answer) => println!("ok {answer} us={}", start.elapsed().as_micros()),
            Err(error) => println!("error {error}"),
        }
    }
    client.close().await;
    Ok(())
}

async fn tell_changes(client: Client) {
    let mut changes = client.inventory().subscribe();
    while let Ok(batch) = changes.recv().await {
        let gone = batch.changes.iter().filter(|change| change.after.is_none()).count();
        let new = batch.changes.iter().filter(|change| change.before.is_none()).count();
        let changed = batch.changes.len() - gone - new;
        println!("changes version={} new={new} changed={changed} gone={gone}", batch.version);
    }
}

async fn obey(client: &Client, words: &[&str]) -> Result<String> {
    let inventory = client.read();
    let kind = |name: &str| Kind::from_name(name).unwrap_or(Kind::VirtualMachine);
    let find = |kind: Kind, what: &str| inventory.find_of(kind, what, None).map(|it| it.reference().clone());
    let machine = |what: &str| find(Kind::VirtualMachine, what);
    Ok(match words {
        ["status"] => format!("{:?} age={:?}", client.inventory().status(), client.inventory().age()),
        ["names", name] => format!("{:?}", inventory.names(kind(name))),
        ["find", name, what] => {
            let found = inventory.find_of(kind(name), what, None)?;
            format!("{} {found:?}", inventory.path(found.reference()))
        }
        ["reads", times] => {
            let times: usize = times.parse().unwrap_or(1);
            (0..times).map(|_| client.read().names(Kind::VirtualMachine).len()).sum::<usize>().to_string()
        }
        ["on", what] => vm::power_on(client, &machine(what)?, None).await.map(|()| "on".to_owned())?,
        ["off", what] => vm::power_off(client, &machine(what)?).await.map(|()| "off".to_owned())?,
        ["cards", name] => {
            let vms = inventory.all::<vcenter::inventory::VirtualMachine>().filter(|vm| &*vm.name == *name);
            vms.map(|vm| vm.network_cards.len()).sum::<usize>().to_string()
        }
        ["dc", name] => {
            let made = datacenter::create(client, name, None).await?;
            let inventory = client.read();
            let folders = inventory.entity::<Datacenter>(&made).map_or(0, |it| it.folders().count());
            format!("{made} {} folders={folders}", inventory.path(&made))
        }
        ["rmdc", name] => {
            datacenter::destroy(client, &find(Kind::Datacenter, name)?).await?;
            format!("{:?}", client.read().names(Kind::Datacenter))
        }
        ["mkdir", dc, tree, name] => {
            let dc: &Datacenter = inventory.find(dc, None)?;
            let tree: folder::Tree = tree.parse()?;
            let made = folder::create(client, tree.root(dc)?, name).await?;
            client.read().path(&made)
        }
        ["rmdir", dc, tree, name] => {
            let found = folder::find(&inventory, inventory.find(dc, None)?, tree.parse()?, name)?;
            folder::destroy(client, &found.reference).await?;
            format!("{:?}", client.read().names(Kind::Folder))
        }
        ["mv", dc, tree, name, destination] => {
            let (dc, tree) = (inventory.find::<Datacenter>(dc, None)?, tree.parse()?);
            let moved: EntityRef = folder::find(&inventory, dc, tree, name)?.reference.clone();
            let destination = folder::find(&inventory, dc, tree, destination)?;
            folder::move_into(client, &destination.reference, std::slice::from_ref(&moved)).await?;
            client.read().path(&moved)
        }
        ["rename", name, what, new] => {
            let object = find(kind(name), what)?;
            entity::rename(client, &object, new).await?;
            client.read().path(&object)
        }
        ["facts"] => {
            let host = match inventory.all_of(Kind::HostSystem).next() {
                Some(host) => host.reference().clone(),
                None => host::itself(client)?,
            };
            format!("{:?}", host::facts(client, &host).await?)
        }
        _ => HELP.to_owned(),
    })
}

//! Makes a category and a tag, puts it on all virtual machines, reads that back, and takes all of it away again:
//! `cargo run -p vcenter --example tags -- HOST PORT USER PASSWORD [http]`.
//!
//! The certificate is not checked: for laboratories.

use std::time::{Duration, Instant};

use vcenter::inventory::VirtualMachine;
use vcenter::rest::tags::{Category, TagUpdate};
use vcenter::session::Protocol;
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, port, user, password, more @ ..] = arguments.as_slice() else {
        eprintln!("HOST PORT USER PASSWORD [http]");
        std::process::exit(2);
    };
    let mut config = Config::new(address, Credentials::new(user, password.as_str()));
    config.port = port.parse().unwrap_or(443);
    config.trust = Trust::Insecure;
    if more.iter().any(|word| word == "http") {
        config.protocol = Protocol::Http;
    }
    let client = Client::connect(config).await?;
    client.ready(Duration::from_secs(120)).await?;
    let result = try_tags(&client).await;
    client.close().await;
    result
}

async fn try_tags(client: &Client) -> Result<()> {
    let tags = client.tags();
    let category = Category {
        id: String::new(),
        name: format!("example-{}", std::process::id()),
        description: "made by an example".into(),
        multiple: true,
        associable_types: vec!["VirtualMachine".into()],
        used_by: Vec::new(),
    };
    let category_id = tags.create_category(&category).await?;
    let tag = tags.create_tag(&category_id, "one", "").await?;
    let new = TagUpdate { name: Some("uno".into()), description: Some("renamed".into()) };
    tags.update_tag(&tag, &new).await?;
    let vms: Vec<_> = client.read().all::<VirtualMachine>().map(|vm| vm.reference.moref()).collect();
    for vm in &vms {
        tags.attach(&tag, vm).await?;
    }
    let start = Instant::now();
    let found = tags.attached_to(&vms).await?;
    println!("{} of {} have tags, in {:?}", found.len(), vms.len(), start.elapsed());
    println!("{:?}", found.values().next());
    println!("objects: {:?}", tags.objects_with(std::slice::from_ref(&tag)).await?);
    println!("by name: {:?}", tags.tag(&category.name, "uno").await?);
    for vm in &vms {
        tags.detach(&tag, vm).await?;
    }
    println!("after taking it off: {} have tags", tags.attached_to(&vms).await?.len());
    tags.delete_tag(&tag).await?;
    tags.delete_category(&category_id).await?;
    println!("{}", tags.tag(&category.name, "uno").await.err().map_or_else(String::new, |it| it.to_string()));
    println!(
        "{}",
        client.rest().get("/rest/nowhere").await.err().map_or_else(String::new, |it| it.to_string())
    );
    Ok(())
}

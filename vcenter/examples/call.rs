//! Calls any method of any object, or reads any properties of all objects of a type:
//!
//! `cargo run -p vcenter --example call -- HOST PORT USER PASSWORD http|https OBJECT METHOD '{"name": "value"}'`
//! `cargo run -p vcenter --example call -- HOST PORT USER PASSWORD http|https TYPE PATH,PATH`
//!
//! The certificate is not checked: for laboratories.

use std::time::Duration;

use serde_json::{Map, Value};
use vcenter::ops::generic::{self, Of};
use vcenter::session::Protocol;
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials, Result};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, port, user, password, protocol, what @ ..] = arguments.as_slice() else {
        eprintln!("HOST PORT USER PASSWORD http|https OBJECT METHOD JSON, or … TYPE PATH,PATH");
        std::process::exit(2);
    };
    let mut config = Config::new(address, Credentials::new(user, password.as_str()));
    config.port = port.parse().unwrap_or(443);
    config.trust = Trust::Insecure;
    config.protocol = if protocol == "http" { Protocol::Http } else { Protocol::Https };
    let client = Client::connect(config).await?;
    if let Err(error) = obey(&client, what).await {
        eprintln!("{error}");
    }
    client.close().await;
    Ok(())
}

async fn obey(client: &Client, what: &[String]) -> Result<()> {
    match what {
        [object, method, args] => {
            let args: Map<String, Value> = serde_json::from_str(args).unwrap_or_default();
            let object = generic::target(client, object).await?;
            println!("{:#}", generic::call(client, &object, method, &args, Duration::from_secs(300)).await?);
        }
        [kind, paths] => {
            let paths: Vec<&str> = paths.split(',').collect();
            for found in generic::collect(client, &Of::Kind(kind.clone(), None), &paths).await? {
                println!("{} {}", found.reference, Value::from(found.properties));
                found.missing.iter().for_each(|(path, why)| println!("  {path}: {why}"));
            }
        }
        _ => eprintln!("OBJECT METHOD JSON, or TYPE PATH,PATH"),
    }
    Ok(())
}

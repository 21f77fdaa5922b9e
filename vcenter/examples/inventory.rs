//! Lists the virtual machines of a vCenter, to try a connection by hand:
//!
//! `VCENTER_PASSWORD=… cargo run -p vcenter --example inventory -- HOST PORT USER [verify | insecure | CA.pem | THUMBPRINT]`

use vcenter::transport::Trust;
use vcenter::{Args, Config, Credentials, Object, Session};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, user, rest @ ..] = args.as_slice() else {
        return Err("usage: inventory HOST PORT USER [verify | insecure | CA.pem | THUMBPRINT]".into());
    };
    let mut config = Config::new(host, Credentials::new(user, std::env::var("VCENTER_PASSWORD")?));
    config.port = port.parse()?;
    config.trust = match rest.first().map(String::as_str) {
        None | Some("verify") => Trust::default(),
        Some("insecure") => Trust::Insecure,
        Some(path) if path.ends_with(".pem") => Trust::Verify { ca_bundle: Some(path.into()) },
        Some(thumbprint) => Trust::Thumbprint(thumbprint.to_owned()),
    };
    let session = Session::connect(config).await?;
    let content = session.content().await?;
    println!("{} speaks {}", content.str("about.fullName").unwrap_or("?"), session.api_version().await?);

    let view = session
        .call(
            &session.service("viewManager").await?,
            "CreateContainerView",
            Args::new()
                .set("container", content.get("rootFolder").cloned())
                .set("type", ["VirtualMachine"])
                .set("recursive", true),
        )
        .await?;
    let spec = Object::new("PropertyFilterSpec")
        .set(
            "propSet",
            [Object::new("PropertySpec")
                .set("type", "VirtualMachine")
                .set("pathSet", ["name", "runtime.powerState"])],
        )
        .set(
            "objectSet",
            [Object::new("ObjectSpec").set("obj", view).set("skip", true).set(
                "selectSet",
                [Object::new("TraversalSpec").set("type", "ContainerView").set("path", "view")],
            )],
        );
    let collector = session.service("propertyCollector").await?;
    let args = Args::new().set("specSet", [spec]).set("options", Object::new("RetrieveOptions"));
    let found = session.call(&collector, "RetrievePropertiesEx", args).await?;
    for object in found.get("objects").into_iter().flat_map(|objects| objects.objects()) {
        let values: Vec<_> = object.objects("propSet").filter_map(|it| it.str("val")).collect();
        println!("{} {}", object.moref("obj").map_or("?", |vm| vm.id()), values.join(" "));
    }
    session.close().await;
    Ok(())
}

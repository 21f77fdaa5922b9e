//! Which version of each service's API is spoken, and where.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::schema::{self, VIM25};
use crate::transport::{Method, Request, Transport};

/// Spoken if the server does not say what it speaks: every vCenter that is still about does.
const FALLBACK: &str = "6.5";

/// The path at which `service` is served.
pub fn path(service: &str) -> &'static str {
    match service {
        "pbm" => "/pbm",
        "sms" => "/sms/sdk",
        "eam" => "/eam/sdk",
        "vslm" => "/vslm/sdk",
        "vsan" => "/vsanHealth",
        _ => "/sdk",
    }
}

/// The version of `service` to ask for where the server publishes none. The oldest that pyVmomi's users ask for.
pub fn default(service: &str) -> &'static str {
    match service {
        "pbm" => "2.0",
        "sms" => "5.0",
        "eam" => "6.5",
        "vslm" => "1.0",
        "vsan" => "6.6",
        _ => FALLBACK,
    }
}

/// The newest version of `service` that both the server and the schema know; `None` if the server does not say.
pub async fn negotiate(
    transport: &Transport,
    service: &str,
    timeout: Duration,
) -> crate::Result<Option<String>> {
    let path = match service {
        VIM25 => "/sdk/vimServiceVersions.xml",
        "vsan" => "/sdk/vsanServiceVersions.xml",
        _ => return Ok(None),
    };
    let answer = transport.send(Request::new(Method::GET, path, timeout)).await?;
    if !answer.is_success() {
        return Ok(None);
    }
    let body = answer.bytes().await?;
    Ok(choose(service, &published(service, &String::from_utf8_lossy(&body))))
}

/// The version to speak with a server that says only the version of its product.
pub fn of_product(api_version: &str) -> String {
    let known = |text: &str| schema::get().versions(VIM25).any(|version| version.text() == text);
    // 8.0.2 is spoken as 8.0.2.0 since 7.0, 6.7 as it is.
    let long = format!("{api_version}.0");
    [api_version, &long, &format!("{long}.0")]
        .into_iter()
        .find(|text| known(text))
        .unwrap_or(FALLBACK)
        .to_owned()
}

/// The newest of `offered` (newest first) that the schema knows.
fn choose(service: &str, offered: &[String]) -> Option<String> {
    let known =
        |text: &&String| schema::get().versions(service).any(|version| version.text() == text.as_str());
    offered.iter().find(known).cloned()
}

/// The versions in a server's `ServiceVersions.xml`, the newest first, as it lists them.
fn published(service: &str, xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let (mut versions, mut here, mut inside, mut text) = (Vec::new(), false, String::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                inside = start.local_name().as_ref().to_owned();
                text.clear();
            }
            Ok(Event::Text(more)) => text.push_str(&more),
            Ok(Event::End(_)) => {
                match inside.as_str() {
                    "name" => here = text.trim().strip_prefix("urn:") == Some(service),
                    "version" if here => versions.push(text.trim().to_owned()),
                    _ => {}
                }
                inside.clear();
            }
            Ok(Event::Eof) | Err(_) => return versions,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>
        <namespaces version=\"1.0\">
          <namespace><name>urn:vim25</name><version>99.0.0.0</version>
            <priorVersions><version>8.0.3.0</version><version>8.0.2.0</version><version>6.5</version></priorVersions>
          </namespace>
          <namespace><name>urn:vim2</name><version>2.0</version></namespace>
        </namespaces>";

    #[test]
    fn the_newest_that_both_know_is_spoken() {
        let offered = published(VIM25, PUBLISHED);
        assert_eq!(offered, ["99.0.0.0", "8.0.3.0", "8.0.2.0", "6.5"]);
        assert_eq!(choose(VIM25, &offered).as_deref(), Some("8.0.3.0"));
        assert_eq!(choose(VIM25, &["99.0".to_owned()]), None);
        assert_eq!(choose(VIM25, &published(VIM25, "<html>no</html>")), None);
        assert_eq!(published("vim2", PUBLISHED), ["2.0"]);
    }

    #[test]
    fn a_product_says_its_version_in_its_own_way() {
        assert_eq!(of_product("6.7"), "6.7");
        assert_eq!(of_product("8.0.2.0"), "8.0.2.0");
        assert_eq!(of_product("8.0.2"), "8.0.2.0");
        assert_eq!(of_product("7.0"), "7.0.0.0");
        assert_eq!(of_product("1.0"), "6.5");
        assert_eq!(of_product(""), "6.5");
    }
}

//! Logging in with a SAML token: the security token service (STS) of the vCenter gives one for a name and a password, and
//! `SessionManager.LoginByToken` takes it. The token is a bearer token: who has it may use it, so it is asked for over the
//! session's own connection, lives for minutes, and is forgotten after the log-in.
//!
//! Facts: WS-Trust 1.3 (`http://docs.oasis-open.org/ws-sx/ws-trust/200512`), WS-Security 1.0 UsernameToken, and the vSphere
//! Web Services Programming Guide on vCenter Single Sign-On.

use jiff::{SignedDuration, Timestamp};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::Secret;
use super::state::Shared;
use crate::soap::escape;
use crate::soap::ns::WSSE;
use crate::transport::{Method, Request};
use crate::vim::Object;
use crate::{Error, Fault, Result};

const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";

/// How long the token may be used; it is used at once.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// A token for the session's user: the `Assertion` element as the service wrote it, since it is signed.
///
/// # Errors
///
/// The fault `InvalidLogin` if the service refuses the user or the password.
pub async fn issue(shared: &Shared, domain: &str, password: &Secret) -> Result<Secret> {
    let body = request(&shared.config.credentials.username, password, Timestamp::now())?;
    let path = format!("/sts/STSService/{domain}");
    let http = Request::new(Method::POST, path, shared.config.timeouts.request)
        .header("content-type", "text/xml; charset=utf-8")?
        .header("soapaction", &format!("{WST}/RST/Issue"))?
        .body(body);
    let response = shared.transport.send(http).await?;
    let status = response.status();
    let answer = response.bytes().await?;
    let answer = String::from_utf8_lossy(&answer);
    if let Some(token) = element(&answer, "Assertion") {
        return Ok(Secret::from(token));
    }
    let words = element(&answer, "faultstring").and_then(text);
    let code = element(&answer, "faultcode").and_then(text).unwrap_or_default();
    match words {
        // Others, such as a clock that differs too much, say nothing against the password.
        Some(words) if code.ends_with("FailedAuthentication") => {
            Err(Fault::new(words, Object::new("InvalidLogin")).into())
        }
        words => Err(Error::Transport {
            endpoint: shared.transport.endpoint().to_owned(),
            reason: format!(
                "the security token service of the domain '{domain}' gave no token: {}",
                words.unwrap_or_else(|| format!("HTTP status {status}"))
            ),
            sent: false,
        }),
    }
}

/// The envelope that asks for a bearer token.
fn request(user: &str, password: &Secret, now: Timestamp) -> Result<String> {
    let moment = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let until = now.checked_add(LIFETIME).unwrap_or(now);
    let times = format!(
        "<wsu:Created xmlns:wsu=\"{WSU}\">{}</wsu:Created><wsu:Expires xmlns:wsu=\"{WSU}\">{}</wsu:Expires>",
        moment(now),
        moment(until)
    );
    let escaped = |text, what: &str| {
        escape(text).ok_or_else(|| Error::Schema(format!("the {what} has a character that XML cannot carry")))
    };
    let (user, password) = (escaped(user, "user name")?, escaped(password.reveal(), "password")?);
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Header>\
         <wsse:Security xmlns:wsse=\"{WSSE}\"><wsu:Timestamp xmlns:wsu=\"{WSU}\">{times}</wsu:Timestamp>\
         <wsse:UsernameToken><wsse:Username>{user}</wsse:Username><wsse:Password>{password}</wsse:Password>\
         </wsse:UsernameToken></wsse:Security></S:Header><S:Body>\
         <wst:RequestSecurityToken xmlns:wst=\"{WST}\">\
         <wst:TokenType>urn:oasis:names:tc:SAML:2.0:assertion</wst:TokenType>\
         <wst:RequestType>{WST}/Issue</wst:RequestType><wst:Lifetime>{times}</wst:Lifetime>\
         <wst:Renewing Allow=\"false\" OK=\"false\"/><wst:Delegatable>false</wst:Delegatable>\
         <wst:KeyType>{WST}/Bearer</wst:KeyType>\
         <wst:SignatureAlgorithm>http://www.w3.org/2001/04/xmldsig-more#rsa-sha256</wst:SignatureAlgorithm>\
         </wst:RequestSecurityToken></S:Body></S:Envelope>"
    ))
}

/// The first element of this local name, byte for byte.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = Reader::from_str(xml);
    let (mut start, mut depth) = (None, 0_usize);
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                if start.is_none() && tag.local_name().as_ref() == name {
                    start = Some(before);
                }
                depth += usize::from(start.is_some());
            }
            Event::End(_) if start.is_some() => {
                depth -= 1;
                if depth == 0 {
                    let end = usize::try_from(reader.buffer_position()).ok()?;
                    return xml.get(start?..end);
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The text inside an element.
fn text(element: &str) -> Option<String> {
    let inside = element.split_once('>')?.1.rsplit_once('<')?.0;
    Some(quick_xml::escape::unescape(inside).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assertion_is_taken_as_it_is() {
        let token = "<s:Assertion xmlns:s=\"x\" ID=\"1\"><s:Assertion/><a>&amp; b</a>  <s:Assertion>c</s:Assertion></s:Assertion>";
        let xml = format!("<?xml version=\"1.0\"?><E><B><T a=\"&gt;\">{token}</T></B></E>");
        assert_eq!(element(&xml, "Assertion"), Some(token));
        assert_eq!(element("<E><B/></E>", "Assertion"), None);
        assert_eq!(element("<E><Assertion>", "Assertion"), None, "it is cut off");
        assert_eq!(element("no XML < at all", "Assertion"), None);
    }

    #[test]
    fn a_refusal_has_the_services_words() {
        let fault = "<S:Fault><faultcode>x</faultcode><faultstring xml:lang=\"en\"> Invalid &amp; wrong </faultstring></S:Fault>";
        assert_eq!(element(fault, "faultstring").and_then(text).as_deref(), Some("Invalid & wrong"));
    }

    #[test]
    fn what_is_asked_is_escaped_and_dated() {
        let now: Timestamp = "2026-03-01T12:00:00.5Z".parse().unwrap();
        let text = request("a&b", &Secret::from("<x>"), now).unwrap();
        assert!(text.contains("<wsse:Username>a&amp;b</wsse:Username>"), "{text}");
        assert!(text.contains("<wsse:Password>&lt;x&gt;</wsse:Password>"), "{text}");
        assert_eq!(text.matches(">2026-03-01T12:00:00.500Z<").count(), 2, "{text}");
        assert_eq!(text.matches(">2026-03-01T12:05:00.500Z<").count(), 2, "{text}");
    }
}

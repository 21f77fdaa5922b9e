//! The inside of an envelope as the answer to one of several calls: the SOAP decoder with the schema's types. The first byte
//! chooses the call.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vcenter::soap::{Header, Request};
use vcenter::vim::{Args, MoRef, Object};
use vcenter::{Fault, Value, tree};

/// Calls whose results differ in kind: objects of many types, anything at all, one value, a list, nothing.
static CALLS: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let paths = Object::new("PropertySpec").set("type", "VirtualMachine").set("pathSet", ["name"].as_slice());
    let object = Object::new("ObjectSpec").set("obj", MoRef::new("VirtualMachine", "vm-1"));
    let spec = Object::new("PropertyFilterSpec").set("propSet", [paths]).set("objectSet", [object]);
    let retrieve = Args::new().set("specSet", [spec]).set("options", Object::new("RetrieveOptions"));
    let perf = Args::new().set("entity", MoRef::new("VirtualMachine", "vm-1"));
    [
        ("ServiceInstance", "RetrieveServiceContent", Args::new()),
        ("ServiceInstance", "CurrentTime", Args::new()),
        ("PropertyCollector", "RetrievePropertiesEx", retrieve),
        ("PropertyCollector", "WaitForUpdatesEx", Args::new().set("version", "1")),
        ("PerformanceManager", "QueryPerfProviderSummary", perf),
        ("AuthorizationManager", "RetrieveAllPermissions", Args::new()),
        ("SessionManager", "Logout", Args::new()),
    ]
    .map(|(kind, method, args)| {
        let request = Request::new(&MoRef::new(kind, "x"), method, &args, &Header::default());
        request.unwrap_or_else(|error| panic!("{method}: {error}"))
    })
    .into()
});

fuzz_target!(|data: &[u8]| {
    let Some((first, inside)) = data.split_first() else { return };
    let request = &CALLS[usize::from(*first) % CALLS.len()];
    let method = request.method().name();
    let mut body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"urn:vim25\"><e:Body><{method}Response>"
    )
    .into_bytes();
    body.extend_from_slice(inside);
    body.extend_from_slice(format!("</{method}Response></e:Body></e:Envelope>").as_bytes());
    match request.answer(&body) {
        Ok(value) => look_at(request, &value),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// What is done with a value that has been read: shown, taken apart, made plain.
fn look_at(request: &Request, value: &Value) {
    let _ = format!("{value:?}");
    let plain = tree::plain_result(request.method(), value);
    let _ = plain.to_string();
    if let Some(fault) = Fault::from_value(value) {
        let _ = fault.to_string();
    }
}

//! Any bytes as the answer to a call: the XML reader.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vcenter::MoRef;
use vcenter::soap::{Header, Request};
use vcenter::vim::Args;

fuzz_target!(|body: &[u8]| {
    let instance = MoRef::new("ServiceInstance", "ServiceInstance");
    let request = Request::new(&instance, "RetrieveServiceContent", &Args::new(), &Header::default());
    let answer = request.expect("a call without arguments").answer(body);
    // An error is a sentence, however long what it is about.
    if let Err(error) = answer {
        assert!(error.to_string().len() < 64 * 1024, "{error}");
    }
});

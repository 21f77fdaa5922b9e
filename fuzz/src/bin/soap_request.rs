//! A method and its arguments as a user writes them, as JSON: checked against the schema and encoded, or an error, and what
//! is encoded is XML that says what was meant. The first line is `Type method`, the rest the arguments.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use vcenter::soap::{Header, Request};
use vcenter::vim::MoRef;
use vcenter::{schema, tree};

fuzz_target!(|text: &str| {
    let Some((line, rest)) = text.split_once('\n') else { return };
    let Some((kind, name)) = line.split_once(' ') else { return };
    // A path of properties is looked up in the same table, by users too.
    let _ = schema::get().path(kind, name);
    let _ = line.parse::<MoRef>();
    let Some(method) = schema::get().managed(kind).and_then(|it| it.method(name)) else { return };
    let Ok(args) = serde_json::from_str::<Map<String, Value>>(rest) else { return };
    let Ok(args) = tree::args(method, &args) else { return };
    let header = Header { op_id: Some(rest), ..Header::default() };
    if let Ok(request) = Request::new(&MoRef::new(kind, name), name, &args, &header) {
        assert!(request.body().contains("Envelope"));
        // Read back as an answer it is none, but it is XML: that is what the reader must find.
        if let Err(error) = request.answer(request.body().as_bytes()) {
            assert!(error.to_string().ends_with(&format!("it is a '{name}'")), "{error}");
        }
    }
});

//! One chunk of low data: a state function, its arguments, and where it came from.

use salt::{Map, Value};

/// The text under a key of a chunk; whatever else is there as Python's `str` prints it.
pub fn text(chunk: &Map, key: &str) -> String {
    chunk.get(key).map(Value::to_string).unwrap_or_default()
}

/// The tag of a chunk in the return of a run: `state_|-id_|-name_|-fun` (`salt/state.py`, `_gen_tag`).
pub fn tag(chunk: &Map) -> String {
    format!(
        "{}_|-{}_|-{}_|-{}",
        text(chunk, "state"),
        text(chunk, "__id__"),
        text(chunk, "name"),
        text(chunk, "fun")
    )
}

/// The state function of a chunk: `test.nop`.
pub fn function(chunk: &Map) -> String {
    format!("{}.{}", text(chunk, "state"), text(chunk, "fun"))
}

/// True if a key of the chunk is there and true.
pub fn flag(chunk: &Map, key: &str) -> bool {
    chunk.get(key).is_some_and(Value::truthy)
}

/// The first key and value of a map.
pub fn first(map: &Map) -> Option<(&Value, &Value)> {
    map.iter().next()
}

/// The first key of a map, if it is text.
pub fn first_key(map: &Map) -> Option<&str> {
    map.keys().next()?.as_str()
}

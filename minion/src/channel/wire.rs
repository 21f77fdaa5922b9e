//! Small things of the wire that requests, pillar and publishes share.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::RngCore;
use rand::rngs::OsRng;
use salt::Value;

/// A nonce as Salt makes them: a random UUID without dashes.
pub(super) fn nonce() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    // The bits that say "random UUID", so that ours look like all others.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The bytes of a byte string.
pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    value.as_bytes()
}

/// The text of a byte string.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// A plain answer as a short text for the log: masters answer so when they refuse a request.
pub(super) fn plain(answer: &Value) -> Option<String> {
    match answer {
        Value::Bytes(_) | Value::Str(_) => {
            let text = text(answer)?;
            (text.len() <= 200 && !text.chars().any(char::is_control)).then(|| text.to_owned())
        }
        Value::Map(map) => {
            let told = ["error", "msg"].iter().find_map(|key| map.get(key).and_then(text));
            Some(told.unwrap_or("a map without a message").chars().take(200).collect())
        }
        other => Some(other.type_name().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::Map;

    #[test]
    fn nonces_are_uuids_and_differ() {
        let one = nonce();
        assert_eq!(one.len(), 32);
        assert_eq!(&one[12..13], "4");
        assert_ne!(one, nonce());
    }

    #[test]
    fn plain_answers_are_told_from_cipher_text() {
        assert_eq!(plain(&Value::Bytes(b"bad load".to_vec())).as_deref(), Some("bad load"));
        assert_eq!(plain(&Value::Bytes(vec![7; 48])), None);
        let map = Map::new().with("error", "Routing error");
        assert_eq!(plain(&Value::Map(map)).as_deref(), Some("Routing error"));
        assert_eq!(plain(&Value::None).as_deref(), Some("NoneType"));
    }
}

//! Hashes and encodings (`salt/utils/hashutils.py`).

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, Mac};
use jinja::python::{self, Bound};
use jinja::{Environment, Error, Result, Value};
use rand::Rng;
use sha1::Digest;
use sha2::Sha256;

use super::bytes_of;

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    for (name, function) in [
        ("md5", "md5_digest"),
        ("sha1", "sha1_digest"),
        ("sha256", "sha256_digest"),
        ("sha512", "sha512_digest"),
    ] {
        env.add_filter(name, move |_, value, args| {
            Bound::new(function, 1, args, &[], 0)?;
            Ok(Value::from(digest(name, &bytes_of(&value)?).unwrap_or_default()))
        });
    }
    env.add_filter("base64_encode", |_, value, args| {
        Bound::new("base64_b64encode", 1, args, &[], 0)?;
        Ok(Value::from(STANDARD.encode(bytes_of(&value)?)))
    });
    env.add_filter("base64_decode", |_, value, args| {
        Bound::new("base64_b64decode", 1, args, &[], 0)?;
        Ok(match String::from_utf8(decoded(&bytes_of(&value)?)?) {
            Ok(text) => Value::from(text),
            Err(error) => Value::Bytes(error.into_bytes().into()),
        })
    });
    env.add_filter("hmac", |_, value, args| {
        let b = Bound::new("hmac_signature", 1, args, &["shared_secret", "challenge_hmac"], 2)?;
        let tag = signature(&bytes_of(&value)?, &bytes_of(&b.none(0))?)?;
        Ok(Value::Bool(STANDARD.encode(tag).into_bytes() == bytes_of(&b.none(1))?))
    });
    env.add_filter("hmac_compute", |_, value, args| {
        let b = Bound::new("hmac_compute", 1, args, &["shared_secret"], 1)?;
        Ok(Value::from(hex(&signature(&bytes_of(&value)?, &bytes_of(&b.none(0))?)?)))
    });
    for name in ["rand_str", "random_hash"] {
        env.add_filter(name, |_, value, args| {
            let kind = Bound::new("random_hash", 1, args, &["hash_type"], 0)?.none(0);
            let kind = if kind.truth()? { jinja::to_str(&kind)? } else { "md5".to_string() };
            if value.as_str().is_some() {
                return Err(Error::type_error("can only concatenate str (not \"int\") to str"));
            }
            let most = python::index(&value)?;
            if most < 0 {
                return Err(Error::value_error(format!(
                    "empty range for randrange() (0, {}, {})",
                    most + 1,
                    most + 1
                )));
            }
            let number = rand::thread_rng().gen_range(0..=most).to_string();
            let made = digest(&kind, number.as_bytes());
            made.map(Value::from).ok_or_else(|| {
                Error::python("AttributeError", format!("module 'hashlib' has no attribute '{kind}'"))
            })
        });
    }
    env.add_filter("file_hashsum", |_, value, args| {
        let b = Bound::new("get_hash", 1, args, &["form", "chunk_size"], 0)?;
        let form = b.text(0, "sha256")?;
        if digest(&form, b"").is_none() {
            return Err(Error::value_error(format!("Invalid hash type: {form}")));
        }
        let path = jinja::to_str(&value)?;
        let content = std::fs::read(&path).map_err(|error| super::files::os_error(&error, &path))?;
        Ok(Value::from(digest(&form, &content).unwrap_or_default()))
    });
}

/// The hash of a name in hex; none if there is no such hash.
fn digest(name: &str, bytes: &[u8]) -> Option<String> {
    Some(match name {
        "md5" => hex(&md5::Md5::digest(bytes)),
        "sha1" => hex(&sha1::Sha1::digest(bytes)),
        "sha224" => hex(&sha2::Sha224::digest(bytes)),
        "sha256" => hex(&Sha256::digest(bytes)),
        "sha384" => hex(&sha2::Sha384::digest(bytes)),
        "sha512" => hex(&sha2::Sha512::digest(bytes)),
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signature(message: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    let mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).map_err(|error| Error::value_error(error.to_string()))?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}

/// `base64.b64decode`: what is not of the alphabet is passed over.
fn decoded(text: &[u8]) -> Result<Vec<u8>> {
    let wrong = |text: String| Error::python("binascii.Error", text);
    let mut symbols = Vec::new();
    let mut pads = 0;
    for c in text {
        if *c == b'=' {
            pads += 1;
            let quad = symbols.len() % 4;
            if quad >= 2 && quad + pads >= 4 {
                break;
            }
        } else if c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/') {
            symbols.push(*c);
            pads = 0;
        }
    }
    let quad = symbols.len() % 4;
    if quad == 1 {
        let n = symbols.len();
        let text = "cannot be 1 more than a multiple of 4";
        return Err(wrong(format!("Invalid base64-encoded string: number of data characters ({n}) {text}")));
    }
    if quad > 0 && quad + pads < 4 {
        return Err(wrong("Incorrect padding".into()));
    }
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let config = config.with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
    GeneralPurpose::new(&ALPHABET, config).decode(symbols).map_err(|error| wrong(error.to_string()))
}

//! Hashes and encodings.
//!
//! Facts: `salt/modules/hashutil.py` of Salt 3007.17.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use salt::{Context, Error, Result, Value, functions, salt_fn};
use sha2::Sha256;

use crate::digest::{Hash, to_hex};

functions![
    base64_b64decode,
    base64_b64encode,
    base64_decodefile,
    base64_decodestring,
    base64_encodefile,
    base64_encodestring,
    digest,
    digest_file,
    github_signature,
    hmac_compute,
    hmac_signature,
    md5_digest,
    sha256_digest,
    sha512_digest,
];

/// Gives the hash of a text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.digest 'get salted' sha256
/// ```
#[salt_fn]
async fn digest(
    _cx: &Context,
    /// The text.
    instr: String,
    /// `md5`, `sha256` or `sha512`.
    #[default("md5")]
    checksum: String,
) -> Result<String> {
    Ok(supported(&checksum)?.hex(instr.as_bytes()))
}

/// Gives the hash of a file of this machine.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.digest_file /path/to/file
/// ```
#[salt_fn]
async fn digest_file(
    _cx: &Context,
    /// The file.
    infile: String,
    /// `md5`, `sha256` or `sha512`.
    #[default("md5")]
    checksum: String,
) -> Result<String> {
    let kind = supported(&checksum)?;
    let file = std::fs::File::open(&infile)
        .map_err(|_| Error::execution(format!("File path '{infile}' not found.")))?;
    kind.hex_of_reader(file).map_err(Error::execution)
}

/// Gives the MD5 hash of a text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.md5_digest 'get salted'
/// ```
#[salt_fn]
async fn md5_digest(
    _cx: &Context,
    /// The text.
    instr: String,
) -> Result<String> {
    Ok(Hash::Md5.hex(instr.as_bytes()))
}

/// Gives the SHA-256 hash of a text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.sha256_digest 'get salted'
/// ```
#[salt_fn]
async fn sha256_digest(
    _cx: &Context,
    /// The text.
    instr: String,
) -> Result<String> {
    Ok(Hash::Sha256.hex(instr.as_bytes()))
}

/// Gives the SHA-512 hash of a text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.sha512_digest 'get salted'
/// ```
#[salt_fn]
async fn sha512_digest(
    _cx: &Context,
    /// The text.
    instr: String,
) -> Result<String> {
    Ok(Hash::Sha512.hex(instr.as_bytes()))
}

/// Encodes a text as base64, in one line.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_b64encode 'get salted'
/// ```
#[salt_fn]
async fn base64_b64encode(
    _cx: &Context,
    /// The text.
    instr: String,
) -> Result<String> {
    Ok(STANDARD.encode(instr))
}

/// Decodes base64.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_b64decode 'Z2V0IHNhbHRlZA=='
/// ```
#[salt_fn]
async fn base64_b64decode(
    _cx: &Context,
    /// The base64.
    instr: String,
) -> Result<Value> {
    Ok(text_or_bytes(decode(&instr)?))
}

/// Encodes a text as base64, in lines of 76 characters.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_encodestring 'get salted'
/// ```
#[salt_fn]
async fn base64_encodestring(
    _cx: &Context,
    /// The text.
    instr: String,
) -> Result<String> {
    Ok(in_lines(instr.as_bytes()))
}

/// Decodes base64 that may stand in lines.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_decodestring instr='Z2V0IHNhbHRlZAo='
/// ```
#[salt_fn]
async fn base64_decodestring(
    _cx: &Context,
    /// The base64.
    instr: String,
) -> Result<Value> {
    Ok(text_or_bytes(decode(&instr)?))
}

/// Encodes a file of this machine as base64, in lines of 76 characters.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_encodefile /path/to/binary_file
/// ```
#[salt_fn]
async fn base64_encodefile(
    _cx: &Context,
    /// The file.
    fname: String,
) -> Result<String> {
    Ok(in_lines(&tokio::fs::read(&fname).await.map_err(Error::execution)?))
}

/// Decodes base64 into a file of this machine.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.base64_decodefile instr='Z2V0IHNhbHRlZAo=' outfile='/path/to/binary_file'
/// ```
#[salt_fn]
async fn base64_decodefile(
    _cx: &Context,
    /// The base64.
    instr: String,
    /// The file.
    outfile: String,
) -> Result<bool> {
    tokio::fs::write(&outfile, decode(&instr)?).await.map_err(Error::execution)?;
    Ok(true)
}

/// Says whether a base64 HMAC (SHA-256) belongs to a text and a secret.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.hmac_signature 'get salted' 'shared secret' 'eBWf9bstXg+NiP5AOwppB5HMvZiYMPzEM9W5YMm/AmQ='
/// ```
#[salt_fn]
async fn hmac_signature(
    _cx: &Context,
    /// The text.
    string: String,
    /// The secret.
    shared_secret: String,
    /// The HMAC.
    challenge_hmac: String,
) -> Result<bool> {
    let given = decode(&challenge_hmac).unwrap_or_default();
    Ok(hmac_sha256(&string, &shared_secret)?.verify_slice(&given).is_ok())
}

/// Gives the HMAC (SHA-256) of a text and a secret in hex.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.hmac_compute 'get salted' 'shared secret'
/// ```
#[salt_fn]
async fn hmac_compute(
    _cx: &Context,
    /// The text.
    string: String,
    /// The secret.
    shared_secret: String,
) -> Result<String> {
    Ok(to_hex(&hmac_sha256(&string, &shared_secret)?.finalize().into_bytes()))
}

/// Says whether a signature as GitHub's web hooks have it belongs to a text and a secret.
///
/// On a command line the signature would be read as a keyword: give it by its name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' hashutil.github_signature '{"ref": 1}' 'shared secret' challenge_hmac='sha256=bc6550fc290acf5b42283fa8deaf55cea0f8c206'
/// ```
#[salt_fn]
async fn github_signature(
    _cx: &Context,
    /// The text.
    string: String,
    /// The secret.
    shared_secret: String,
    /// The signature: the name of a hash (`sha1` or `sha256`), an equals sign, hex.
    challenge_hmac: String,
) -> Result<bool> {
    let Some((kind, hex)) = challenge_hmac.split_once('=') else {
        return Err(Error::invocation("The signature has no name of a hash before an equals sign"));
    };
    let Some(given) = from_hex(hex) else { return Ok(false) };
    match kind {
        "sha256" => Ok(hmac_sha256(&string, &shared_secret)?.verify_slice(&given).is_ok()),
        "sha1" => {
            let mac =
                Hmac::<sha1::Sha1>::new_from_slice(shared_secret.as_bytes()).map_err(Error::execution)?;
            Ok(mac.chain_update(string.as_bytes()).verify_slice(&given).is_ok())
        }
        other => Err(Error::execution(format!("Hash func '{other}' is not supported."))),
    }
}

fn supported(checksum: &str) -> Result<Hash> {
    match checksum {
        "md5" | "sha256" | "sha512" => Hash::named(checksum),
        other => Err(Error::execution(format!("Hash func '{other}' is not supported."))),
    }
}

fn hmac_sha256(text: &str, secret: &str) -> Result<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(Error::execution)?;
    Ok(mac.chain_update(text.as_bytes()))
}

fn decode(text: &str) -> Result<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(text).map_err(|error| Error::exception("binascii.Error", error))
}

fn text_or_bytes(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or_else(|e| Value::Bytes(e.into_bytes()), Value::from)
}

/// 57 bytes fill a line of 76 characters.
fn in_lines(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\n").collect()
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

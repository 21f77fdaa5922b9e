//! Random texts and numbers.
//!
//! Facts: `salt/modules/mod_random.py` of Salt 3007.17. Whoever gives a seed gets what Python's generator
//! makes of it.

mod python;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use python::Python;
use rand::Rng;
use rand::seq::SliceRandom;
use salt::{Context, Error, Result, Value, functions, salt_fn};

functions![get_str, hash, rand_int, sample, seed, shuffle, str_encode];

/// Gives a random text, good enough for a password.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.get_str 128
/// salt '*' random.get_str 16 punctuation=False
/// ```
#[salt_fn]
async fn get_str(
    _cx: &Context,
    /// How many characters.
    #[default(20)]
    length: u64,
    /// The characters to choose from, instead of the classes below.
    chars: Option<String>,
    /// Small letters.
    #[default(true)]
    lowercase: bool,
    /// Capital letters.
    #[default(true)]
    uppercase: bool,
    /// Digits.
    #[default(true)]
    digits: bool,
    /// Punctuation.
    #[default(true)]
    punctuation: bool,
    /// White space.
    #[default(false)]
    whitespace: bool,
    /// All of these.
    #[default(false)]
    printable: bool,
) -> Result<String> {
    if length > 1 << 20 {
        return Err(Error::invocation("Argument 'length' must not be above 1048576"));
    }
    let classes = [
        (lowercase, "abcdefghijklmnopqrstuvwxyz"),
        (uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (digits, "0123456789"),
        (punctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        (whitespace, " \t\n\r\x0b\x0c"),
    ];
    let own = chars.filter(|chars| !chars.is_empty() && !printable);
    let chosen: Vec<char> = match own {
        Some(chars) => chars.chars().collect(),
        None => {
            let wanted = classes.into_iter().filter(|(wanted, _)| *wanted || printable);
            wanted.flat_map(|(_, class)| class.chars()).collect()
        }
    };
    if chosen.is_empty() {
        return Err(Error::invocation("There are no characters to choose from"));
    }
    let mut rng = rand::thread_rng();
    Ok((0..length).map(|_| chosen[rng.gen_range(0..chosen.len())]).collect())
}

/// Gives the hash of a text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.hash 'I am a string' md5
/// ```
#[salt_fn]
async fn hash(
    _cx: &Context,
    /// The text.
    value: String,
    /// `md5`, `sha1`, `sha224`, `sha256`, `sha384` or `sha512`.
    #[default("sha512")]
    algorithm: String,
) -> Result<String> {
    match crate::digest::Hash::named(&algorithm) {
        Ok(kind) => Ok(kind.hex(value.as_bytes())),
        Err(_) => {
            Err(Error::exception("salt.exceptions.SaltException", "You must specify a valid algorithm."))
        }
    }
}

/// Encodes a text as base64.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.str_encode 'I am a new string' base64
/// ```
#[salt_fn]
async fn str_encode(
    _cx: &Context,
    /// The text.
    value: String,
    /// `base64`.
    #[default("base64")]
    encoder: String,
) -> Result<String> {
    match encoder.as_str() {
        "base64" => Ok(STANDARD.encode(value)),
        _ => Err(Error::invocation("Value must be an encode-able string")),
    }
}

/// Gives a random whole number.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.rand_int 1 10
/// ```
#[salt_fn]
async fn rand_int(
    _cx: &Context,
    /// The smallest number.
    #[default(1)]
    start: i64,
    /// The largest number.
    #[default(10)]
    end: i64,
    /// What the number depends on.
    seed: Option<Value>,
) -> Result<i64> {
    if start > end {
        return Err(Error::exception(
            "ValueError",
            format!("empty range for randrange() ({start}, {})", end + 1),
        ));
    }
    Ok(match seed {
        None => rand::thread_rng().gen_range(start..=end),
        // Of the whole range of numbers there is one more than fits: then any number of 64 bits is in it.
        Some(seed) => {
            start.wrapping_add_unsigned(Python::seeded(&seed)?.below(end.abs_diff(start).saturating_add(1)))
        }
    })
}

/// Gives some items of a list, in random order.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.sample '[one, two, three]' 2
/// salt '*' random.sample '[one, two, three]' 2 seed='something'
/// ```
#[salt_fn]
async fn sample(
    _cx: &Context,
    /// The list.
    value: Vec<Value>,
    /// How many items.
    size: u64,
    /// What the choice depends on.
    seed: Option<Value>,
) -> Result<Vec<Value>> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > value.len() {
        return Err(Error::exception("ValueError", "Sample larger than population or is negative"));
    }
    chosen(&value, size, seed)
}

/// Gives the items of a list in random order.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.shuffle '[one, two, three]'
/// salt '*' random.shuffle '[one, two, three]' seed='something'
/// ```
#[salt_fn]
async fn shuffle(
    _cx: &Context,
    /// The list.
    value: Vec<Value>,
    /// What the order depends on.
    seed: Option<Value>,
) -> Result<Vec<Value>> {
    chosen(&value, value.len(), seed)
}

/// Gives a number that depends on the minion alone, to spread what many minions do.
///
/// CLI Example:
///
/// ```bash
/// salt '*' random.seed 10 hash=None
/// ```
#[salt_fn]
async fn seed(
    cx: &Context,
    /// The number is at least 0 and below this.
    #[default(10)]
    range: i64,
    /// What the number depends on, instead of the minion's id.
    hash: Option<Value>,
) -> Result<i64> {
    let limit = u64::try_from(range).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| Error::exception("ValueError", "empty range for randrange()"))?;
    let hash = hash.unwrap_or_else(|| cx.id().into());
    Ok(i64::try_from(Python::seeded(&hash)?.below(limit)).unwrap_or_default())
}

/// Some items in random order. It is the hash of the text that is the seed (`salt/utils/data.py`, `sample`).
fn chosen(items: &[Value], size: usize, seed: Option<Value>) -> Result<Vec<Value>> {
    let Some(seed) = seed else {
        let mut chosen: Vec<Value> = items.choose_multiple(&mut rand::thread_rng(), size).cloned().collect();
        chosen.shuffle(&mut rand::thread_rng());
        return Ok(chosen);
    };
    let text = seed.as_bytes().ok_or_else(|| {
        Error::exception(
            "TypeError",
            format!("object supporting the buffer API required, not {}", seed.type_name()),
        )
    })?;
    Ok(Python::seeded(&crate::digest::Hash::Sha512.hex(text).into())?.sample(items, size))
}

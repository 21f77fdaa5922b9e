//! The value of a scalar under its tag. Mistakes give the sentences of the Python exceptions.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use num_bigint::BigInt;

use super::error::{Error, Kind, Mark, Result};
use super::resolve::{BOOL, FLOAT, INT, NULL};
use crate::Value;

/// The value of a text under a tag that has scalars.
pub(super) fn of(tag: &str, text: &str, mark: Mark) -> Result<Value> {
    match tag {
        NULL => Ok(Value::None),
        BOOL => bool(text, mark),
        INT => int(text, mark),
        FLOAT => float(text, mark).map(Value::Float),
        "tag:yaml.org,2002:binary" => binary(text, mark).map(Value::Bytes),
        // Salt leaves timestamps as they are.
        _ => Ok(text.into()),
    }
}

fn bool(text: &str, mark: Mark) -> Result<Value> {
    let lower = text.to_lowercase();
    match lower.as_str() {
        "yes" | "true" | "on" => Ok(true.into()),
        "no" | "false" | "off" => Ok(false.into()),
        _ => Err(Error::value(Value::from(lower).repr(), mark)),
    }
}

/// Salt cuts the zeros of `0777`, so it is a decimal; the sign of `-0777` saves it from that, and PyYAML reads octal.
fn int(text: &str, mark: Mark) -> Result<Value> {
    let mut text = text;
    if text != "0" && text.starts_with('0') && !text.starts_with("0b") && !text.starts_with("0x") {
        text = text.trim_start_matches('0');
        if text.is_empty() {
            text = "0";
        }
    }
    let digits = text.replace('_', "");
    let negative = digits.starts_with('-');
    let digits = match digits.chars().next() {
        None => return Err(Error::value("string index out of range", mark)),
        Some('-' | '+') => &digits[1..],
        Some(_) => &digits[..],
    };
    let number = if digits == "0" {
        BigInt::ZERO
    } else if let Some(rest) = digits.strip_prefix("0b") {
        python_int(rest, 2, mark)?
    } else if let Some(rest) = digits.strip_prefix("0x") {
        python_int(rest, 16, mark)?
    } else if digits.starts_with('0') {
        python_int(digits, 8, mark)?
    } else if digits.contains(':') {
        let mut sum = BigInt::ZERO;
        for part in digits.split(':') {
            sum = sum * 60 + python_int(part, 10, mark)?;
        }
        sum
    } else if digits.is_empty() {
        return Err(Error::value("string index out of range", mark));
    } else {
        python_int(digits, 10, mark)?
    };
    Ok(Value::from_big(if negative { -number } else { number }))
}

fn python_int(text: &str, base: u32, mark: Mark) -> Result<BigInt> {
    /// Python's own limit (`sys.get_int_max_str_digits`), which also keeps this from taking quadratic time.
    const MAX_DIGITS: usize = 4300;
    let trimmed = text.trim();
    if base == 10 && trimmed.len() > MAX_DIGITS {
        let problem = format!(
            "Exceeds the limit (4300 digits) for integer string conversion: value has {} digits; use \
             sys.set_int_max_str_digits() to increase the limit",
            trimmed.len()
        );
        return Err(Error::value(problem, mark));
    }
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
    match BigInt::parse_bytes(trimmed.as_bytes(), base) {
        Some(number) if valid => Ok(number),
        _ => {
            let text = Value::from(text).repr();
            Err(Error::value(format!("invalid literal for int() with base {base}: {text}"), mark))
        }
    }
}

fn float(text: &str, mark: Mark) -> Result<f64> {
    let text = text.replace('_', "").to_lowercase();
    let (sign, digits) = match text.chars().next() {
        None => return Err(Error::value("string index out of range", mark)),
        Some('-') => (-1.0, &text[1..]),
        Some('+') => (1.0, &text[1..]),
        Some(_) => (1.0, &text[..]),
    };
    let number = match digits {
        ".inf" => f64::INFINITY,
        ".nan" => return Ok(f64::NAN),
        _ if digits.contains(':') => {
            let parts: Vec<f64> =
                digits.split(':').map(|part| python_float(part, mark)).collect::<Result<_>>()?;
            let mut base = 1.0;
            let mut sum = 0.0;
            for part in parts.into_iter().rev() {
                sum += part * base;
                base *= 60.0;
            }
            sum
        }
        _ => python_float(digits, mark)?,
    };
    Ok(sign * number)
}

fn python_float(text: &str, mark: Mark) -> Result<f64> {
    text.trim().parse().map_err(|_| {
        Error::value(format!("could not convert string to float: {}", Value::from(text).repr()), mark)
    })
}

/// `base64.decodebytes`: characters outside of the alphabet are passed over.
fn binary(text: &str, mark: Mark) -> Result<Vec<u8>> {
    if let Some((position, c)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
        let escaped = match c as u32 {
            n @ 0..=0xff => format!("\\x{n:02x}"),
            n @ 0..=0xffff => format!("\\u{n:04x}"),
            n => format!("\\U{n:08x}"),
        };
        let problem = format!(
            "failed to convert base64 data into ascii: 'ascii' codec can't encode character '{escaped}' in position {position}: ordinal not in range(128)"
        );
        return Err(Error::new(Kind::Constructor, problem, mark));
    }
    let wrong = |what: &str| {
        Err(Error::new(Kind::Constructor, format!("failed to decode base64 data: {what}"), mark))
    };
    let mut data: Vec<u8> = Vec::new();
    let mut pads = 0;
    for c in text.bytes() {
        match c {
            b'=' => {
                pads += 1;
                // Complete padding ends the data.
                if (data.len() % 4 == 2 && pads >= 2) || (data.len() % 4 == 3 && pads >= 1) {
                    break;
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
                pads = 0;
                data.push(c);
            }
            _ => {}
        }
    }
    match data.len() % 4 {
        1 => {
            let count = data.len();
            return wrong(&format!(
                "Invalid base64-encoded string: number of data characters ({count}) cannot be 1 more than a multiple of 4"
            ));
        }
        2 if pads < 2 => return wrong("Incorrect padding"),
        3 if pads < 1 => return wrong("Incorrect padding"),
        _ => {}
    }
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet::STANDARD, config).decode(&data).or_else(|_| wrong("Incorrect padding"))
}

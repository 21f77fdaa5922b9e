//! Filters of numbers.

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};

use super::{Bound, argument_error};
use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::methods::index;
use crate::ops::{self, Op};
use crate::repr::to_str;
use crate::state::State;
use crate::value::Value;

pub(super) fn register(env: &mut Environment) {
    env.add_filter("abs", |_, value, _| match &value {
        Value::Float(f) => Ok(Value::Float(f.abs())),
        v => match v.as_int() {
            Some(i) => Ok(Value::Int(i.abs())),
            None => Err(Error::type_error(format!("bad operand type for abs(): '{}'", v.type_name()))),
        },
    });
    env.add_filter("int", |_, value, args| {
        let b = Bound::new("do_int", 1, args, &["default", "base"], 0)?;
        let base = b.int(1, 10)?;
        match to_int(&value, base)? {
            Some(i) => Ok(Value::Int(i)),
            None => Ok(b.or(0, 0i64)),
        }
    });
    env.add_filter("float", |_, value, args| {
        let b = Bound::new("do_float", 1, args, &["default"], 0)?;
        match to_float(&value)? {
            Some(f) => Ok(Value::Float(f)),
            None => Ok(b.or(0, 0.0)),
        }
    });
    env.add_filter("round", round);
    env.add_filter("filesizeformat", |_, value, args| {
        let binary = Bound::new("do_filesizeformat", 1, args, &["binary"], 0)?.flag(0, false)?;
        filesize(&value, binary)
    });
}

/// Python's `float(x)`, `None` for what it refuses.
fn to_float(value: &Value) -> Result<Option<f64>> {
    Ok(match value {
        Value::Undefined(u) => return Err(u.error()),
        Value::Float(f) => Some(*f),
        Value::Str(s) | Value::Markup(s) => parse_float(s),
        v => match v.as_int() {
            Some(i) => Some(ops::int_to_float(&i)?),
            None => None,
        },
    })
}

/// The float a text stands for, by Python's rules.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    for (i, b) in bytes.iter().enumerate() {
        let digit = |j: Option<usize>| j.and_then(|j| bytes.get(j)).is_some_and(u8::is_ascii_digit);
        if *b == b'_' && !(digit(i.checked_sub(1)) && digit(Some(i + 1))) {
            return None;
        }
    }
    text.replace('_', "").parse().ok()
}

/// The integer a text stands for, by Python's rules.
pub(crate) fn parse_int(text: &str, base: i64) -> Option<BigInt> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(d) => (-1, d),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut base = u32::try_from(base).ok()?;
    let lower = digits.to_ascii_lowercase();
    let mut digits = digits;
    for (prefix, b) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if lower.starts_with(prefix) && (base == b || base == 0) {
            digits = digits[2..].strip_prefix('_').unwrap_or(&digits[2..]);
            base = b;
        }
    }
    if base == 0 {
        base = 10;
        if digits.len() > 1 && digits.starts_with('0') && digits.chars().any(|c| c != '0' && c != '_') {
            return None;
        }
    }
    if !(2..=36).contains(&base)
        || digits.is_empty()
        || digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__")
        || digits.len() > 4300
    {
        return None;
    }
    let digits = digits.replace('_', "");
    if !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), base).map(|i| i * sign)
}

fn to_int(value: &Value, base: i64) -> Result<Option<BigInt>> {
    let truncated = |f: f64| -> Option<BigInt> { BigInt::from_f64(f.trunc()) };
    match value {
        Value::Float(f) if f.is_infinite() => {
            Err(Error::python("OverflowError", "cannot convert float infinity to integer"))
        }
        Value::Float(f) => Ok(truncated(*f)),
        Value::Str(s) | Value::Markup(s) => {
            Ok(parse_int(s, base).or_else(|| parse_float(s).and_then(truncated)))
        }
        Value::Undefined(u) => Err(u.error()),
        v => Ok(v.as_int()),
    }
}

fn round(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_round", 1, args, &["precision", "method"], 0)?;
    let method = b.text(1, "common")?;
    if !matches!(method.as_str(), "common" | "ceil" | "floor") {
        return Err(argument_error("method must be common, ceil or floor"));
    }
    let precision = b.int(0, 0)?;
    if method != "common" {
        let scale = ops::binary(state, Op::Pow, &Value::from(10i64), &Value::from(precision))?;
        let scaled = ops::binary(state, Op::Mul, &value, &scale)?;
        let whole = match &scaled {
            Value::Float(f) => {
                let f = if method == "ceil" { f.ceil() } else { f.floor() };
                Value::Int(BigInt::from_f64(f).ok_or_else(|| {
                    Error::python("OverflowError", "cannot convert float infinity to integer")
                })?)
            }
            v => match v.as_int() {
                Some(i) => Value::Int(i),
                None => return Err(Error::type_error(format!("must be real number, not {}", v.type_name()))),
            },
        };
        return ops::binary(state, Op::Div, &whole, &scale);
    }
    match &value {
        Value::Float(f) => Ok(Value::Float(round_float(*f, precision))),
        v => match v.as_int() {
            Some(i) if precision >= 0 => Ok(Value::Int(i)),
            Some(i) => {
                let Some(exponent) = u32::try_from(-precision).ok().filter(|e| *e < 10_000) else {
                    return Ok(Value::from(0i64));
                };
                let unit = BigInt::from(10).pow(exponent);
                let down = ops::floor_div(&i, &unit);
                let twice: BigInt = (&i - &down * &unit) * 2;
                let up = twice > unit || (twice == unit && (&down % 2i32) != BigInt::ZERO);
                Ok(Value::Int((down + i32::from(up)) * unit))
            }
            None => Err(Error::type_error(format!("type {} doesn't define __round__ method", v.type_name()))),
        },
    }
}

fn round_float(f: f64, precision: i64) -> f64 {
    if !f.is_finite() || precision > 330 {
        return f;
    }
    if precision >= 0 {
        return format!("{f:.*}", usize::try_from(precision).unwrap_or(0)).parse().unwrap_or(f);
    }
    if precision < -308 {
        return 0.0;
    }
    let scale = 10f64.powi(i32::try_from(-precision).unwrap_or(0));
    let (down, scaled) = ((f / scale).floor(), f / scale);
    let part = scaled - down;
    let up = part > 0.5 || (part == 0.5 && down % 2.0 != 0.0);
    (down + f64::from(u8::from(up))) * scale
}

fn filesize(value: &Value, binary: bool) -> Result<Value> {
    let Some(bytes) = to_float(value)? else {
        let shown = crate::repr::repr(value)?;
        return Err(match value {
            Value::Str(_) => Error::value_error(format!("could not convert string to float: {shown}")),
            _ => Error::type_error(format!(
                "float() argument must be a string or a real number, not '{}'",
                value.type_name()
            )),
        });
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!(
            "{} Bytes",
            to_str(&Value::Int(BigInt::from_f64(bytes.trunc()).unwrap_or_default()))?
        )));
    }
    let letters = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
    let mut text = String::new();
    for (i, letter) in letters.into_iter().enumerate() {
        let unit = base.powi(i as i32 + 2);
        let prefix = if binary { format!("{}iB", letter.to_uppercase()) } else { format!("{letter}B") };
        text = format!("{:.1} {prefix}", base * bytes / unit);
        if bytes < unit {
            break;
        }
    }
    Ok(Value::from(text))
}

/// The index argument of a filter that must be above zero.
pub(super) fn positive(value: &Value, zero: &str) -> Result<usize> {
    let n = index(value)?;
    if n == 0 && !zero.is_empty() {
        return Err(Error::python("ZeroDivisionError", zero));
    }
    Ok(usize::try_from(n).unwrap_or(0))
}

//! Filters of texts (`salt/utils/jinja.py`, `salt/utils/stringutils.py`, `salt/utils/yamlencoding.py`, `salt/utils/path.py`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jinja::python::{self, Bound};
use jinja::{Args, Environment, Error, Result, State, Value, to_str};
use num_bigint::BigInt;
use rand::RngCore;
use salt::target::{Pattern, fnmatch};
use salt::yaml::{self, Style};

use super::lists::no_attribute;
use super::{bytes_of, is_hashable, number, repr_of_type, text_of, to_num};
use crate::convert::plain;
use crate::jinja::serialize::{indent, strict};

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    env.add_filter("to_bool", |_, value, args| {
        Bound::new("to_bool", 1, args, &[], 0)?;
        Ok(Value::Bool(match &value {
            Value::None | Value::Undefined(_) => false,
            Value::Bool(b) => *b,
            Value::Str(text) | Value::Markup(text) => {
                matches!(text.to_lowercase().as_str(), "yes" | "1" | "true")
            }
            Value::Int(n) => *n > BigInt::ZERO,
            other => !is_hashable(other) && other.length()? > 0,
        }))
    });
    env.add_filter("quote", |_, value, args| {
        Bound::new("quote", 1, args, &[], 0)?;
        let text = match value.as_str() {
            Some(text) => text,
            None if !value.truth()? => return Ok(Value::from("''")),
            None => return Err(expected_string(&value)),
        };
        let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
        Ok(match text {
            "" => Value::from("''"),
            text if text.chars().all(safe) => value,
            text => Value::from(format!("'{}'", text.replace('\'', "'\"'\"'"))),
        })
    });
    env.add_filter("to_bytes", |_, value, args| {
        Bound::new("to_bytes", 1, args, &["encoding", "errors"], 0)?;
        Ok(Value::Bytes(bytes_of(&value)?.into()))
    });
    for name in ["to_num", "str_to_num"] {
        env.add_filter(name, |_, value, args| {
            Bound::new("to_num", 1, args, &[], 0)?;
            to_num(&value)
        });
    }
    env.add_filter("is_hex", |_, value, args| {
        Bound::new("is_hex", 1, args, &[], 0)?;
        Ok(Value::Bool(value.as_str().is_some_and(|text| python::parse_int(text, 16).is_some())))
    });
    env.add_filter("random_str", |_, value, args| {
        Bound::new("random", 1, args, &[], 0)?;
        let size = usize::try_from(python::index(&value)?)
            .map_err(|_| Error::value_error("negative argument not allowed"))?;
        if size > 1 << 20 {
            return Err(Error::python("MemoryError", ""));
        }
        let mut bytes = vec![0; size];
        rand::thread_rng().fill_bytes(&mut bytes);
        Ok(Value::from(&STANDARD.encode(bytes)[..size]))
    });
    env.add_filter("contains_whitespace", |state, value, args| {
        Bound::new("contains_whitespace", 1, args, &[], 0)?;
        for item in value.items(state)? {
            let Some(text) = item.as_str() else { return Err(no_attribute(&item, "isspace")) };
            if !text.is_empty() && text.chars().all(is_space) {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    });
    env.add_filter("human_to_bytes", human_to_bytes);
    env.add_filter("check_whitelist_blacklist", |state, value, args| {
        let b = Bound::new("check_whitelist_blacklist", 1, args, &["whitelist", "blacklist"], 0)?;
        let (white, black) =
            (patterns(state, &b.none(0), "whitelist")?, patterns(state, &b.none(1), "blacklist")?);
        let hit = |list: &[Value]| list.iter().any(|pattern| fits(&value, pattern));
        Ok(Value::Bool((black.is_empty() || !hit(&black)) && (white.is_empty() || hit(&white))))
    });
    env.add_filter("to_snake_case", |_, value, args| {
        Bound::new("camel_to_snake_case", 1, args, &[], 0)?;
        snake_case(&value)
    });
    env.add_filter("to_camelcase", |_, value, args| {
        let upper = Bound::new("snake_to_camel_case", 1, args, &["uppercamel"], 0)?.flag(0, false)?;
        let text = value.as_str().ok_or_else(|| no_attribute(&value, "split"))?;
        let word = |(i, word): (usize, &str)| {
            if i > 0 || upper { python::capitalize(word) } else { word.to_string() }
        };
        Ok(Value::from(text.split('_').enumerate().map(word).collect::<String>()))
    });
    env.add_filter("yaml_dquote", |_, value, _| {
        Ok(Value::from(yaml::double_quoted(&to_str(&value)?, false)))
    });
    env.add_filter("yaml_squote", |_, value, _| Ok(Value::from(yaml::single_quoted(&to_str(&value)?))));
    env.add_filter("yaml_encode", |state, value, _| match &value {
        Value::Str(text) | Value::Markup(text) => Ok(Value::from(yaml::double_quoted(text, false))),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            let text = yaml::dump(&plain(state, &value)?, Style::default());
            Ok(Value::from(text.trim_end().trim_end_matches("\n...")))
        }
        Value::Bytes(bytes) => {
            Ok(Value::from(bytes.chunks(57).map(|row| STANDARD.encode(row) + "\n").collect::<String>()))
        }
        other => {
            let text = "yaml_encode() only works with YAML scalar data; failed for ";
            Err(Error::type_error(format!("{text}{}", repr_of_type(other))))
        }
    });
    strict(env, "tojson", to_json);
    env.add_filter("path_join", path_join);
    env.add_filter("method_call", |state, value, mut args| {
        if args.positional.is_empty() {
            return Err(Error::type_error("method_call() missing 1 required positional argument: 'f_name'"));
        }
        let name = args.positional.remove(0);
        let method = state.filter("attr", value, Args::new(vec![name]))?;
        if method.is_undefined() { Ok(Value::None) } else { state.call(&method, args) }
    });
    env.add_filter("uuid", |_, value, args| {
        Bound::new("uuid_", 1, args, &[], 0)?;
        Ok(Value::from(uuid5(&text_of(&value)?)))
    });
}

/// `str.isspace` of one character.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The `TypeError` of `re` and its users.
pub(super) fn expected_string(value: &Value) -> Error {
    Error::type_error(format!("expected string or bytes-like object, got '{}'", value.type_name()))
}

fn human_to_bytes(_: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("human_to_bytes", 1, args, &["default_unit", "handle_metric"], 0)?;
    let text = to_str(&value)?;
    let text = python::strip(&text);
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (figures, unit) = (&text[..split], text[split..].trim_start_matches(is_space));
    // The expression ends at the line: a text of several lines does not fit it.
    if unit.trim_end_matches('\n').contains('\n') {
        return Err(no_attribute(&Value::None, "group"));
    }
    let default = b.text(0, "B")?.to_lowercase();
    let unit = if unit.is_empty() { default } else { unit.to_lowercase() };
    let zero = Ok(Value::from(0i64));
    let mut letters = unit.chars();
    let Some(power) = letters.next().and_then(|letter| "bkmgtpezy".find(letter)) else { return zero };
    let (metric, rest) = (power > 0 && letters.as_str() == "b", letters.as_str());
    if !(metric || rest.is_empty() || (power > 0 && rest == "ib")) {
        return zero;
    }
    let power = power as u32;
    let factor = match metric && b.flag(1, false)? {
        true => BigInt::from(10).pow(power * 3),
        false => BigInt::from(2).pow(power * 10),
    };
    if let Some(whole) = python::parse_int(figures, 10) {
        return Ok(Value::Int(whole * factor));
    }
    let Some(x) = python::parse_float(figures) else { return zero };
    let factor = num_traits::ToPrimitive::to_f64(&factor).unwrap_or(f64::INFINITY);
    Ok(number((x * factor).trunc()))
}

fn patterns(state: &State<'_>, value: &Value, name: &str) -> Result<Vec<Value>> {
    if !value.truth()? {
        return Ok(vec![]);
    }
    match value {
        Value::Str(_) | Value::Markup(_) => Ok(vec![value.clone()]),
        other => other.items(state).map_err(|_| {
            let shown = to_str(other).unwrap_or_default();
            Error::type_error(format!("Expecting iterable {name}, but got {} ({shown})", other.type_name()))
        }),
    }
}

/// `expr_match`: a shell pattern, or a regular expression of the whole.
fn fits(value: &Value, pattern: &Value) -> bool {
    let (Some(value), Some(pattern)) = (value.as_str(), pattern.as_str()) else { return false };
    fnmatch(value, pattern)
        || Pattern::new(&format!("\\A{pattern}\\Z")).is_ok_and(|pattern| pattern.matches_start(value))
}

fn snake_case(value: &Value) -> Result<Value> {
    let text = value
        .as_str()
        .ok_or_else(|| Error::type_error(format!("'{}' object is not subscriptable", value.type_name())))?;
    let chars: Vec<char> = text.chars().collect();
    let Some(first) = chars.first() else {
        return Err(Error::python("IndexError", "string index out of range"));
    };
    let mut out: String = first.to_lowercase().collect();
    for (i, c) in chars.iter().enumerate().skip(1) {
        if c.is_uppercase()
            && (chars[i - 1].is_lowercase() || chars.get(i + 1).is_some_and(|c| c.is_lowercase()))
        {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    Ok(Value::from(out))
}

fn to_json(_: &State<'_>, value: Value, mut args: Args) -> Result<Value> {
    let ascii = args.take("ensure_ascii").map_or(Ok(true), |v| v.truth())?;
    let sort = args.take("sort_keys").map_or(Ok(false), |v| v.truth())?;
    let b = Bound::new("tojson", 1, args, &["indent"], 0)?;
    let text = jinja::json_dumps(&value, indent(b.get(0))?.as_deref(), sort, ascii)?;
    let safe = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")];
    Ok(Value::from(safe.iter().fold(text, |text, (c, escape)| text.replace(*c, escape))))
}

fn path_join(_: &State<'_>, value: Value, mut args: Args) -> Result<Value> {
    args.take("use_posixpath");
    if let Some((name, value)) = args.named.first() {
        let text = format!("The following keyword arguments are not valid: {name}={}", to_str(value)?);
        return Err(Error::python("salt.exceptions.SaltInvocationError", text));
    }
    let mut parts = Vec::new();
    for part in std::iter::once(&value).chain(&args.positional) {
        parts.push(normal_path(&text_of(part)?));
    }
    let mut joined = parts.remove(0);
    for part in parts {
        let part = part.trim_start_matches('/');
        if !joined.is_empty() && !joined.ends_with('/') {
            joined.push('/');
        }
        joined.push_str(part);
    }
    Ok(Value::from(normal_path(&joined)))
}

/// `os.path.normpath`
fn normal_path(path: &str) -> String {
    if path.is_empty() {
        return ".".into();
    }
    let slashes = path.len() - path.trim_start_matches('/').len();
    let root = match slashes {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." if !root.is_empty() && parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".into() } else { joined }
}

/// The UUID of version 5 in Salt's namespace.
fn uuid5(name: &str) -> String {
    use sha1::{Digest, Sha1};
    const NAMESPACE: u128 = 0x91633EBF_1C86_5E33_935A_28061F4B480E;
    let digest = Sha1::new().chain_update(NAMESPACE.to_be_bytes()).chain_update(name).finalize();
    let mut hex = String::new();
    for (i, byte) in digest.iter().take(16).enumerate() {
        let byte = match i {
            6 => byte & 0x0f | 0x50,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(i, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

//! The filters `urlencode` and `urlize`.

use super::text::escape;
use super::{Bound, argument_error};
use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::repr::{repr_str, to_str};
use crate::state::State;
use crate::value::Value;

pub(super) fn register(env: &mut Environment) {
    env.add_filter("urlencode", |state, value, args| {
        Bound::new("do_urlencode", 1, args, &[], 0)?;
        if let Value::Undefined(u) = &value
            && u.is_strict()
        {
            return Err(u.error());
        }
        let pairs = match &value {
            Value::Dict(d) => d.snapshot().into_iter().map(|(k, v)| Value::tuple(vec![k.0, v])).collect(),
            Value::Str(_)
            | Value::Markup(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::None => {
                return Ok(Value::from(quote(&bytes(&value)?, "/")));
            }
            other => other.items(state)?,
        };
        let mut parts = Vec::new();
        for pair in pairs {
            let parted = pair.items(state).map_err(|e| match e.class() {
                "TypeError" => {
                    Error::type_error(format!("cannot unpack non-iterable {} object", pair.type_name()))
                }
                _ => e,
            })?;
            match parted.as_slice() {
                [k, v] => parts.push(format!(
                    "{}={}",
                    quote(&bytes(k)?, "").replace("%20", "+"),
                    quote(&bytes(v)?, "").replace("%20", "+")
                )),
                items if items.len() < 2 => {
                    return Err(Error::value_error(format!(
                        "not enough values to unpack (expected 2, got {})",
                        items.len()
                    )));
                }
                _ => return Err(Error::value_error("too many values to unpack (expected 2)")),
            }
        }
        Ok(Value::from(parts.join("&")))
    });
    env.add_filter("urlize", urlize);
}

fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(match value {
        Value::Bytes(b) => b.to_vec(),
        other => to_str(other)?.into_bytes(),
    })
}

fn quote(bytes: &[u8], safe: &str) -> String {
    let mut out = String::new();
    for b in bytes {
        let c = char::from(*b);
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || (b.is_ascii() && safe.contains(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

struct Link {
    limit: Option<usize>,
    attrs: String,
    schemes: Vec<String>,
}

fn urlize(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new(
        "do_urlize",
        2,
        args,
        &["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"],
        0,
    )?;
    let limit = match b.get(0) {
        None | Some(Value::None) => None,
        Some(v) => Some(usize::try_from(crate::methods::index(v)?).unwrap_or(0)),
    };
    let mut rel: Vec<String> = vec!["noopener".to_owned()];
    if let Some(given) = b.none(3).as_str() {
        rel.extend(given.split_whitespace().map(str::to_owned));
    }
    if b.flag(1, false)? {
        rel.push("nofollow".to_owned());
    }
    rel.sort();
    rel.dedup();
    let mut attrs = format!(" rel=\"{}\"", escape(&rel.join(" ")));
    if let Some(target) = b.none(2).as_str().filter(|t| !t.is_empty()) {
        attrs.push_str(&format!(" target=\"{}\"", escape(target)));
    }
    let mut schemes = Vec::new();
    if let Some(given) = b.get(4).filter(|v| !matches!(v, Value::None)) {
        for scheme in given.items(state)? {
            let scheme = to_str(&scheme)?;
            let name = scheme.split(':').next().unwrap_or_default();
            let tail = scheme.strip_prefix(name).unwrap_or_default();
            let word = |c: char| c.is_alphanumeric() || "_.+-".contains(c);
            if name.chars().count() < 2 || !name.chars().all(word) || ![":", ":/", "://"].contains(&tail) {
                return Err(argument_error(format!(
                    "{} is not a valid URI scheme prefix.",
                    repr_str(&scheme)
                )));
            }
            schemes.push(scheme);
        }
    }
    let link = Link { limit, attrs, schemes };
    let text = match &value {
        Value::Markup(s) => s.to_string(),
        v => escape(&to_str(v)?),
    };
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_whitespace() {
            out.push_str(&link.word(&std::mem::take(&mut word)));
            out.push(c);
        } else {
            word.push(c);
        }
    }
    out.push_str(&link.word(&word));
    Ok(state.made(out))
}

impl Link {
    fn word(&self, word: &str) -> String {
        let mut middle = word;
        while let Some(rest) = ["(", "<", "&lt;"].iter().find_map(|p| middle.strip_prefix(p)) {
            middle = rest;
        }
        let head = &word[..word.len() - middle.len()];
        let mut end = middle;
        while let Some(rest) = [")", ">", ".", ",", "&gt;"].iter().find_map(|p| end.strip_suffix(p)) {
            end = rest;
        }
        let (mut middle, mut tail) = (end.to_owned(), middle[end.len()..].to_owned());
        for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
            let opened = middle.matches(open).count();
            if opened <= middle.matches(close).count() {
                continue;
            }
            for _ in 0..opened.min(tail.matches(close).count()) {
                let cut = tail.find(close).map_or(0, |i| i + close.len());
                middle.push_str(&tail[..cut]);
                tail = tail[cut..].to_owned();
            }
        }
        format!("{head}{}{tail}", self.linked(&middle))
    }

    fn trimmed(&self, text: &str) -> String {
        match self.limit {
            Some(n) if text.chars().count() > n => format!("{}...", text.chars().take(n).collect::<String>()),
            _ => text.to_owned(),
        }
    }

    fn linked(&self, text: &str) -> String {
        let attrs = &self.attrs;
        if is_url(text) {
            let scheme =
                if text.starts_with("https://") || text.starts_with("http://") { "" } else { "https://" };
            return format!("<a href=\"{scheme}{text}\"{attrs}>{}</a>", self.trimmed(text));
        }
        if let Some(mail) = text.strip_prefix("mailto:").filter(|m| is_mail(m)) {
            return format!("<a href=\"{text}\">{mail}</a>");
        }
        if !text.starts_with("www.") && !text.starts_with('@') && !text.contains(':') && is_mail(text) {
            return format!("<a href=\"mailto:{text}\">{text}</a>");
        }
        if self.schemes.iter().any(|s| text != s && text.starts_with(s.as_str())) {
            return format!("<a href=\"{text}\"{attrs}>{text}</a>");
        }
        text.to_owned()
    }
}

fn is_mail(text: &str) -> bool {
    let Some((user, host)) = text.rsplit_once('@') else { return false };
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let Some((front, last)) = host.rsplit_once('.') else { return false };
    !user.is_empty()
        && front.chars().next().is_some_and(word)
        && front.chars().all(|c| word(c) || c == '.' || c == '-')
        && !last.is_empty()
        && last.chars().all(word)
}

fn is_url(text: &str) -> bool {
    let lower = text.to_lowercase();
    let (scheme, rest) = match lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) {
        Some(rest) => (true, rest),
        None => (false, lower.as_str()),
    };
    let (www, rest) = match rest.strip_prefix("www.").filter(|_| !scheme) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let mut host = &rest[..cut];
    if let Some((name, port)) = host.rsplit_once(':')
        && !host.ends_with(']')
    {
        if port.is_empty() || port.len() > 5 || !port.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        host = name;
    }
    let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || "_%-".contains(c));
    if scheme {
        if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            return inner.matches(':').count() >= 2
                && inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
        }
        let parts: Vec<&str> = host.split('.').collect();
        if parts.len() == 4
            && parts.iter().all(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
        {
            return true;
        }
    }
    let (front, top) = host.rsplit_once('.').map_or((None, host), |(f, t)| (Some(f), t));
    if !front.is_none_or(|f| f.split('.').all(label)) {
        return false;
    }
    if scheme || www {
        let basic = (2..=63).contains(&top.len()) && top.bytes().all(|b| b.is_ascii_lowercase());
        let idna = top.strip_prefix("xn--").is_some_and(|t| {
            (2..=59).contains(&t.chars().count())
                && t.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '%')
        });
        return basic || idna;
    }
    front.is_some_and(|f| f.split('.').all(|l| (2..=63).contains(&l.chars().count())))
        && ["com", "net", "int", "edu", "gov", "org", "info", "mil"].contains(&top)
}

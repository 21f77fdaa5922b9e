//! Operators: arithmetic, comparison, membership.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};

use crate::error::{Error, Result};
use crate::iterate::PyIter;
use crate::state::State;
use crate::value::{Key, List, Tuple, Value};

mod sort;

pub(crate) use sort::sort;

/// Most bits of an integer an operator may make.
const MAX_BITS: u64 = 1 << 22;
/// Most items or bytes an operator may make.
const MAX_ITEMS: usize = 64 << 20;
const DEPTH: usize = 120;

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
}

impl Op {
    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Mod => "%",
            Self::Pow => "** or pow()",
        }
    }
}

enum Num {
    Int(BigInt),
    Float(f64),
}

fn num(v: &Value) -> Option<Num> {
    match v {
        Value::Float(f) => Some(Num::Float(*f)),
        _ => v.as_int().map(Num::Int),
    }
}

pub(crate) fn int_to_float(i: &BigInt) -> Result<f64> {
    match i.to_f64() {
        Some(f) if f.is_finite() => Ok(f),
        _ => Err(Error::python("OverflowError", "int too large to convert to float")),
    }
}

fn zero(message: &str) -> Error {
    Error::python("ZeroDivisionError", message)
}

pub(crate) fn memory() -> Error {
    Error::python("MemoryError", "")
}

/// `a op b`.
pub(crate) fn binary(state: &State<'_>, op: Op, a: &Value, b: &Value) -> Result<Value> {
    if op == Op::Mod
        && let Some(s) = a.as_str()
    {
        let markup = matches!(a, Value::Markup(_));
        let text = crate::format::percent(state, s, &if markup { escape_strings(b) } else { b.clone() })?;
        return Ok(if matches!(a, Value::Markup(_)) { Value::Markup(text.into()) } else { text.into() });
    }
    for v in [a, b] {
        if let Value::Undefined(u) = v {
            return Err(u.error());
        }
    }
    if let (Some(x), Some(y)) = (num(a), num(b)) {
        return match (x, y) {
            (Num::Int(x), Num::Int(y)) => ints(op, &x, &y),
            (x, y) => floats(op, as_float(&x)?, as_float(&y)?),
        };
    }
    match op {
        Op::Add => add(a, b),
        Op::Mul => match (a.as_int(), b.as_int()) {
            (Some(n), _) if is_sequence(b) => repeat(b, &n),
            (_, Some(n)) if is_sequence(a) => repeat(a, &n),
            _ if is_sequence(a) => Err(Error::type_error(format!(
                "can't multiply sequence by non-int of type '{}'",
                b.type_name()
            ))),
            _ if is_sequence(b) => Err(Error::type_error(format!(
                "can't multiply sequence by non-int of type '{}'",
                a.type_name()
            ))),
            _ => Err(unsupported(op, a, b)),
        },
        Op::Sub => {
            let is_set = |v: &Value| {
                matches!(
                    v,
                    Value::Set(_) | Value::View(crate::value::View::Keys | crate::value::View::Items, _)
                )
            };
            let view = matches!(a, Value::View(..)) || matches!(b, Value::View(..));
            let fits = if view { is_set(a) || is_set(b) } else { is_set(a) && is_set(b) };
            if !fits {
                return Err(unsupported(op, a, b));
            }
            let keys = |v: &Value| {
                v.items(state)?.into_iter().map(Key::new).collect::<Result<indexmap::IndexSet<Key>>>()
            };
            let (x, y) = (keys(a)?, keys(b)?);
            Ok(Value::Set(crate::value::Set::new(x.into_iter().filter(|k| !y.contains(k)).collect())))
        }
        Op::Mod if matches!(a, Value::Bytes(_)) => {
            Err(Error::type_error("not all arguments converted during bytes formatting"))
        }
        _ => Err(unsupported(op, a, b)),
    }
}

/// The same values with their plain texts escaped, as markup takes them in.
pub(crate) fn escape_strings(value: &Value) -> Value {
    match value {
        Value::Str(s) => Value::Markup(crate::filters::text::escape(s).into()),
        Value::Tuple(t) => Value::tuple(t.items().iter().map(escape_strings).collect()),
        Value::Dict(d) => Value::Dict(crate::value::Dict::new(
            d.snapshot().into_iter().map(|(k, v)| (k, escape_string(&v))).collect(),
        )),
        other => other.clone(),
    }
}

fn escape_string(value: &Value) -> Value {
    match value {
        Value::Str(_) => escape_strings(value),
        other => other.clone(),
    }
}

fn unsupported(op: Op, a: &Value, b: &Value) -> Error {
    Error::type_error(format!(
        "unsupported operand type(s) for {}: '{}' and '{}'",
        op.symbol(),
        a.type_name(),
        b.type_name()
    ))
}

fn is_sequence(v: &Value) -> bool {
    matches!(v, Value::Str(_) | Value::Markup(_) | Value::Bytes(_) | Value::List(_) | Value::Tuple(_))
}

fn add(a: &Value, b: &Value) -> Result<Value> {
    let refuse = |name: &str| {
        Error::type_error(format!("can only concatenate {name} (not \"{}\") to {name}", b.type_name()))
    };
    Ok(match (a, b) {
        (Value::Markup(x), _) | (_, Value::Markup(x)) if a.as_str().is_some() && b.as_str().is_some() => {
            let escape = |v: &Value| match v {
                Value::Markup(s) => s.to_string(),
                other => crate::filters::text::escape(other.as_str().unwrap_or_default()),
            };
            let _ = x;
            Value::Markup(format!("{}{}", escape(a), escape(b)).into())
        }
        (Value::Str(x), Value::Str(y)) => {
            if x.len() + y.len() > MAX_ITEMS {
                return Err(memory());
            }
            Value::from(format!("{x}{y}"))
        }
        (Value::Markup(_), _) => return Err(unsupported(Op::Add, a, b)),
        (Value::Str(_), _) => return Err(refuse("str")),
        (Value::Bytes(x), Value::Bytes(y)) => Value::Bytes([&**x, &**y].concat().into()),
        (Value::Bytes(_), _) => {
            return Err(Error::type_error(format!("can't concat {} to bytes", b.type_name())));
        }
        (Value::List(x), Value::List(y)) => {
            let (mut x, y) = (x.snapshot(), y.snapshot());
            if x.len() + y.len() > MAX_ITEMS / 16 {
                return Err(memory());
            }
            x.extend(y);
            Value::List(List::new(x))
        }
        (Value::List(_), _) => return Err(refuse("list")),
        (Value::Tuple(x), Value::Tuple(y)) => {
            Value::Tuple(Tuple::new(x.items().iter().chain(y.items()).cloned().collect()))
        }
        (Value::Tuple(_), _) => return Err(refuse("tuple")),
        _ => return Err(unsupported(Op::Add, a, b)),
    })
}

fn repeat(v: &Value, n: &BigInt) -> Result<Value> {
    let too_large = || Error::python("OverflowError", "cannot fit 'int' into an index-sized integer");
    let n = if n.is_negative() {
        0
    } else {
        n.to_i64().and_then(|n| usize::try_from(n).ok()).ok_or_else(too_large)?
    };
    let bound = |len: usize, limit: usize| if len.saturating_mul(n) > limit { Err(memory()) } else { Ok(()) };
    Ok(match v {
        Value::Str(s) => {
            bound(s.len(), MAX_ITEMS)?;
            Value::from(s.repeat(n))
        }
        Value::Markup(s) => {
            bound(s.len(), MAX_ITEMS)?;
            Value::Markup(s.repeat(n).into())
        }
        Value::Bytes(b) => {
            bound(b.len(), MAX_ITEMS)?;
            Value::Bytes(b.repeat(n).into())
        }
        Value::List(l) => {
            let items = l.snapshot();
            bound(items.len(), MAX_ITEMS / 64)?;
            Value::list(items.iter().cycle().take(items.len() * n).cloned().collect())
        }
        Value::Tuple(t) => {
            bound(t.items().len(), MAX_ITEMS / 64)?;
            Value::tuple(t.items().iter().cycle().take(t.items().len() * n).cloned().collect())
        }
        _ => Value::None,
    })
}

fn as_float(n: &Num) -> Result<f64> {
    match n {
        Num::Int(i) => int_to_float(i),
        Num::Float(f) => Ok(*f),
    }
}

pub(crate) fn floor_div(x: &BigInt, y: &BigInt) -> BigInt {
    let (q, r) = (x / y, x % y);
    if !r.is_zero() && (r.is_negative() != y.is_negative()) { q - 1 } else { q }
}

fn ints(op: Op, x: &BigInt, y: &BigInt) -> Result<Value> {
    Ok(Value::Int(match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => {
            if x.bits() + y.bits() > MAX_BITS {
                return Err(memory());
            }
            x * y
        }
        Op::Div => {
            if y.is_zero() {
                return Err(zero("division by zero"));
            }
            return true_div(x, y).map(Value::Float);
        }
        Op::FloorDiv if y.is_zero() => return Err(zero("integer division or modulo by zero")),
        Op::FloorDiv => floor_div(x, y),
        Op::Mod if y.is_zero() => return Err(zero("integer modulo by zero")),
        Op::Mod => x - floor_div(x, y) * y,
        Op::Pow => {
            if y.is_negative() {
                return floats(op, int_to_float(x)?, int_to_float(y)?);
            }
            let exponent = match y.to_u32() {
                Some(e) if x.bits() <= 1 || x.bits() * u64::from(e) <= MAX_BITS => e,
                None if x.bits() <= 1 && (x.is_zero() || x.is_positive()) => 1,
                None if x.bits() <= 1 => u32::from((y % 2u8) == BigInt::from(1)),
                _ => return Err(memory()),
            };
            x.pow(exponent)
        }
    }))
}

fn true_div(x: &BigInt, y: &BigInt) -> Result<f64> {
    if let (Some(a), Some(b)) = (x.to_i64(), y.to_i64())
        && a.unsigned_abs() < 1 << 53
        && b.unsigned_abs() < 1 << 53
    {
        return Ok(a as f64 / b as f64);
    }
    // Scaled so that the quotient has more than 64 significant bits before it is rounded once.
    let shift = 66 + y.bits() as i64 - x.bits() as i64;
    let (n, d) = if shift >= 0 { (x << shift, y.clone()) } else { (x.clone(), y << -shift) };
    let mut q = &n / &d;
    if !(&n % &d).is_zero() {
        q |= BigInt::from(1);
    }
    let f = q.to_f64().unwrap_or(f64::INFINITY) * 2f64.powi((-shift).clamp(-1100, 1100) as i32);
    if f.is_finite() {
        Ok(f)
    } else {
        Err(Error::python("OverflowError", "integer division result too large for a float"))
    }
}

fn floats(op: Op, x: f64, y: f64) -> Result<Value> {
    Ok(Value::Float(match op {
        Op::Add => x + y,
        Op::Sub => x - y,
        Op::Mul => x * y,
        Op::Div if y == 0.0 => return Err(zero("float division by zero")),
        Op::Div => x / y,
        Op::FloorDiv if y == 0.0 => return Err(zero("float floor division by zero")),
        Op::FloorDiv => {
            let m = float_mod(x, y);
            let div = (x - m) / y;
            let floor = div.floor();
            if div - floor > 0.5 { floor + 1.0 } else { floor }
        }
        Op::Mod if y == 0.0 => return Err(zero("float modulo")),
        Op::Mod => float_mod(x, y),
        Op::Pow => {
            if x == 0.0 && y < 0.0 {
                return Err(zero("0.0 cannot be raised to a negative power"));
            }
            let f = x.powf(y);
            if f.is_infinite() && x.is_finite() && y.is_finite() {
                return Err(Error::python("OverflowError", "(34, 'Numerical result out of range')"));
            }
            f
        }
    }))
}

fn float_mod(x: f64, y: f64) -> f64 {
    let m = x % y;
    if m == 0.0 {
        0f64.copysign(y)
    } else if (m < 0.0) != (y < 0.0) {
        m + y
    } else {
        m
    }
}

/// `-x` or `+x`.
pub(crate) fn unary(minus: bool, v: &Value) -> Result<Value> {
    match v {
        Value::Undefined(u) => Err(u.error()),
        Value::Float(f) => Ok(Value::Float(if minus { -f } else { *f })),
        _ => match v.as_int() {
            Some(i) => Ok(Value::Int(if minus { -i } else { i })),
            None => Err(Error::type_error(format!(
                "bad operand type for unary {}: '{}'",
                if minus { '-' } else { '+' },
                v.type_name()
            ))),
        },
    }
}

fn cmp_int_float(i: &BigInt, f: f64) -> Option<Ordering> {
    if f.is_nan() {
        return None;
    }
    if f.is_infinite() {
        return Some(if f > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let floor = BigInt::from_f64(f.floor())?;
    Some(match i.cmp(&floor) {
        Ordering::Equal if f > f.floor() => Ordering::Less,
        other => other,
    })
}

fn cmp_num(a: &Num, b: &Num) -> Option<Ordering> {
    match (a, b) {
        (Num::Int(x), Num::Int(y)) => Some(x.cmp(y)),
        (Num::Float(x), Num::Float(y)) => x.partial_cmp(y),
        (Num::Int(x), Num::Float(y)) => cmp_int_float(x, *y),
        (Num::Float(x), Num::Int(y)) => cmp_int_float(y, *x).map(Ordering::reverse),
    }
}

/// Equality of hashable values that are no tuples.
pub(crate) fn simple_eq(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Undefined(x), Value::Undefined(y)) => x.kind == y.kind,
        (Value::Str(x) | Value::Markup(x), Value::Str(y) | Value::Markup(y)) => x == y,
        (Value::Bytes(x), Value::Bytes(y)) => x == y,
        (Value::Range(x), Value::Range(y)) => x == y,
        (Value::Iterator(x), Value::Iterator(y)) => std::sync::Arc::ptr_eq(x, y),
        (Value::Method(x), Value::Method(y)) => x.name == y.name && identical(&x.this, &y.this),
        (Value::Object(x), Value::Object(y)) => std::sync::Arc::ptr_eq(x, y),
        _ => match (num(a), num(b)) {
            (Some(x), Some(y)) => cmp_num(&x, &y) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// `a is b`, as far as values have an identity here.
pub(crate) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(x), Value::List(y)) => x.same(y),
        (Value::Dict(x), Value::Dict(y)) => x.same(y),
        (Value::Set(x), Value::Set(y)) => x.same(y),
        (Value::Tuple(x), Value::Tuple(y)) => {
            x.id() == y.id() || (x.items().is_empty() && y.items().is_empty())
        }
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits(),
        (Value::Bool(_) | Value::Int(_) | Value::Float(_), _)
        | (_, Value::Bool(_) | Value::Int(_) | Value::Float(_)) => false,
        (Value::Undefined(x), Value::Undefined(y)) => std::sync::Arc::ptr_eq(x, y),
        _ => simple_eq(a, b),
    }
}

/// `a == b`.
pub(crate) fn eq(a: &Value, b: &Value) -> Result<bool> {
    eq_at(a, b, 0)
}

fn eq_at(a: &Value, b: &Value, depth: usize) -> Result<bool> {
    if depth > DEPTH {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded in comparison"));
    }
    for v in [a, b] {
        if let Value::Undefined(u) = v
            && u.is_strict()
        {
            return Err(u.error());
        }
    }
    let all = |x: &[Value], y: &[Value]| -> Result<bool> {
        if x.len() != y.len() {
            return Ok(false);
        }
        for (p, q) in x.iter().zip(y) {
            if !identical(p, q) && !eq_at(p, q, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    Ok(match (a, b) {
        (Value::List(x), Value::List(y)) => x.same(y) || all(&x.snapshot(), &y.snapshot())?,
        (Value::Tuple(x), Value::Tuple(y)) => all(x.items(), y.items())?,
        (Value::Dict(x), Value::Dict(y)) => {
            if x.same(y) {
                return Ok(true);
            }
            let (x, y) = (x.snapshot(), y.snapshot());
            if x.len() != y.len() {
                return Ok(false);
            }
            for (k, v) in &x {
                match y.get(k) {
                    Some(w) if identical(v, w) || eq_at(v, w, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Set(x), Value::Set(y)) => x.same(y) || x.snapshot() == y.snapshot(),
        (Value::View(v, x), Value::View(w, y)) => v == w && x.same(y),
        _ => simple_eq(a, b),
    })
}

/// An ordering comparison: `<`, `<=`, `>` or `>=`.
pub(crate) fn compare(symbol: &str, a: &Value, b: &Value) -> Result<bool> {
    compare_at(symbol, a, b, 0)
}

fn holds(symbol: &str, o: Option<Ordering>) -> bool {
    match (symbol, o) {
        (_, None) => false,
        ("<", Some(o)) => o.is_lt(),
        ("<=", Some(o)) => o.is_le(),
        (">", Some(o)) => o.is_gt(),
        (_, Some(o)) => o.is_ge(),
    }
}

fn compare_at(symbol: &str, a: &Value, b: &Value, depth: usize) -> Result<bool> {
    if depth > DEPTH {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded in comparison"));
    }
    for v in [a, b] {
        if let Value::Undefined(u) = v {
            return Err(u.error());
        }
    }
    let lists = |x: &[Value], y: &[Value]| -> Result<bool> {
        for (p, q) in x.iter().zip(y) {
            if !identical(p, q) && !eq_at(p, q, depth + 1)? {
                return compare_at(symbol, p, q, depth + 1);
            }
        }
        Ok(holds(symbol, Some(x.len().cmp(&y.len()))))
    };
    let refuse = || {
        Err(Error::type_error(format!(
            "'{symbol}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        )))
    };
    match (a, b) {
        (Value::Str(x) | Value::Markup(x), Value::Str(y) | Value::Markup(y)) => {
            Ok(holds(symbol, Some(x.cmp(y))))
        }
        (Value::Bytes(x), Value::Bytes(y)) => Ok(holds(symbol, Some(x.cmp(y)))),
        (Value::List(x), Value::List(y)) => lists(&x.snapshot(), &y.snapshot()),
        (Value::Tuple(x), Value::Tuple(y)) => lists(x.items(), y.items()),
        (Value::Set(x), Value::Set(y)) => {
            let (x, y) = (x.snapshot(), y.snapshot());
            Ok(match symbol {
                "<" => x.len() < y.len() && x.is_subset(&y),
                "<=" => x.is_subset(&y),
                ">" => x.len() > y.len() && y.is_subset(&x),
                _ => y.is_subset(&x),
            })
        }
        _ => match (num(a), num(b)) {
            (Some(x), Some(y)) => Ok(holds(symbol, cmp_num(&x, &y))),
            _ => refuse(),
        },
    }
}

/// `item in container`.
pub(crate) fn contains(state: &State<'_>, container: &Value, item: &Value) -> Result<bool> {
    match container {
        Value::Undefined(u) if u.is_strict() => Err(u.error()),
        Value::Str(s) | Value::Markup(s) => match item {
            Value::Str(i) | Value::Markup(i) => Ok(s.contains(&**i)),
            _ => Err(Error::type_error(format!(
                "'in <string>' requires string as left operand, not {}",
                item.type_name()
            ))),
        },
        Value::Bytes(b) => match item {
            Value::Bytes(i) => Ok(i.is_empty() || b.windows(i.len()).any(|w| w == &**i)),
            _ => match item.as_i64() {
                Some(n) => u8::try_from(n)
                    .map(|n| b.contains(&n))
                    .map_err(|_| Error::value_error("byte must be in range(0, 256)")),
                None => Err(Error::type_error(format!(
                    "a bytes-like object is required, not '{}'",
                    item.type_name()
                ))),
            },
        },
        Value::Dict(d) | Value::View(crate::value::View::Keys, d) => {
            let key = Key::new(item.clone())?;
            Ok(d.with(|m| m.contains_key(&key)))
        }
        Value::Set(s) => {
            let key = Key::new(item.clone())?;
            Ok(s.with(|m| m.contains(&key)))
        }
        Value::Object(o) => match o.contains(state, item)? {
            Some(found) => Ok(found),
            None => any_equal(state, container, item),
        },
        _ => any_equal(state, container, item),
    }
}

fn any_equal(state: &State<'_>, container: &Value, item: &Value) -> Result<bool> {
    let mut iter = match PyIter::new(state, container) {
        Err(e) if e.class() == "TypeError" => {
            return Err(Error::type_error(format!(
                "argument of type '{}' is not iterable",
                container.type_name()
            )));
        }
        other => other?,
    };
    while let Some(v) = iter.next(state)? {
        state.step()?;
        if identical(&v, item) || eq(&v, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

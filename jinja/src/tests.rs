//! Jinja2's own tests.

use num_traits::Zero;

use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::methods::text;
use crate::ops::{self, Op};
use crate::repr::to_str;
use crate::state::State;
use crate::value::Value;

fn one(name: &str, args: Args, param: &str) -> Result<Value> {
    Ok(args.bind(name, 1, &[param], 1)?.into_iter().flatten().next().unwrap_or(Value::None))
}

fn modulo(state: &State<'_>, value: &Value, by: &Value, rest: i64) -> Result<bool> {
    let left = ops::binary(state, Op::Mod, value, by)?;
    ops::eq(&left, &Value::from(rest))
}

fn operand(args: Args, name: &str) -> Result<Value> {
    let n = args.positional.len() + 1;
    if n != 2 || !args.named.is_empty() {
        return Err(Error::type_error(format!("{name} expected 2 arguments, got {n}")));
    }
    Ok(args.positional.into_iter().next().unwrap_or(Value::None))
}

pub(crate) fn register(env: &mut Environment) {
    type Plain = fn(&Value) -> Result<bool>;
    let plain: &[(&str, Plain)] = &[
        ("defined", |v| Ok(!v.is_undefined())),
        ("undefined", |v| Ok(v.is_undefined())),
        ("none", |v| Ok(matches!(v, Value::None))),
        ("boolean", |v| Ok(matches!(v, Value::Bool(_)))),
        ("false", |v| Ok(matches!(v, Value::Bool(false)))),
        ("true", |v| Ok(matches!(v, Value::Bool(true)))),
        ("integer", |v| Ok(matches!(v, Value::Int(_)))),
        ("float", |v| Ok(matches!(v, Value::Float(_)))),
        ("number", |v| Ok(matches!(v, Value::Int(_) | Value::Float(_) | Value::Bool(_)))),
        ("string", |v| Ok(v.as_str().is_some())),
        ("mapping", |v| Ok(matches!(v, Value::Dict(_)) || matches!(v, Value::Object(o) if o.is_mapping()))),
        ("lower", |v| Ok(text::is_lower(&to_str(v)?))),
        ("upper", |v| Ok(text::is_upper(&to_str(v)?))),
        ("escaped", |v| Ok(matches!(v, Value::Markup(_)))),
        ("callable", |v| {
            Ok(match v {
                Value::Method(_) | Value::Undefined(_) => true,
                Value::Object(o) => o.is_callable(),
                _ => false,
            })
        }),
        ("sequence", |v| {
            Ok(match v {
                Value::Undefined(u) => !u.is_strict(),
                Value::Str(_)
                | Value::Markup(_)
                | Value::Bytes(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Range(_) => true,
                Value::Object(o) => o.length().is_some(),
                _ => false,
            })
        }),
    ];
    for (name, f) in plain {
        let f = *f;
        let full = format!("test_{name}");
        env.add_test(name, move |_, value, args| {
            args.bind(&full, 1, &[], 0)?;
            f(&value)
        });
    }
    env.add_test("iterable", |state, value, _| match &value {
        Value::Undefined(u) if u.is_strict() => Err(u.error()),
        Value::Undefined(_) | Value::Iterator(_) => Ok(true),
        _ => match crate::iterate::PyIter::new(state, &value) {
            Ok(_) => Ok(true),
            Err(e) if e.class() == "TypeError" => Ok(false),
            Err(e) => Err(e),
        },
    });
    env.add_test("odd", |state, value, _| modulo(state, &value, &Value::from(2i64), 1));
    env.add_test("even", |state, value, _| modulo(state, &value, &Value::from(2i64), 0));
    env.add_test("divisibleby", |state, value, args| {
        let by = one("test_divisibleby", args, "num")?;
        if let (Value::Int(_), Value::Int(n)) = (&value, &by)
            && n.is_zero()
        {
            return Err(Error::python("ZeroDivisionError", "integer modulo by zero"));
        }
        modulo(state, &value, &by, 0)
    });
    env.add_test("sameas", |_, value, args| Ok(ops::identical(&value, &one("test_sameas", args, "other")?)));
    env.add_test("in", |state, value, args| ops::contains(state, &one("test_in", args, "seq")?, &value));
    env.add_test("filter", |state, value, _| {
        Ok(value.as_str().is_some_and(|n| state.environment().filters.contains_key(n)))
    });
    env.add_test("test", |state, value, _| {
        Ok(value.as_str().is_some_and(|n| state.environment().tests.contains_key(n)))
    });
    for name in ["==", "eq", "equalto"] {
        env.add_test(name, |_, value, args| ops::eq(&value, &operand(args, "eq")?));
    }
    for name in ["!=", "ne"] {
        env.add_test(name, |_, value, args| Ok(!ops::eq(&value, &operand(args, "ne")?)?));
    }
    let orders: &[(&str, &[&str], &str)] = &[
        (">", &[">", "gt", "greaterthan"], "gt"),
        (">=", &[">=", "ge"], "ge"),
        ("<", &["<", "lt", "lessthan"], "lt"),
        ("<=", &["<=", "le"], "le"),
    ];
    for (symbol, names, function) in orders {
        for name in *names {
            let (symbol, function) = (*symbol, *function);
            env.add_test(name, move |_, value, args| ops::compare(symbol, &value, &operand(args, function)?));
        }
    }
}

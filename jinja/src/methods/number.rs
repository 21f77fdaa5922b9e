//! Methods of numbers.

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::Given;
use crate::args::Args;
use crate::error::{Error, Result};
use crate::value::Value;

pub(super) fn call(value: &Value, name: &str, args: Args) -> Result<Value> {
    let class = if matches!(value, Value::Float(_)) { "float" } else { "int" };
    Given::new(&format!("{class}.{name}"), args, 0, 0)?;
    Ok(match (value, name) {
        (Value::Float(f), "is_integer") => Value::Bool(f.is_finite() && f.fract() == 0.0),
        (Value::Float(f), "as_integer_ratio") => {
            let (mut f, mut shift) = (*f, 0u32);
            if !f.is_finite() {
                return Err(Error::value_error("cannot convert NaN to integer ratio"));
            }
            while f.fract() != 0.0 && shift < 1100 {
                f *= 2.0;
                shift += 1;
            }
            let n = BigInt::from_f64(f).unwrap_or_default();
            Value::tuple(vec![Value::Int(n), Value::Int(BigInt::from(1) << shift)])
        }
        (_, "as_integer_ratio") => {
            Value::tuple(vec![Value::Int(value.as_int().unwrap_or_default()), Value::from(1i64)])
        }
        (_, "bit_length") => Value::Int(BigInt::from(value.as_int().unwrap_or_default().bits())),
        (_, "bit_count") => {
            let ones: u32 =
                value.as_int().unwrap_or_default().magnitude().iter_u32_digits().map(u32::count_ones).sum();
            Value::Int(BigInt::from(ones))
        }
        (Value::Bool(_), _) => Value::Int(value.as_int().unwrap_or_default()),
        _ => value.clone(),
    })
}

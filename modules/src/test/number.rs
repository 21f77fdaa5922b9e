//! Work for the processor, and random text.

use std::time::Instant;

use num_bigint::BigInt;
use rand::RngCore;
use salt::{Context, Error, Result, Value, functions, list, salt_fn};

use crate::digest::Hash;

functions![collatz, fib, rand_str, random_hash];

/// Gives a number of the Fibonacci series and the seconds that it took.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.fib 3
/// ```
#[salt_fn]
async fn fib(
    _cx: &Context,
    /// Which number: 0, 1, 2 and so on, at most 100000.
    num: i64,
) -> Result<Value> {
    if num < 0 {
        return Err(Error::exception("ValueError", "Negative number is not allowed!"));
    }
    // Quadratic in the length: beyond this the answer alone would fill a message.
    if num > 100_000 {
        return Err(Error::invocation("Argument 'num' must not be above 100000"));
    }
    let start = Instant::now();
    let (mut previous, mut current) = (BigInt::from(1), BigInt::from(0));
    for _ in 0..num {
        let next = &previous + &current;
        previous = std::mem::replace(&mut current, next);
    }
    Ok(list![Value::from_big(current), start.elapsed().as_secs_f64()])
}

/// Walks the Collatz series from a number down to one, and says how many seconds it took.
///
/// Halved numbers are floats, as in Salt.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.collatz 3
/// ```
#[salt_fn]
async fn collatz(
    _cx: &Context,
    /// Where to begin: a positive whole number.
    start: i64,
) -> Result<Value> {
    if start < 1 {
        return Err(Error::exception("ValueError", "A positive number is needed, no other reaches one"));
    }
    let begin = Instant::now();
    let mut steps: Vec<Value> = Vec::new();
    let mut at = i128::from(start);
    let mut halved = false;
    while at != 1 {
        // Python goes over to floats with the first division and stays there.
        steps.push(if halved { (at as f64).into() } else { Value::from_big(at.into()) });
        if at % 2 == 0 {
            at /= 2;
            halved = true;
        } else {
            at = at * 3 + 1;
        }
    }
    Ok(list![steps, begin.elapsed().as_secs_f64()])
}

/// Gives the hash of a random number.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.rand_str
/// ```
#[salt_fn]
async fn rand_str(
    cx: &Context,
    /// The largest random number.
    #[default(9999999999)]
    size: u64,
    /// The kind of hash; the option `hash_type` decides if there is none.
    hash_type: Option<String>,
) -> Result<String> {
    hash_of_random(cx, size, hash_type)
}

/// Gives the hash of a random number.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.random_hash
/// salt '*' test.random_hash hash_type=sha512
/// ```
#[salt_fn]
async fn random_hash(
    cx: &Context,
    /// The largest random number.
    #[default(9999999999)]
    size: u64,
    /// The kind of hash; the option `hash_type` decides if there is none.
    hash_type: Option<String>,
) -> Result<String> {
    hash_of_random(cx, size, hash_type)
}

fn hash_of_random(cx: &Context, size: u64, hash_type: Option<String>) -> Result<String> {
    let kind = Hash::named(&hash_type.unwrap_or_else(|| Hash::configured(cx)))?;
    let number = rand::thread_rng().next_u64() % size.saturating_add(1).max(1);
    Ok(kind.hex(number.to_string().as_bytes()))
}

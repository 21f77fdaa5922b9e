//! Python's `itertools`, as Salt gives it to templates.

use jinja::{Args, Environment, Error, Result, State, Value};

use crate::jinja::serialize::strict;

/// Most items that one of them makes.
const MOST: usize = 10_000_000;

/// Registers them. They are made at once, not one after the other, so what is endless in Python ends with an error.
pub(super) fn register(env: &mut Environment) {
    type Choose = fn(usize, usize, &mut dyn FnMut(&[usize]) -> Result<()>) -> Result<()>;
    let choices: [(&'static str, Choose, bool); 3] = [
        ("itertools.combinations", combinations, true),
        ("itertools.combinations_with_replacement", with_replacement, true),
        ("itertools.permutations", permutations, false),
    ];
    for (class, choose, required) in choices {
        let name = class.trim_start_matches("itertools.");
        strict(env, name, move |state, value, args| {
            if required && args.positional.is_empty() && args.named.is_empty() {
                let text = format!("{name}() missing required argument 'r' (pos 2)");
                return Err(Error::type_error(text));
            }
            let args = args.bind(name, 1, &["r"], 0)?;
            let items = value.items(state)?;
            let r = match &args[0] {
                None | Some(Value::None) => items.len(),
                Some(r) => usize::try_from(jinja::python::index(r)?)
                    .map_err(|_| Error::value_error("r must be non-negative"))?,
            };
            let mut rows = Vec::new();
            choose(items.len(), r, &mut |chosen| {
                push(state, &mut rows, chosen.iter().map(|i| items[*i].clone()).collect())
            })?;
            Ok(generator(class, rows))
        });
    }
    strict(env, "product", |state, value, mut args| {
        let repeat = args.take("repeat").map_or(Ok(1), |n| jinja::python::index(&n))?;
        let mut pools = vec![value.items(state)?];
        for other in &args.positional {
            pools.push(other.items(state)?);
        }
        let repeat =
            usize::try_from(repeat).map_err(|_| Error::value_error("repeat argument cannot be negative"))?;
        let sets: Vec<&Vec<Value>> = std::iter::repeat_n(&pools, repeat.min(1000)).flatten().collect();
        let mut rows: Vec<Vec<Value>> = vec![vec![]];
        for pool in sets {
            let mut longer = Vec::new();
            for row in &rows {
                for item in pool {
                    state.step()?;
                    if longer.len() > MOST {
                        return Err(Error::python("MemoryError", ""));
                    }
                    longer.push(row.iter().chain([item]).cloned().collect());
                }
            }
            rows = longer;
        }
        Ok(generator("itertools.product", rows.into_iter().map(Value::tuple).collect()))
    });
    strict(env, "compress", |state, value, args| {
        let selectors = args.bind("compress", 1, &["selectors"], 1)?.remove(0).unwrap_or(Value::None);
        let mut kept = Vec::new();
        for (item, keep) in value.items(state)?.into_iter().zip(selectors.items(state)?) {
            if keep.truth()? {
                kept.push(item);
            }
        }
        Ok(generator("itertools.compress", kept))
    });
    strict(env, "zip", |state, value, mut args| {
        let exact = args.take("strict").map_or(Ok(false), |v| v.truth())?;
        let pools = pools(state, &value, &args)?;
        let (least, most) = lengths(&pools);
        if exact && least != most {
            return Err(Error::value_error("zip() arguments have different lengths"));
        }
        Ok(generator("zip", rows(&pools, least, &Value::None)))
    });
    strict(env, "zip_longest", |state, value, mut args| {
        let fill = args.take("fillvalue").unwrap_or(Value::None);
        let pools = pools(state, &value, &args)?;
        Ok(generator("itertools.zip_longest", rows(&pools, lengths(&pools).1, &fill)))
    });
}

fn generator(name: &'static str, items: Vec<Value>) -> Value {
    Value::generator(name, Value::list(items), |state, made| made.items(state))
}

fn push(state: &State<'_>, rows: &mut Vec<Value>, row: Vec<Value>) -> Result<()> {
    state.step()?;
    if rows.len() > MOST {
        return Err(Error::python("MemoryError", ""));
    }
    rows.push(Value::tuple(row));
    Ok(())
}

fn pools(state: &State<'_>, value: &Value, args: &Args) -> Result<Vec<Vec<Value>>> {
    std::iter::once(value).chain(&args.positional).map(|pool| pool.items(state)).collect()
}

fn lengths(pools: &[Vec<Value>]) -> (usize, usize) {
    let lengths = || pools.iter().map(Vec::len);
    (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0))
}

fn rows(pools: &[Vec<Value>], n: usize, fill: &Value) -> Vec<Value> {
    let row = |i: usize| pools.iter().map(|pool| pool.get(i).unwrap_or(fill).clone()).collect();
    (0..n).map(|i| Value::tuple(row(i))).collect()
}

fn combinations(n: usize, r: usize, give: &mut dyn FnMut(&[usize]) -> Result<()>) -> Result<()> {
    if r > n {
        return Ok(());
    }
    let mut chosen: Vec<usize> = (0..r).collect();
    loop {
        give(&chosen)?;
        let Some(i) = (0..r).rev().find(|i| chosen[*i] != i + n - r) else { return Ok(()) };
        chosen[i] += 1;
        for j in i + 1..r {
            chosen[j] = chosen[j - 1] + 1;
        }
    }
}

fn with_replacement(n: usize, r: usize, give: &mut dyn FnMut(&[usize]) -> Result<()>) -> Result<()> {
    if n == 0 && r > 0 {
        return Ok(());
    }
    let mut chosen = vec![0; r];
    loop {
        give(&chosen)?;
        let Some(i) = (0..r).rev().find(|i| chosen[*i] != n - 1) else { return Ok(()) };
        let next = chosen[i] + 1;
        chosen[i..].fill(next);
    }
}

fn permutations(n: usize, r: usize, give: &mut dyn FnMut(&[usize]) -> Result<()>) -> Result<()> {
    if r > n {
        return Ok(());
    }
    let mut order: Vec<usize> = (0..n).collect();
    let mut cycles: Vec<usize> = (n - r + 1..=n).rev().collect();
    give(&order[..r])?;
    'next: loop {
        for i in (0..r).rev() {
            cycles[i] -= 1;
            if cycles[i] == 0 {
                order[i..].rotate_left(1);
                cycles[i] = n - i;
            } else {
                let j = n - cycles[i];
                order.swap(i, j);
                give(&order[..r])?;
                continue 'next;
            }
        }
        return Ok(());
    }
}

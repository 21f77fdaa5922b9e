//! Sorting.

use std::cmp::Ordering;

use super::compare;
use crate::error::Result;
use crate::value::Value;

/// Python's stable sort; the first comparison that fails ends it.
pub(crate) fn sort(items: &mut Vec<(Value, Value)>, reverse: bool) -> Result<()> {
    let mut failed = None;
    let mut order = |a: &(Value, Value), b: &(Value, Value)| {
        if failed.is_some() {
            return Ordering::Equal;
        }
        let less = |x: &Value, y: &Value| compare("<", x, y);
        match less(&b.0, &a.0).and_then(|gt| {
            if gt {
                Ok(Ordering::Greater)
            } else {
                less(&a.0, &b.0).map(|lt| if lt { Ordering::Less } else { Ordering::Equal })
            }
        }) {
            Ok(o) => o,
            Err(e) => {
                failed = Some(e);
                Ordering::Equal
            }
        }
    };
    if reverse {
        items.reverse();
    }
    merge_sort(items, &mut order);
    if reverse {
        items.reverse();
    }
    match failed {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// The library's sort may panic when an order is inconsistent, which templates can bring about (NaN).
fn merge_sort<T>(items: &mut Vec<T>, order: &mut impl FnMut(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let mut right = items.split_off(items.len() / 2);
    merge_sort(items, order);
    merge_sort(&mut right, order);
    let left = std::mem::take(items);
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => {
                if order(a, b).is_gt() {
                    items.extend(right.next());
                } else {
                    items.extend(left.next());
                }
            }
            (Some(_), None) => items.extend(left.by_ref()),
            (None, Some(_)) => items.extend(right.by_ref()),
            (None, None) => return,
        }
    }
}

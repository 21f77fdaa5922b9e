//! Two texts side by side, as Python's `difflib.unified_diff` shows them.

/// Lines around a change.
const CONTEXT: usize = 3;

/// What happens with a line.
#[derive(Clone, Copy, PartialEq)]
enum Op {
    Keep,
    Remove,
    Add,
}

/// The differences of two lists of lines, with names left empty. Empty if there are none.
pub fn unified(old: &[String], new: &[String]) -> String {
    let script = script(old, new);
    let changed: Vec<usize> = (0..script.len()).filter(|at| script[*at].0 != Op::Keep).collect();
    let Some(first) = changed.first() else { return String::new() };
    let mut text = String::from("--- \n+++ \n");
    let mut from = first.saturating_sub(CONTEXT);
    for (n, at) in changed.iter().enumerate() {
        let next = changed.get(n + 1);
        if next.is_some_and(|next| next - at <= 2 * CONTEXT + 1) {
            continue;
        }
        let to = (at + CONTEXT + 1).min(script.len());
        hunk(&mut text, &script, from, to);
        from = next.map_or(to, |next| next.saturating_sub(CONTEXT));
    }
    text
}

fn hunk(text: &mut String, script: &[(Op, &str)], from: usize, to: usize) {
    let count = |script: &[(Op, &str)], not: Op| script.iter().filter(|(op, _)| *op != not).count();
    let range = |not: Op| {
        let (before, length) = (count(&script[..from], not), count(&script[from..to], not));
        match length {
            0 => format!("{before},0"),
            1 => format!("{}", before + 1),
            _ => format!("{},{length}", before + 1),
        }
    };
    text.push_str(&format!("@@ -{} +{} @@\n", range(Op::Add), range(Op::Remove)));
    for (op, line) in &script[from..to] {
        let sign = match op {
            Op::Keep => ' ',
            Op::Remove => '-',
            Op::Add => '+',
        };
        text.push_str(&format!("{sign}{line}\n"));
    }
}

/// What makes the new lines of the old ones: as many as can be are kept.
fn script<'a>(old: &'a [String], new: &'a [String]) -> Vec<(Op, &'a str)> {
    // common[i][j]: the most lines that the ends from i and from j have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut script) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            script.push((Op::Keep, old[i].as_str()));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            script.push((Op::Remove, old[i].as_str()));
            i += 1;
        } else {
            script.push((Op::Add, new[j].as_str()));
            j += 1;
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> String {
        let lines = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        unified(&lines(old), &lines(new))
    }

    /// The answers are those of `difflib` of CPython 3.11.
    #[test]
    fn differences_look_as_pythons() {
        assert_eq!(of("a b", "a b"), "");
        assert_eq!(of("a b", "a c"), "--- \n+++ \n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        assert_eq!(of("", "x"), "--- \n+++ \n@@ -0,0 +1 @@\n+x\n");
        assert_eq!(of("x", ""), "--- \n+++ \n@@ -1 +0,0 @@\n-x\n");
        assert_eq!(
            of("1 2 3 4 5 6 7 8 9 10 11 12", "0 1 2 3 4 5 6 7 8 9 10 11"),
            "--- \n+++ \n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -9,4 +10,3 @@\n 9\n 10\n 11\n-12\n"
        );
    }
}

//! The `highstate` outputter (`salt/output/highstate.py`).

use salt::{Map, Value};

use super::color::strip_escapes;
use super::{Style, nested};

/// The text of a map from minion ids to state returns; none if this is no such map.
pub(super) fn text(data: &Value, style: &Style) -> Option<String> {
    let hosts = match data {
        Value::Map(map) => map,
        Value::None => return Some("None".into()),
        Value::Int(_) | Value::Str(_) => return Some(data.to_string()),
        _ => return None,
    };
    let blocks: Vec<_> = hosts.iter().map(|(host, ret)| of_host(&host.to_string(), ret, style)).collect();
    Some(blocks.join("\n"))
}

fn of_host(host: &str, ret: &Value, style: &Style) -> String {
    let c = &style.colors;
    let mut rows = Vec::new();
    let mut color = c.green;
    match ret {
        Value::List(errors) => {
            color = c.light_red;
            rows.push(format!("    {color}Data failed to compile:{}", c.end));
            for error in errors {
                rows.push(format!("{color}----------\n    {}{}", strip_escapes(&error.to_string()), c.end));
            }
        }
        Value::Map(chunks) => color = of_chunks(host, chunks, style, &mut rows),
        other => {
            for line in other.to_string().lines() {
                rows.push(format!("{color}    {line}{}", c.end));
            }
            color = c.cyan;
        }
    }
    rows.insert(0, format!("{color}{}:{}", strip_escapes(host), c.end));
    rows.join("\n")
}

/// How many chunks ended how.
#[derive(Default)]
struct Counts {
    succeeded: usize,
    failed: usize,
    unchanged: usize,
    changed: usize,
    warnings: usize,
    milliseconds: f64,
    longest_parallel: f64,
}

fn of_chunks(host: &str, chunks: &Map, style: &Style, rows: &mut Vec<String>) -> &'static str {
    let c = &style.colors;
    let mut color = c.green;
    let mut counts = Counts::default();
    let mut ordered: Vec<(String, &Map)> = chunks
        .iter()
        .filter_map(|(tag, chunk)| Some((tag.to_string(), chunk.as_map()?)))
        .filter(|(_, chunk)| chunk.contains_key("result"))
        .collect();
    ordered.sort_by_key(|(_, chunk)| chunk.get("__run_num__").and_then(Value::as_i64).unwrap_or(0));
    for (tag, chunk) in ordered {
        let result = chunk.get("result").and_then(Value::as_bool);
        let changes = chunk.get("changes").filter(|v| v.truthy());
        counts.count(chunk, result, changes.is_some());
        if result == Some(true) && changes.is_none() && (style.state_output_diff || !style.state_verbose) {
            continue;
        }
        let chunk_color = match (result, changes) {
            (Some(false), _) => c.red,
            (None, _) => c.light_yellow,
            (Some(true), Some(_)) => c.cyan,
            (Some(true), None) => c.green,
        };
        if result != Some(true) {
            color = chunk_color;
        }
        let mut parts: Vec<&str> = tag.split("_|-").collect();
        parts.resize(4.max(parts.len()), "");
        if style.state_output.ends_with("_id") {
            parts[2] = parts[1];
        }
        let terse = style.state_output.starts_with("terse")
            || style.state_output.starts_with("mixed") && result != Some(false)
            || style.state_output.starts_with("changes") && result == Some(true) && changes.is_none();
        if terse {
            rows.push(terse_row(chunk, &parts, result, chunk_color, style));
        } else {
            // Salt counts the warnings of the chunks that are shown in full only.
            counts.warnings += usize::from(chunk.contains_key("warnings"));
            full_rows(chunk, &parts, changes, chunk_color, style, rows);
        }
    }
    summary(host, &counts, style, rows);
    color
}

impl Counts {
    fn count(&mut self, chunk: &Map, result: Option<bool>, changed: bool) {
        match result {
            Some(true) => self.succeeded += 1,
            Some(false) => self.failed += 1,
            None => self.unchanged += 1,
        }
        self.changed += usize::from(changed);
        let duration = chunk.get("duration").and_then(Value::as_f64).unwrap_or(0.0);
        if chunk.contains_key("__parallel__") {
            self.longest_parallel = self.longest_parallel.max(duration);
        } else {
            self.milliseconds += duration;
        }
    }
}

fn terse_row(chunk: &Map, parts: &[&str], result: Option<bool>, color: &str, style: &Style) -> String {
    let word = match result {
        Some(false) => "Failed",
        None => "Differs",
        Some(true) if chunk.get("changes").is_some_and(Value::truthy) => "Changed",
        Some(true) => "Clean",
    };
    let times = if style.state_output_profile && chunk.contains_key("start_time") {
        format!(" - Started: {} - Duration: {} ms", text_of(chunk, "start_time"), text_of(chunk, "duration"))
    } else {
        String::new()
    };
    let (state, name, fun) = (parts[0], parts[2], parts[parts.len() - 1]);
    let (red, end) = (style.colors.light_red, style.colors.end);
    let warnings = match warnings_of(chunk) {
        Some(text) => format!("{red}Warnings:\n{text}{end}"),
        None => String::new(),
    };
    format!("{warnings} {color} Name: {name} - Function: {state}.{fun} - Result: {word}{times}{end}")
}

fn full_rows(
    chunk: &Map,
    parts: &[&str],
    changes: Option<&Value>,
    color: &str,
    style: &Style,
    rows: &mut Vec<String>,
) {
    let end = style.colors.end;
    let mut row = |label: &str, text: &str| rows.push(format!("    {color}{label:>8}: {text}{end}"));
    row("ID", parts[1]);
    row("Function", &format!("{}.{}", parts[0], parts[3]));
    if parts[1] != parts[2] {
        row("Name", parts[2]);
    }
    row("Result", &text_of(chunk, "result"));
    row("Comment", &comment_of(chunk));
    if style.state_output_profile && chunk.contains_key("start_time") {
        row("Started", &text_of(chunk, "start_time"));
        let duration = text_of(chunk, "duration");
        row("Duration", &if duration.is_empty() { duration } else { format!("{duration} ms") });
    }
    let at = rows.len() - rows.iter().rev().position(|r| r.contains("      ID: ")).map_or(0, |i| i + 1);
    rows.insert(at, format!("{color}----------{end}"));
    let changed =
        changes.map_or_else(String::new, |changes| format!("\n{}", nested::text(changes, style, 14)));
    rows.push(format!("{color}     Changes:   {changed}{end}"));
    if let Some(text) = warnings_of(chunk) {
        rows.push(format!("   {} Warnings: {}{end}", style.colors.light_red, filled(&text)));
    }
}

fn warnings_of(chunk: &Map) -> Option<String> {
    let Value::List(warnings) = chunk.get("warnings")? else { return None };
    Some(warnings.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"))
}

/// Words in lines of 80 columns, the later ones indented by 14 (`textwrap.fill`).
fn filled(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if !line.is_empty() && 14 + line.chars().count() + 1 + word.chars().count() > 80 {
            lines.push(word.to_string());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{:14}", ""))
}

fn comment_of(chunk: &Map) -> String {
    let comment = text_of(chunk, "comment");
    let mut comment = comment.trim().replace('\n', &format!("\n{:14}", ""));
    match chunk.get("data") {
        Some(Value::List(items)) => items.iter().for_each(|item| comment.push_str(&format!(" {item}"))),
        Some(Value::Map(map)) => map.iter().for_each(|(k, v)| comment.push_str(&format!("\n\t\t{k}: {v}"))),
        Some(other) => comment.push_str(&format!(" {other}")),
        None => {}
    }
    comment
}

fn summary(host: &str, counts: &Counts, style: &Style, rows: &mut Vec<String>) {
    let c = &style.colors;
    let numbers = [counts.succeeded, counts.failed, counts.unchanged, counts.warnings];
    let digits = numbers.iter().map(|n| n.to_string().len()).max().unwrap_or(1);
    // The longest label is "Succeeded"; two more for ": ".
    let width = 9 + digits + 2;
    let line = "-".repeat(width);
    let count = |label: &str, n: usize| format!("{label}: {n:>w$}", w = width - label.len() - 2);
    rows.push(format!("{}\nSummary for {host}\n{line}{}", c.cyan, c.end));
    let mut notes = Vec::new();
    if counts.unchanged > 0 {
        notes.push(format!("{}unchanged={}{}", c.light_yellow, counts.unchanged, c.end));
    }
    if counts.changed > 0 {
        notes.push(format!("{}changed={}{}", c.green, counts.changed, c.end));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    rows.push(format!(
        "{}{}{}{notes}",
        c.green,
        count("Succeeded", counts.succeeded + counts.unchanged),
        c.end
    ));
    let failed = if counts.failed > 0 { c.red } else { c.cyan };
    rows.push(format!("{failed}{}{}", count("Failed", counts.failed), c.end));
    if counts.warnings > 0 {
        rows.push(format!("{}{}{}", c.light_red, count("Warnings", counts.warnings), c.end));
    }
    let total = counts.succeeded + counts.failed + counts.unchanged;
    rows.push(format!("{}{line}\nTotal states run: {total:>w$}{}", c.cyan, c.end, w = width - 7));
    if style.state_output_profile {
        let (mut time, mut unit) = (counts.milliseconds + counts.longest_parallel, "ms");
        if time > 999.0 {
            (time, unit) = (time / 1000.0, "s");
        }
        let time = format!("{time:.3}");
        rows.push(format!("{}Total run time: {time:>w$} {unit}{}", c.cyan, c.end, w = width - 5));
    }
}

fn text_of(chunk: &Map, key: &str) -> String {
    chunk.get(key).map_or_else(String::new, Value::to_string)
}

//! `strftime` (`salt/utils/dateutils.py`): dates as people write them, through PHP's `strtotime`, which Salt asks.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use jinja::python::{self, Bound};
use jinja::{Environment, Error, Result, Value};

/// Registers it under both of its names.
pub(super) fn register(env: &mut Environment) {
    for name in ["strftime", "date_format"] {
        env.add_filter(name, |_, value, args| {
            let format = Bound::new("strftime", 1, args, &["format"], 0)?.text(0, "%Y-%m-%d")?;
            let date = cast(&value)?;
            // Python knows no time zone here, so these are empty.
            let micros = format!("{:06}", date.subsec_nanosecond() / 1000);
            let format = format.replace("%Z", "").replace("%z", "").replace("%f", &micros);
            jiff::fmt::strtime::format(&format, date)
                .map(Value::from)
                .map_err(|error| Error::value_error(format!("Invalid format string: {error}")))
        });
    }
}

/// `date_cast`
fn cast(value: &Value) -> Result<DateTime> {
    let wrong =
        || Error::value_error(format!("Unable to parse {}", jinja::to_str(value).unwrap_or_default()));
    match value {
        Value::None => Ok(Zoned::now().datetime()),
        Value::Undefined(u) => Err(u.error()),
        Value::Str(text) | Value::Markup(text) => match parse(text, Zoned::now().datetime()) {
            Some(date) => Ok(date),
            None => python::parse_float(text).and_then(local).ok_or_else(wrong),
        },
        Value::Int(n) => num_traits::ToPrimitive::to_f64(n).and_then(local).ok_or_else(wrong),
        Value::Float(x) => local(*x).ok_or_else(wrong),
        Value::Bool(b) => local(f64::from(u8::from(*b))).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Seconds since 1970 as local time.
fn local(seconds: f64) -> Option<DateTime> {
    let microseconds = (seconds * 1e6).round_ties_even();
    if !microseconds.is_finite() {
        return None;
    }
    let at = Timestamp::from_microsecond(microseconds as i64).ok()?;
    Some(at.to_zoned(TimeZone::system()).datetime())
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The forms of PHP's `strtotime` that people use: dates and times of ISO 8601, American and German dates, names of months
/// and weekdays, `@seconds`, `now`, `today`, `tomorrow`, `+1 week 2 days`, `last monday`.
fn parse(text: &str, now: DateTime) -> Option<DateTime> {
    let text = text.trim().to_lowercase();
    if text.is_empty() {
        return None;
    }
    if let Some(seconds) = text.strip_prefix('@') {
        let at = Timestamp::from_second(seconds.parse().ok()?).ok()?;
        return Some(at.to_zoned(TimeZone::UTC).datetime());
    }
    let text = text.replace(',', " ");
    let (mut date, mut time, mut shift) = (None, None, Vec::new());
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let joined;
    if let [one] = words.as_slice()
        && let Some((day, clock)) = one.split_once('t')
        && day.starts_with(|c: char| c.is_ascii_digit())
        && clock.starts_with(|c: char| c.is_ascii_digit())
    {
        joined = [day.to_string(), clock.to_string()];
        words = joined.iter().map(String::as_str).collect();
    }
    let mut i = 0;
    while i < words.len() {
        let word = words[i];
        i += 1;
        match word {
            "now" => {}
            "today" | "midnight" => time = Some(Time::midnight()),
            "noon" => time = Some(Time::constant(12, 0, 0, 0)),
            "tomorrow" | "yesterday" => {
                time = Some(Time::midnight());
                shift.push(Span::new().days(if word == "tomorrow" { 1 } else { -1 }));
            }
            "ago" => shift = shift.into_iter().map(|span: Span| span.negate()).collect(),
            "utc" | "z" | "of" | "at" => {}
            _ => {
                let next = words.get(i).copied();
                if let Some((span, used)) = relative(word, next) {
                    shift.push(span);
                    i += usize::from(used);
                } else if let Some(found) = clock(word, next) {
                    time = Some(found.0);
                    i += usize::from(found.1);
                } else if let Some(found) = numeric_date(word, now) {
                    date = Some(found);
                } else if let Some((found, used)) = named_date(&words[i - 1..], now) {
                    date = Some(found);
                    i += used - 1;
                } else if let Some(day) = weekday(word) {
                    time = time.or(Some(Time::midnight()));
                    let ahead = (day + 7 - i64::from(now.date().weekday().to_monday_zero_offset())) % 7;
                    shift.push(Span::new().days(ahead));
                } else {
                    return None;
                }
            }
        }
    }
    let day = date.unwrap_or(now.date());
    let clock = time.or(date.map(|_| Time::midnight())).unwrap_or(now.time());
    shift.into_iter().try_fold(day.to_datetime(clock), |at, span| at.checked_add(span).ok())
}

/// `+1 week`, `2 days`, `next month`, `last year`; and whether the next word is part of it.
fn relative(word: &str, next: Option<&str>) -> Option<(Span, bool)> {
    let split = word.find(|c: char| c.is_ascii_alphabetic());
    let (figure, unit, used) = match (word, split) {
        ("next", _) => ("1", next?, true),
        ("last" | "previous", _) => ("-1", next?, true),
        ("this", _) => ("0", next?, true),
        (_, Some(at)) if at > 0 => (&word[..at], &word[at..], false),
        (_, Some(_)) => return None,
        (_, None) => (word, next?, true),
    };
    let n: i64 = figure.parse().ok()?;
    let span = Span::new();
    let span = match unit.trim_end_matches('s') {
        "sec" | "second" => span.try_seconds(n),
        "min" | "minute" => span.try_minutes(n),
        "hour" => span.try_hours(n),
        "day" => span.try_days(n),
        "week" => span.try_weeks(n),
        "fortnight" => span.try_weeks(n.checked_mul(2)?),
        "month" => span.try_months(n),
        "year" => span.try_years(n),
        _ => return None,
    };
    Some((span.ok()?, used))
}

/// `10:20`, `10:20:30.5`, `3pm`, `3:15 pm`; and whether the next word is part of it.
fn clock(word: &str, next: Option<&str>) -> Option<(Time, bool)> {
    let half = |word: &str| match word.replace('.', "").as_str() {
        "am" => Some(false),
        "pm" => Some(true),
        _ => None,
    };
    let (digits, mut pm, mut used) = match word.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => match &word[at..] {
            "z" => (&word[..at], None, false),
            suffix => (&word[..at], Some(half(suffix)?), false),
        },
        None => (word, None, false),
    };
    if pm.is_none()
        && let Some(found) = next.and_then(half)
    {
        (pm, used) = (Some(found), true);
    }
    if pm.is_none() && !digits.contains(':') {
        return None;
    }
    let digits = digits.split(['+']).next()?;
    let mut parts = digits.split(':');
    let mut hour: i8 = parts.next()?.parse().ok()?;
    let minute = parts.next().map_or(Some(0), |m| m.parse().ok())?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |s| s.parse().ok())?;
    if parts.next().is_some() || seconds < 0.0 {
        return None;
    }
    match pm {
        Some(pm) if (1..=12).contains(&hour) => hour = hour % 12 + if pm { 12 } else { 0 },
        Some(_) => return None,
        None => {}
    }
    // Fractions are read and dropped.
    Some((Time::new(hour, minute, seconds.trunc() as i8, 0).ok()?, used))
}

/// `2002-12-25`, `2002/12/25`, `12/25/2002`, `25.12.2002`, `25-12-2002`, `20021225`.
fn numeric_date(word: &str, now: DateTime) -> Option<Date> {
    let number = |text: &str| text.parse::<i16>().ok();
    let small = |text: &str| (text.len() <= 2).then(|| text.parse::<i8>().ok())?;
    for sign in ['-', '/', '.'] {
        let parts: Vec<&str> = word.split(sign).collect();
        let (year, month, day) = match (parts.as_slice(), sign) {
            ([y, m, d], '-' | '/') if y.len() == 4 => (number(y)?, small(m)?, small(d)?),
            ([m, d, y], '/') if y.len() == 4 => (number(y)?, small(m)?, small(d)?),
            ([d, m, y], '-' | '.') if y.len() == 4 => (number(y)?, small(m)?, small(d)?),
            ([y, m], '-') if y.len() == 4 => (number(y)?, small(m)?, 1),
            ([m, d], '/') => (now.year(), small(m)?, small(d)?),
            _ => continue,
        };
        return Date::new(year, month, day).ok();
    }
    if word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit()) {
        return Date::new(number(&word[..4])?, small(&word[4..6])?, small(&word[6..])?).ok();
    }
    None
}

/// `25 december 2002`, `dec 25 2002`, `december 2002`; and how many words it takes.
fn named_date(words: &[&str], now: DateTime) -> Option<(Date, usize)> {
    let month = |word: &str| {
        let known = |name: &str| word == name || (word.starts_with(name) && is_month(word));
        MONTHS.iter().position(|name| known(name)).map(|i| i as i8 + 1)
    };
    let day = |word: &str| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let ending = &word[digits.len()..];
        (digits.len() <= 2 && ["", "st", "nd", "rd", "th"].contains(&ending))
            .then(|| digits.parse::<i8>().ok())?
    };
    let year =
        |word: Option<&&str>| word.filter(|word| word.len() == 4).and_then(|word| word.parse::<i16>().ok());
    if let (Some(d), Some(m)) = (day(words.first()?), words.get(1).and_then(|word| month(word))) {
        let y = year(words.get(2));
        return Some((Date::new(y.unwrap_or(now.year()), m, d).ok()?, 2 + usize::from(y.is_some())));
    }
    let m = month(words.first()?)?;
    if let Some(d) = words.get(1).and_then(|word| day(word)) {
        let y = year(words.get(2));
        return Some((Date::new(y.unwrap_or(now.year()), m, d).ok()?, 2 + usize::from(y.is_some())));
    }
    let y = year(words.get(1));
    Some((Date::new(y.unwrap_or(now.year()), m, 1).ok()?, 1 + usize::from(y.is_some())))
}

fn is_month(word: &str) -> bool {
    const LONG: [&str; 13] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "sept",
        "october",
        "november",
        "december",
    ];
    LONG.contains(&word)
}

fn weekday(word: &str) -> Option<i64> {
    const LONG: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let at =
        LONG.iter().position(|name| *name == word).or_else(|| DAYS.iter().position(|name| *name == word))?;
    Some(at as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_many_forms() {
        // A Wednesday.
        let now: DateTime = "2024-01-31T10:20:30".parse().expect("a date");
        for (text, expected) in [
            ("2002-12-25", "2002-12-25T00:00:00"),
            ("2002/12/25 10:20", "2002-12-25T10:20:00"),
            ("12/25/2002", "2002-12-25T00:00:00"),
            ("25.12.2002", "2002-12-25T00:00:00"),
            ("20021225", "2002-12-25T00:00:00"),
            ("25 December 2002", "2002-12-25T00:00:00"),
            ("Dec 25, 2002 3:15 pm", "2002-12-25T15:15:00"),
            ("December 2002", "2002-12-01T00:00:00"),
            ("2002-12-25T10:20:30", "2002-12-25T10:20:30"),
            ("@0", "1970-01-01T00:00:00"),
            ("now", "2024-01-31T10:20:30"),
            ("today", "2024-01-31T00:00:00"),
            ("tomorrow", "2024-02-01T00:00:00"),
            ("yesterday noon", "2024-01-30T12:00:00"),
            ("+1 week 2 days", "2024-02-09T10:20:30"),
            ("2 hours ago", "2024-01-31T08:20:30"),
            ("next month", "2024-02-29T10:20:30"),
            ("friday", "2024-02-02T00:00:00"),
        ] {
            assert_eq!(parse(text, now).map(|at| at.to_string()), Some(expected.to_string()), "{text}");
        }
        for text in
            ["", "foo", "2002-13-01", "1 foo", "25:00", "99999999999999999999 days", "next", "12/2002/25"]
        {
            assert_eq!(parse(text, now), None, "{text}");
        }
    }
}

//! Dates and times as people write them, the way `dateutil.parser` takes them: what is not said is today, at midnight.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use salt::Value;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// A date: text, or Salt's own datetime as it comes over the wire.
pub fn parse(value: &Value, today: Date) -> Option<DateTime> {
    match value {
        Value::Str(text) => parse_text(text, today),
        Value::Ext(78, packed) => {
            DateTime::strptime("%Y%m%dT%H:%M:%S%.f", std::str::from_utf8(packed).ok()?).ok()
        }
        _ => None,
    }
}

/// A date in a stated form; a datetime needs none.
pub fn parse_as(value: &Value, format: &str) -> Option<DateTime> {
    match value {
        Value::Str(text) => DateTime::strptime(format, text).ok(),
        other => parse(other, Date::ZERO),
    }
}

#[derive(Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    weekday: Option<Weekday>,
    time: Option<Time>,
}

fn parse_text(text: &str, today: Date) -> Option<DateTime> {
    let lower = text.trim().to_ascii_lowercase();
    // `2026-11-22T14:42:35` is two words, and `5:00 pm` is one.
    let spaced = match lower.split_once('t') {
        Some((date, time)) if is_numeric(date) && time.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{date} {time}")
        }
        _ => lower,
    };
    let joined = spaced.replace(" am", "am").replace(" pm", "pm").replace(',', " ");
    let mut found = Found::default();
    let mut words = 0;
    for word in joined.split_whitespace().filter(|word| !matches!(*word, "at" | "on" | "of" | "and")) {
        found.take(word)?;
        words += 1;
    }
    if words == 0 {
        return None;
    }
    found.date(today).map(|date| date.to_datetime(found.time.unwrap_or(Time::midnight())))
}

fn is_numeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | '.'))
}

impl Found {
    fn take(&mut self, word: &str) -> Option<()> {
        if let Some(time) = time(word) {
            return set(&mut self.time, time);
        }
        let word = word.trim_end_matches('.');
        if word.len() >= 3 && word.chars().all(|c| c.is_ascii_alphabetic()) {
            let begins = |name: &str| name.starts_with(word) || word == "sept" && name == "september";
            if let Some(at) = MONTHS.iter().position(|name| begins(name)) {
                return set(&mut self.month, i8::try_from(at + 1).ok()?);
            }
            let (_, weekday) = WEEKDAYS.iter().find(|(name, _)| name.starts_with(word))?;
            return set(&mut self.weekday, *weekday);
        }
        for separator in ['-', '/', '.'] {
            let parts: Vec<&str> = word.split(separator).collect();
            if parts.len() > 1 {
                return self.take_date(&parts);
            }
        }
        let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
        let number: i32 = digits.parse().ok()?;
        match digits.len() {
            8 => {
                self.year = i16::try_from(number / 10_000).ok();
                self.month = i8::try_from(number / 100 % 100).ok();
                self.day = i8::try_from(number % 100).ok();
                Some(())
            }
            4 => set(&mut self.year, i16::try_from(number).ok()?),
            _ if (1..=31).contains(&number) => set(&mut self.day, i8::try_from(number).ok()?),
            _ => None,
        }
    }

    /// `2026-11-22`, `11/22/2026`, `22/11/2026`, `22.11.2026`, `11/22`, `22-nov-2026`.
    fn take_date(&mut self, parts: &[&str]) -> Option<()> {
        let number = |text: &str| text.parse::<i16>().ok();
        let small = |text: &str| text.parse::<i8>().ok();
        match *parts {
            [year, month, day] if year.len() == 4 => {
                (self.year, self.month, self.day) = (number(year), small(month), small(day));
            }
            [day, month, year] if month.chars().all(|c| c.is_ascii_alphabetic()) => {
                self.take(month)?;
                (self.year, self.day) = (number(year), small(day));
            }
            [first, second, year] => {
                let year = number(year)?;
                self.year = Some(if year < 100 { year + 2000 } else { year });
                (self.month, self.day) = month_and_day(small(first)?, small(second)?);
            }
            [first, second] => {
                (self.month, self.day) = month_and_day(small(first)?, small(second)?);
            }
            _ => return None,
        }
        (self.month.is_some() && self.day.is_some()).then_some(())
    }

    fn date(&self, today: Date) -> Option<Date> {
        let year = self.year.unwrap_or(today.year());
        let month = self.month.unwrap_or(today.month());
        let date = match self.day {
            Some(day) => Date::new(year, month, day).ok()?,
            // Like dateutil: the day of today, or the last that the month has.
            None => {
                let first = Date::new(year, month, 1).ok()?;
                first.with().day(today.day().min(first.days_in_month())).build().ok()?
            }
        };
        match self.weekday {
            Some(weekday) if self.day.is_none() => {
                let days = date.weekday().until(weekday);
                date.checked_add(i64::from(days).days()).ok()
            }
            _ => Some(date),
        }
    }
}

/// The month comes first, unless it can't be one.
fn month_and_day(first: i8, second: i8) -> (Option<i8>, Option<i8>) {
    if first > 12 { (Some(second), Some(first)) } else { (Some(first), Some(second)) }
}

/// What is said twice is said wrongly.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    match place {
        Some(_) => None,
        None => {
            *place = Some(value);
            Some(())
        }
    }
}

/// `17:00`, `17:00:30.5`, `5:00pm`, `5pm`.
fn time(word: &str) -> Option<Time> {
    let (digits, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (word, None),
    };
    if half.is_none() && !digits.contains(':') {
        return None;
    }
    let mut parts = digits.trim().trim_end_matches('z').split(':');
    let mut hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next().map_or(Some(0), |text| text.parse().ok())?;
    let second: f64 = parts.next().map_or(Some(0.0), |text| text.parse().ok())?;
    if parts.next().is_some() || !(0.0..60.0).contains(&second) {
        return None;
    }
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + half;
    }
    Time::new(hour, minute, second as i8, ((second % 1.0) * 1e9) as i32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_dates_in_many_ways() {
        // A Sunday.
        let today: Date = "2026-11-22".parse().unwrap();
        for (text, date) in [
            ("5:00pm", "2026-11-22T17:00:00"),
            ("5:00 PM", "2026-11-22T17:00:00"),
            ("12am", "2026-11-22T00:00:00"),
            ("17:30:05", "2026-11-22T17:30:05"),
            ("Monday 5:00pm", "2026-11-23T17:00:00"),
            ("sun 8:00am", "2026-11-22T08:00:00"),
            ("January 12 2027 5:00pm", "2027-01-12T17:00:00"),
            ("Jan 1st, 2027 at 6:00", "2027-01-01T06:00:00"),
            ("11/30/2026 5:00pm", "2026-11-30T17:00:00"),
            ("30.11.2026", "2026-11-30T00:00:00"),
            ("2026-11-29T15:30:00", "2026-11-29T15:30:00"),
            ("2026-11-29 15:30", "2026-11-29T15:30:00"),
            ("20261129", "2026-11-29T00:00:00"),
            ("22-Nov-2027", "2027-11-22T00:00:00"),
            ("12/24", "2026-12-24T00:00:00"),
            ("Sunday, November 29, 2026 1:00am", "2026-11-29T01:00:00"),
        ] {
            let parsed = parse(&text.into(), today).map(|d| d.to_string());
            assert_eq!(parsed.as_deref(), Some(date), "{text}");
        }
        for text in ["", "soon", "25:00", "13pm", "2026-13-01", "5:00pm 6:00pm", "31 february", "1:2:3:4"] {
            assert_eq!(parse(&text.into(), today), None, "{text}");
        }
        assert_eq!(parse(&7.into(), today), None);
        let wire = Value::Ext(78, b"20261122T17:40:00.000001".to_vec());
        assert_eq!(parse(&wire, today).unwrap().to_string(), "2026-11-22T17:40:00.000001");
    }

    #[test]
    fn a_stated_form_is_kept() {
        let parsed = parse_as(&"2026-11-22T17:40:00".into(), "%Y-%m-%dT%H:%M:%S");
        assert_eq!(parsed.unwrap().to_string(), "2026-11-22T17:40:00");
        assert_eq!(parse_as(&"2026-11-22".into(), "%Y-%m-%dT%H:%M:%S"), None);
        assert_eq!(parse_as(&Value::Int(7), "%Y"), None);
    }
}

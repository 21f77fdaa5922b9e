//! Cron expressions, as `croniter` reads them for Salt: five fields, or a sixth at the end for seconds.

use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    /// `L`: the last day of a month.
    last_day: bool,
    months: u64,
    weekdays: u64,
    /// Both days and weekdays are restricted: either is enough.
    either: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// After so many days an expression such as `0 0 30 2 *` is known to fit none: leap years come every eight at the latest.
const PATIENCE: usize = 366 * 8 + 2;

impl Cron {
    /// Reads an expression; none if it is not one.
    pub fn parse(text: &str) -> Option<Cron> {
        let text = match text.trim().to_ascii_lowercase().as_str() {
            "@hourly" => "0 * * * *".to_string(),
            "@daily" | "@midnight" => "0 0 * * *".to_string(),
            "@weekly" => "0 0 * * 0".to_string(),
            "@monthly" => "0 0 1 * *".to_string(),
            "@yearly" | "@annually" => "0 0 1 1 *".to_string(),
            other => other.to_string(),
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (minutes, hours, days, months, weekdays, seconds) = match fields[..] {
            [m, h, d, mo, w] => (m, h, d, mo, w, "0"),
            [m, h, d, mo, w, s] => (m, h, d, mo, w, s),
            _ => return None,
        };
        let last_day = days.split(',').any(|part| part == "l");
        let numbered: Vec<&str> = days.split(',').filter(|part| *part != "l").collect();
        let mut weekday_set = field(weekdays, 0, 7, &WEEKDAYS, 0)?;
        // 7 is Sunday as well.
        if weekday_set & 1 << 7 != 0 {
            weekday_set = weekday_set & !(1 << 7) | 1;
        }
        Some(Cron {
            seconds: field(seconds, 0, 59, &[], 0)?,
            minutes: field(minutes, 0, 59, &[], 0)?,
            hours: field(hours, 0, 23, &[], 0)?,
            days: if numbered.is_empty() { 0 } else { field(&numbered.join(","), 1, 31, &[], 0)? },
            last_day,
            months: field(months, 1, 12, &MONTHS, 1)?,
            weekdays: weekday_set,
            either: !matches!(days, "*" | "?") && !matches!(weekdays, "*" | "?"),
        })
    }

    /// The first time after this one that fits.
    pub fn after(&self, time: DateTime) -> Option<DateTime> {
        let from = time.checked_add(SignedDuration::from_secs(1)).ok()?;
        let from = from.with().subsec_nanosecond(0).build().ok()?;
        for date in from.date().series(1.day()).take(PATIENCE) {
            if !self.fits(date) {
                continue;
            }
            for hour in bits(self.hours) {
                for minute in bits(self.minutes) {
                    for second in bits(self.seconds) {
                        let at = date.at(hour, minute, second, 0);
                        if at >= from {
                            return Some(at);
                        }
                    }
                }
            }
        }
        None
    }

    fn fits(&self, date: jiff::civil::Date) -> bool {
        let has = |set: u64, n: i8| set & 1 << n != 0;
        let day = has(self.days, date.day()) || self.last_day && date.day() == date.days_in_month();
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.either { day || weekday } else { day && weekday }
    }
}

fn bits(set: u64) -> impl Iterator<Item = i8> {
    (0..60).filter(move |n| set & 1 << n != 0)
}

/// The set of a field such as `*/5`, `1-5,7`, `mon-fri` or `10/15`.
fn field(text: &str, least: i64, most: i64, names: &[&str], first_name: i64) -> Option<u64> {
    let number = |word: &str| {
        let named = names.iter().position(|name| *name == word).map(|at| at as i64 + first_name);
        let n = named.or_else(|| word.parse().ok())?;
        (least..=most).contains(&n).then_some(n)
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<i64>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None => {
                let from = number(range)?;
                (from, if step.is_some() { most } else { from })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        // A range that goes backwards goes over the end: `22-2`.
        let all: Vec<i64> =
            if from <= to { (from..=to).collect() } else { (from..=most).chain(least..=to).collect() };
        for n in all.into_iter().step_by(step) {
            set |= 1 << n;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cron: &str, time: &str) -> String {
        let next = Cron::parse(cron).unwrap().after(time.parse().unwrap());
        next.map_or("never".into(), |next| next.to_string())
    }

    #[test]
    fn the_next_time_is_found() {
        // 2026-11-22 is a Sunday.
        let now = "2026-11-22T14:42:35.5";
        for (cron, next) in [
            ("* * * * *", "2026-11-22T14:43:00"),
            ("*/15 * * * *", "2026-11-22T14:45:00"),
            ("5/20 * * * *", "2026-11-22T14:45:00"),
            ("0 0 * * *", "2026-11-23T00:00:00"),
            ("@hourly", "2026-11-22T15:00:00"),
            ("30 8 * * mon-fri", "2026-11-23T08:30:00"),
            ("0 12 * * 7", "2026-11-29T12:00:00"),
            ("0 12 1 jan,jul *", "2027-01-01T12:00:00"),
            ("0 0 1 * 3", "2026-11-25T00:00:00"),
            ("0 0 l * *", "2026-11-30T00:00:00"),
            ("0 22-2 * * *", "2026-11-22T22:00:00"),
            ("* * * * * */10", "2026-11-22T14:42:40"),
            ("0 0 29 2 *", "2028-02-29T00:00:00"),
            ("0 0 30 2 *", "never"),
        ] {
            assert_eq!(after(cron, now), next, "{cron}");
        }
        assert_eq!(after("43 14 * * *", "2026-11-22T14:43:00"), "2026-11-23T14:43:00", "strictly after");
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "a * * * *",
            "*/0 * * * *",
            "1- * * * *",
            "* * * * * * *",
        ] {
            assert_eq!(Cron::parse(text), None, "{text}");
        }
    }
}

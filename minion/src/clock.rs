//! The times that go over the wire.

use jiff::Zoned;
use jiff::tz::TimeZone;

/// UTC with microseconds and without an offset, as 3006 and 3007 put it into `_stamp`.
pub fn stamp() -> String {
    Zoned::now().with_time_zone(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

/// Local time as C's `asctime` gives it, for the start events: `Sun Nov 22 14:42:35 2026`.
pub fn asctime() -> String {
    Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// A job id of this moment: UTC, 20 digits (`salt/utils/jid.py`, `gen_jid`).
pub fn jid() -> String {
    Zoned::now().with_time_zone(TimeZone::UTC).strftime("%Y%m%d%H%M%S%6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_salts_forms() {
        let stamp = stamp();
        assert_eq!(stamp.len(), "2026-11-22T14:42:35.123456".len());
        assert_eq!((&stamp[10..11], &stamp[19..20]), ("T", "."));
        assert!(jid().len() == 20 && jid().bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(asctime().len(), "Sun Nov 22 14:42:35 2026".len());
    }
}

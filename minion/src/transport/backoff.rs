//! How long to wait before the next dial.

use std::time::Duration;

use rand::Rng;

/// Growing waits between a least and a longest one.
///
/// With jitter each wait is drawn from a range whose upper end triples with each attempt: the first retry after a
/// restart of the master is spread already, later ones more.
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    jitter: bool,
    attempt: u32,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration, jitter: bool) -> Backoff {
        Backoff { least, most: most.max(least), jitter, attempt: 0 }
    }

    pub(super) fn next(&mut self) -> Duration {
        self.attempt = self.attempt.saturating_add(1);
        let factor = if self.jitter { 3u32 } else { 2 };
        let exponent = if self.jitter { self.attempt } else { self.attempt - 1 };
        let end = self.least.saturating_mul(factor.saturating_pow(exponent)).min(self.most);
        if self.jitter && end > self.least { rand::thread_rng().gen_range(self.least..=end) } else { end }
    }

    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn without_jitter_it_doubles_up_to_the_longest() {
        let mut backoff = Backoff::new(ms(1000), ms(10_000), false);
        let waits: Vec<_> = (0..6).map(|_| backoff.next()).collect();
        assert_eq!(waits, [ms(1000), ms(2000), ms(4000), ms(8000), ms(10_000), ms(10_000)]);
        backoff.reset();
        assert_eq!(backoff.next(), ms(1000));
    }

    #[test]
    fn with_jitter_it_stays_in_bounds_and_differs() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            let mut backoff = Backoff::new(ms(1000), ms(10_000), true);
            let first = backoff.next();
            assert!((ms(1000)..=ms(3000)).contains(&first));
            seen.insert(first);
            for _ in 0..100 {
                assert!((ms(1000)..=ms(10_000)).contains(&backoff.next()));
            }
        }
        assert!(seen.len() > 10);
    }

    #[test]
    fn a_longest_below_the_least_is_the_least() {
        assert_eq!(Backoff::new(ms(500), ms(1), true).next(), ms(500));
    }
}

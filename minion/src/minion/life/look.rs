//! Looks at masters from time to time: whether the present one still answers, and whether the preferred one does again.

use std::time::Duration;

use salt::Map;
use tokio::time::Interval;

use super::{every, tick};
use crate::settings::Settings;

/// So many looks in a row without an answer make a master lost: one may only be busy.
const MISSES: u32 = 2;
/// The time between looks for the preferred master where the options say nothing of it.
const FAIL_BACK: u64 = 30;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Whether the present master is still there (`master_alive_interval`).
    Alive,
    /// Whether the first master of the list is there again (`master_failback_interval`).
    FailBack,
}

/// When to look, and what was seen.
pub(super) struct Watch {
    alive: Option<Interval>,
    fail_back: Option<Interval>,
    misses: u32,
}

impl Watch {
    /// The looks that these options ask for.
    pub(super) fn of(opts: &Map) -> Watch {
        let alive = opts.seconds("master_alive_interval", 0);
        let fail_back = opts.seconds("master_failback_interval", 0);
        let one_of_several =
            opts.text("master_type") == Some("failover") && opts.flag("master_failback", false);
        let first =
            [fail_back, alive, Duration::from_secs(FAIL_BACK)].into_iter().find(|time| !time.is_zero());
        Watch {
            alive: (!alive.is_zero()).then(|| every(alive)),
            fail_back: first.filter(|_| one_of_several).map(every),
            misses: 0,
        }
    }

    /// The next look that is due; never ends without one.
    pub(super) async fn next(&mut self) -> Look {
        tokio::select! {
            () = tick(&mut self.alive) => Look::Alive,
            () = tick(&mut self.fail_back) => Look::FailBack,
        }
    }

    /// Takes note of what a look at the present master saw. True: it counts as lost.
    pub(super) fn counts_as_lost(&mut self, there: bool) -> bool {
        self.misses = if there { 0 } else { self.misses + 1 };
        self.misses >= MISSES
    }

    /// There is a new connection.
    pub(super) fn fresh(&mut self) {
        self.misses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::map;

    #[tokio::test(start_paused = true)]
    async fn the_options_say_how_often() {
        let start = tokio::time::Instant::now();
        let failover = map! { "master_type" => "failover", "master_failback" => true };
        let mut watch = Watch::of(&failover.clone().with("master_alive_interval", 7));
        let mut seen = vec![];
        for _ in 0..2 {
            let look = watch.next().await;
            assert_eq!(start.elapsed(), Duration::from_secs(7));
            seen.push(look);
        }
        assert!(seen.contains(&Look::Alive) && seen.contains(&Look::FailBack));
        let start = tokio::time::Instant::now();
        assert_eq!(Watch::of(&failover).next().await, Look::FailBack);
        assert_eq!(start.elapsed(), Duration::from_secs(FAIL_BACK));
        let mut none = Watch::of(&Map::new());
        assert!(tokio::time::timeout(Duration::from_secs(3600), none.next()).await.is_err());
    }

    #[test]
    fn one_miss_is_none() {
        let mut watch = Watch { alive: None, fail_back: None, misses: 0 };
        assert!(!watch.counts_as_lost(false));
        assert!(!watch.counts_as_lost(true));
        assert!(!watch.counts_as_lost(false));
        assert!(watch.counts_as_lost(false));
    }
}

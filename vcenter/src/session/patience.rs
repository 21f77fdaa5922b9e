//! Coming back to a server that has refused a call because it is busy. Only for what it has certainly not done.

use std::time::Duration;

use tokio::time::Instant;

use super::login::jitter;
use crate::transport::HeaderMap;

/// The pauses grow from this …
const FIRST: Duration = Duration::from_millis(250);

/// … to this.
const LONGEST: Duration = Duration::from_secs(8);

/// Attempts in all: with these pauses, about ten seconds.
const ATTEMPTS: u32 = 6;

/// How long to go on with one call.
#[derive(Debug)]
pub struct Patience {
    attempt: u32,
    most: u32,
    whole: Duration,
    deadline: Instant,
}

impl Patience {
    /// For a call that may take `timeout` in all.
    pub fn new(timeout: Duration) -> Self {
        Self { attempt: 1, most: ATTEMPTS, whole: timeout, deadline: Instant::now() + timeout }
    }

    /// For a call that is not made again.
    pub fn once(timeout: Duration) -> Self {
        Self { most: 1, ..Self::new(timeout) }
    }

    /// What the call may take in all.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// What is left of that.
    pub fn left(&self) -> Duration {
        if self.attempt == 1 {
            return self.whole;
        }
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Pauses after a refusal, as long as the server has said if it has; false, at once, if it is to be given up.
    pub async fn again(&mut self, said: Option<Duration>) -> bool {
        let usual = FIRST.saturating_mul(1 << (self.attempt - 1).min(16)).min(LONGEST).mul_f64(jitter());
        let pause = said.unwrap_or(usual);
        if self.attempt >= self.most || pause >= self.left() {
            return false;
        }
        self.attempt += 1;
        tokio::time::sleep(pause).await;
        true
    }
}

/// The `Retry-After` of an answer, where it is in seconds; dates are not used by what stands before a vCenter.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let begin = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60));
        let mut tries = 1;
        while patience.again(None).await {
            tries += 1;
        }
        assert_eq!(tries, ATTEMPTS);
        let took = begin.elapsed();
        assert!(took > Duration::from_secs(3) && took < Duration::from_secs(9), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_outlasts_the_call() {
        let begin = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(5));
        assert!(patience.again(Some(Duration::from_secs(4))).await);
        assert!(!patience.again(Some(Duration::from_secs(4))).await);
        assert_eq!(begin.elapsed(), Duration::from_secs(4));
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}

//! In what the lines of Salt differ, as far as a minion's channel is concerned: the only place that says so.

use std::time::Duration;

/// The line whose minion we are to a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Line {
    /// 3006.x
    V3006,
    /// 3007.x
    #[default]
    V3007,
    /// 3008.x
    V3008,
}

impl Line {
    /// True if the loss of the publish connection makes the minion authenticate again and send its start events
    /// (option `zmq_monitor`, on since 3007). A 3006 minion reconnects without a word.
    pub fn restarts_on_disconnect(self) -> bool {
        self >= Line::V3007
    }

    /// The identity of a request connection up to the slot's number. Later lines leave it to the master to make one
    /// up.
    pub(super) fn request_identity(self, id: &str) -> Option<String> {
        (self == Line::V3006).then(|| format!("salt-req/minion/{id}/{}/", std::process::id()))
    }

    /// The pause before each `_auth`.
    pub(super) fn pause_before_sign_in(self) -> Duration {
        if self >= Line::V3008 { Duration::from_millis(100) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_3006_names_its_request_connections() {
        let prefix = Line::V3006.request_identity("vc1").unwrap();
        assert_eq!(prefix, format!("salt-req/minion/vc1/{}/", std::process::id()));
        assert_eq!(Line::V3007.request_identity("vc1"), None);
        assert!(!Line::V3006.restarts_on_disconnect() && Line::V3008.restarts_on_disconnect());
    }
}

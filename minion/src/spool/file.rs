//! A return as a file.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use salt::{Map, Value, msgpack};

/// The place of a return in the order, and the stem of its file: nanoseconds since 1970 and, from older processes, a
/// counter.
pub(super) type Ticket = (u64, u64);

/// The ticket after `last` at this time. Clocks are set back now and then; the order stays.
pub(super) fn ticket_after(last: Ticket, now_nanos: u64) -> Ticket {
    (now_nanos.max(last.0 + 1), 0)
}

pub(super) fn file_name(ticket: Ticket) -> String {
    format!("{:020}-{:06}.p", ticket.0, ticket.1)
}

pub(super) fn parse_name(name: &str) -> Option<Ticket> {
    let (time, counter) = name.strip_suffix(".p")?.split_once('-')?;
    Some((time.parse().ok()?, counter.parse().ok()?))
}

/// Writes a packed load so that it is either wholly there under its name, or not at all. When this comes back, it
/// outlives the machine.
pub(super) async fn write(path: PathBuf, packed: Vec<u8>) -> io::Result<()> {
    let written = tokio::task::spawn_blocking(move || {
        let part = path.with_extension("part");
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&packed)?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        match path.parent() {
            Some(directory) => std::fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    });
    written.await.map_err(io::Error::other)?
}

/// Reads what [`write`] wrote.
pub(super) async fn read(path: &Path) -> io::Result<Map> {
    parse(&tokio::fs::read(path).await?)
}

/// The load of a file's bytes.
pub(super) fn parse(packed: &[u8]) -> io::Result<Map> {
    match msgpack::unpack(packed) {
        Ok(Value::Map(load)) => Ok(load),
        Ok(other) => Err(io::Error::other(format!("it holds a {}, no load", other.type_name()))),
        Err(e) => Err(io::Error::other(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_when_the_clock_is_set_back() {
        let first = ticket_after((0, 0), 500);
        let second = ticket_after(first, 100);
        let third = ticket_after(second, 900);
        assert!(first < second && second < third);
        assert_eq!(parse_name(&file_name(third)), Some(third));
        assert_eq!(parse_name("x.part"), None);
    }
}

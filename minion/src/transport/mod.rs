//! How bytes reach a master and come back: one trait, one file or folder a transport.
//!
//! A transport moves packed msgpack and knows nothing of what is in it. Only this folder opens sockets of the minion.

mod backoff;
mod detect;
mod dial;
mod follow;
mod queue;
mod stream;
pub mod syslog;
pub mod tcp;
#[cfg(test)]
mod tests;
mod tls;
pub mod ws;
pub mod zmtp;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

pub use tls::Tls;

/// The two links of a minion to one master.
pub trait Transport: Send + Sync {
    /// Sends a packed envelope and waits for its packed answer, including the time that it takes to connect.
    /// When the future is dropped, the answer will never be taken for that of another request.
    fn request(&self, envelope: Bytes, timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// Listens to what the master publishes on `port`. `topics` are the prefixes to subscribe to when the master
    /// filters; none means that messages come without topic. `greeting` is for the transports in which the master
    /// wants to be told who subscribes.
    fn subscribe(&self, port: u16, topics: Vec<String>, greeting: Greeting) -> Box<dyn Subscriber>;
}

/// Makes the packed message by which a minion says who it is, for each connection anew. It is told if there was a
/// connection before: the master may have other keys since then. The error is a sentence.
pub type Greeting = Arc<dyn Fn(bool) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// A link to the publish port. It connects and reconnects by itself for as long as it lives.
pub trait Subscriber: Send {
    /// The next thing that happened. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, SubEvent>;
}

/// What happens on a link to the publish port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubEvent {
    /// The link is up and subscribed.
    Connected,
    /// The link is lost; the next attempt is under way.
    Disconnected(Error),
    /// A packed message of the master, without its topic.
    Message(Bytes),
    /// So many messages came while the queue was full, and were thrown away.
    Overflow(u64),
}

/// The transports, by the names of option `transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `zeromq`
    #[default]
    Zeromq,
    /// `tcp`
    Tcp,
    /// `ws`, since 3007.
    Ws,
    /// `detect`: the first of them in which the master answers.
    Detect,
}

impl Kind {
    /// The transport to a master. Must be called within a tokio runtime; nothing is dialled before it is needed.
    pub fn open(self, host: &str, ret_port: u16, config: Config) -> Box<dyn Transport> {
        match self {
            Kind::Zeromq => Box::new(zmtp::Zmtp::new(host, ret_port, config)),
            Kind::Tcp => Box::new(tcp::Tcp::new(host, ret_port, config)),
            Kind::Ws => Box::new(ws::Ws::new(host, ret_port, config)),
            Kind::Detect => {
                let with = |kind: Kind| kind.open(host, ret_port, config.clone());
                Box::new(detect::Detect::new([
                    ("zeromq", with(Kind::Zeromq)),
                    ("tcp", with(Kind::Tcp)),
                    ("ws", with(Kind::Ws)),
                ]))
            }
        }
    }
}

/// Whether a port of a master takes connections. Nothing is sent.
///
/// # Errors
/// [`Error::Resolve`] or [`Error::Connect`].
pub async fn probe(host: &str, port: u16, source_port: u16, config: &Config) -> Result<(), Error> {
    dial::dial(host, port, source_port, config).await.map(drop)
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Kind, String> {
        match name {
            "zeromq" => Ok(Kind::Zeromq),
            "tcp" => Ok(Kind::Tcp),
            "ws" => Ok(Kind::Ws),
            "detect" => Ok(Kind::Detect),
            other => Err(format!("{other} is not one of zeromq, tcp, ws, detect")),
        }
    }
}

/// What a transport may be told. The names are Salt's options where Salt has them.
#[derive(Debug, Clone)]
pub struct Config {
    /// True: IPv6 first; false: IPv4 only; none: as the system orders.
    pub ipv6: Option<bool>,
    /// `source_interface_name`: the network interface to connect from. One that can't be used is warned of and ignored.
    pub source_interface: Option<String>,
    /// `source_address`: the local address to connect from.
    pub source_address: Option<IpAddr>,
    /// `source_ret_port`: the local port of requests; 0 leaves it to the system, any other forces a single slot.
    pub source_ret_port: u16,
    /// `source_publish_port`: the local port of the subscription; 0 leaves it to the system.
    pub source_publish_port: u16,
    /// `tcp_keepalive`.
    pub tcp_keepalive: bool,
    /// `tcp_keepalive_idle`; none leaves it to the system.
    pub tcp_keepalive_idle: Option<Duration>,
    /// `tcp_keepalive_cnt`; none leaves it to the system.
    pub tcp_keepalive_cnt: Option<u32>,
    /// `tcp_keepalive_intvl`; none leaves it to the system.
    pub tcp_keepalive_intvl: Option<Duration>,
    /// `recon_default`: the least wait before the publish link is dialled again.
    pub recon_default: Duration,
    /// `recon_max`: the longest wait.
    pub recon_max: Duration,
    /// `recon_randomize`: spread the waits, so that a thousand minions do not return in the same second.
    pub recon_randomize: bool,
    /// `tcp_reconnect_backoff`: the wait before a master that cannot be reached is dialled again, by `tcp` and `ws`.
    pub tcp_reconnect_backoff: Duration,
    /// What option `ssl` makes of connections, for `tcp` and `ws`; `zeromq` knows nothing of it.
    pub tls: Option<Tls>,
    /// How often we ask the peer if it is there. A peer that is silent for two and a half times as long is gone.
    pub heartbeat: Duration,
    /// How long one address may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long a peer may take to shake hands.
    pub handshake_timeout: Duration,
    /// How long the peer may take no byte of what we write.
    pub write_timeout: Duration,
    /// The longest message in bytes that is believed, in either link.
    pub message_limit: usize,
    /// How many requests may be under way at once, each on a connection of its own.
    pub request_slots: usize,
    /// The prefix of the identities of request connections; the slot's number is appended. Each must be unique at
    /// the master (`ROUTER_HANDOVER`). None lets the master make one up.
    pub request_identity: Option<String>,
    /// The identity of the publish connection: the minion id.
    pub publish_identity: String,
    /// How many published messages may wait to be taken.
    pub queue_messages: usize,
    /// How many bytes of published messages may wait to be taken.
    pub queue_bytes: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            ipv6: None,
            source_interface: None,
            source_address: None,
            source_ret_port: 0,
            source_publish_port: 0,
            tcp_keepalive: true,
            tcp_keepalive_idle: Some(Duration::from_secs(300)),
            tcp_keepalive_cnt: None,
            tcp_keepalive_intvl: None,
            recon_default: Duration::from_millis(1000),
            recon_max: Duration::from_millis(10_000),
            recon_randomize: true,
            tcp_reconnect_backoff: Duration::from_secs(1),
            tls: None,
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            message_limit: 256 << 20,
            request_slots: 3,
            request_identity: None,
            publish_identity: String::new(),
            // As many as a master keeps for a subscriber (`pub_hwm`).
            queue_messages: 1000,
            queue_bytes: 64 << 20,
        }
    }
}

/// Why a link is down or a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name of the master has no address, or none of the wanted kind.
    #[error("cannot resolve {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No address of the master accepted a connection.
    #[error("cannot connect to {address}: {why}")]
    Connect {
        /// The last address tried.
        address: String,
        /// What the system said.
        why: String,
    },
    /// The peer does not speak the protocol, or not with us.
    #[error("handshake failed: {0}")]
    Handshake(String),
    /// There is no TLS to be had with the peer.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// The peer broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// We could not say who we are.
    #[error("cannot announce the minion: {0}")]
    Greeting(String),
    /// A message is longer than allowed.
    #[error("a message of {length} bytes is announced, the limit is {limit}")]
    TooLong {
        /// The length that the peer announced.
        length: u64,
        /// `message_limit`.
        limit: usize,
    },
    /// What we have to say is longer than the transport can carry.
    #[error("the message has {length} bytes, this transport carries {limit}")]
    TooMuch {
        /// The length of the message.
        length: usize,
        /// The longest that gets through.
        limit: usize,
    },
    /// The peer answered no heartbeat.
    #[error("the peer has been silent for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The peer takes no bytes any more.
    #[error("the peer has taken nothing for {} seconds", .0.as_secs())]
    Stuck(Duration),
    /// The connection ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// There was no answer in time.
    #[error("no answer in time")]
    Timeout,
}

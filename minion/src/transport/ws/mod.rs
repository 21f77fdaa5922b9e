//! Salt's transport `ws` (`salt/transport/ws.py`, since 3007): a WebSocket for each request, and one for publishes.
//!
//! A master takes messages of 4 MiB at most here, because the library that it uses does not take more, and cuts the
//! connection at longer ones. So we do not even try.

mod subscription;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::backoff::Backoff;
use super::stream::{Stream, open};
use super::{Config, Error, Greeting, Subscriber, Transport};

/// A request dials again as those of the other transports do.
const RECONNECT: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a goodbye may take. Nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a master takes (aiohttp, `max_msg_size`).
const MASTER_LIMIT: usize = 4 << 20;

type Socket = WebSocketStream<Stream>;

/// The transport `ws`.
pub struct Ws {
    host: String,
    port: u16,
    config: Arc<Config>,
    slots: Semaphore,
}

impl Ws {
    /// Makes the transport to a master; nothing is dialled before it is needed.
    pub fn new(host: &str, ret_port: u16, config: Config) -> Ws {
        // Two connections cannot share a local port.
        let slots = if config.source_ret_port == 0 { config.request_slots.max(1) } else { 1 };
        Ws { host: host.to_owned(), port: ret_port, config: Arc::new(config), slots: Semaphore::new(slots) }
    }

    async fn exchange(&self, envelope: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        if envelope.len() > MASTER_LIMIT {
            return Err(Error::TooMuch { length: envelope.len(), limit: MASTER_LIMIT });
        }
        let deadline = Instant::now() + timeout;
        let mut failure = Error::Timeout;
        let exchange = async {
            let _slot = self.slots.acquire().await;
            let mut backoff = Backoff::new(RECONNECT, RECONNECT_MAX, true);
            let mut socket = loop {
                match connect(&self.host, self.port, self.config.source_ret_port, &self.config).await {
                    Ok(socket) => break socket,
                    Err(why) => failure = why,
                }
                sleep(backoff.next()).await;
            };
            failure = Error::Timeout;
            send(&mut socket, envelope, self.config.write_timeout).await?;
            let answer = receive(&mut socket).await?;
            // The master would notice anyway, at the end of the connection.
            let _ = tokio::time::timeout(GOODBYE, socket.close(None)).await;
            Ok(answer)
        };
        match timeout_at(deadline, exchange).await {
            Ok(result) => result,
            Err(_) => Err(failure),
        }
    }
}

impl Transport for Ws {
    fn request(&self, envelope: Bytes, timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(self.exchange(envelope, timeout))
    }

    /// There are no topics and no greeting: every minion gets every message.
    fn subscribe(&self, port: u16, _topics: Vec<String>, _greeting: Greeting) -> Box<dyn Subscriber> {
        Box::new(subscription::Subscription::follow(&self.host, port, self.config.clone()))
    }
}

/// Dials and asks for a WebSocket. The path matters for publishes only, to nobody.
async fn connect(host: &str, port: u16, source_port: u16, config: &Config) -> Result<Socket, Error> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let scheme = if config.tls.is_some() { "wss" } else { "ws" };
    let request = format!("{scheme}://{name}:{port}/ws").into_client_request().map_err(|e| handshake(&e))?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(config.message_limit))
        .max_frame_size(Some(config.message_limit));
    let stream = open(host, port, source_port, config).await?;
    let shake = client_async_with_config(request, stream, Some(limits));
    match timeout(config.handshake_timeout, shake).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(e)) => Err(handshake(&e)),
        Err(_) => Err(Error::Handshake("the peer accepts and says nothing".into())),
    }
}

fn handshake(error: &tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => {
            Error::Handshake(format!("the peer answers {} instead of a WebSocket", response.status()))
        }
        other => Error::Handshake(other.to_string()),
    }
}

async fn send(socket: &mut Socket, envelope: Bytes, patience: Duration) -> Result<(), Error> {
    match timeout(patience, socket.send(Message::Binary(envelope))).await {
        Ok(sent) => sent.map_err(lost),
        Err(_) => Err(Error::Stuck(patience)),
    }
}

/// The next binary message. Everything else is for the library, but the word `close`.
async fn receive(socket: &mut Socket) -> Result<Bytes, Error> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(message))) => return Ok(message),
            Some(Ok(Message::Text(text))) if text.as_str() == "close" => {
                return Err(Error::Lost("the peer asks to close".into()));
            }
            Some(Ok(Message::Close(Some(why)))) => {
                return Err(Error::Lost(format!("closed by the peer: {} {}", why.code, why.reason)));
            }
            Some(Ok(Message::Close(None))) | None => return Err(Error::Lost("closed by the peer".into())),
            Some(Ok(_)) => {}
            Some(Err(e)) => return Err(lost(e)),
        }
    }
}

fn lost(error: tungstenite::Error) -> Error {
    use tungstenite::error::{CapacityError, ProtocolError};
    match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            Error::TooLong { length: size as u64, limit: max_size }
        }
        // Most connections end so: masters that die say no goodbye.
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Error::Lost("closed by the peer".into())
        }
        tungstenite::Error::Protocol(e) => Error::Protocol(e.to_string()),
        other => Error::Lost(other.to_string()),
    }
}

//! A byte stream to a master, in TLS or not.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::dial::dial;
use super::{Config, Error};

/// Something to read from and to write to.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, whatever it is made of.
pub(super) type Stream = Box<dyn Duplex>;

/// Connects, and shakes hands for TLS where option `ssl` asks for it.
pub(super) async fn open(host: &str, port: u16, source_port: u16, config: &Config) -> Result<Stream, Error> {
    let stream = dial(host, port, source_port, config).await?;
    let Some(tls) = &config.tls else { return Ok(Box::new(stream)) };
    match timeout(config.handshake_timeout, tls.wrap(host, stream)).await {
        Ok(stream) => Ok(Box::new(stream?)),
        Err(_) => Err(Error::Tls("the peer does not answer, perhaps it does not use TLS".into())),
    }
}

/// Writes all of `bytes` as long as the peer takes some of them every now and then.
pub(super) async fn write(
    out: &mut (impl AsyncWrite + Unpin),
    mut bytes: &[u8],
    patience: Duration,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        match timeout(patience, out.write(bytes)).await {
            Ok(Ok(0)) => return Err(Error::Lost("the peer takes nothing more".into())),
            Ok(Ok(n)) => bytes = &bytes[n..],
            Ok(Err(e)) => return Err(Error::Lost(e.to_string())),
            Err(_) => return Err(Error::Stuck(patience)),
        }
    }
    match timeout(patience, out.flush()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(Error::Lost(e.to_string())),
        Err(_) => Err(Error::Stuck(patience)),
    }
}

//! Just enough HTTP for the simulator's control port: one request, one answer, one connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::error::Doing;
use crate::{Error, Result};

/// Sends a request with a JSON body, if any, and reads the JSON answer.
pub fn json(to: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let what = format!("{method} {path}");
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5)).doing(&what)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).doing(&what)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).doing(&what)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, text) =
        answer.split_once("\r\n\r\n").ok_or_else(|| Error::new(format!("{what}: no answer")))?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(Error::new(format!("{what}: {} {text}", head.lines().next().unwrap_or_default())));
    }
    serde_json::from_str(text).doing(what)
}

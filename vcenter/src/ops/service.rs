//! The server itself.

use crate::client::Client;
use crate::error::{Error, Result};
use crate::vim::{DateTime, MoRef, Value};

/// The server's clock (`ServiceInstance.CurrentTime`). It needs a live session, so an answer proves that there is one.
pub async fn current_time(client: &Client) -> Result<DateTime> {
    let service = MoRef::new("ServiceInstance", "ServiceInstance");
    match client.session().call(&service, "CurrentTime", ()).await? {
        Value::DateTime(moment) => Ok(moment),
        _ => Err(Error::Decode { method: "CurrentTime".to_owned(), at: "no moment".to_owned() }),
    }
}

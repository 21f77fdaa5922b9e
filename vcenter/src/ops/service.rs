//! The server itself.

use crate::client::Client;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::vim::{Args, DateTime, MoRef, Value};

/// The server's clock (`ServiceInstance.CurrentTime`). It needs a live session, so an answer proves that there is one.
pub async fn current_time(client: &Client) -> Result<DateTime> {
    clock(client.session()).await
}

/// The same, where there is a session and no inventory.
pub async fn clock(session: &Session) -> Result<DateTime> {
    let service = MoRef::new("ServiceInstance", "ServiceInstance");
    match session.call(&service, "CurrentTime", ()).await? {
        Value::DateTime(moment) => Ok(moment),
        _ => Err(Error::Decode { method: "CurrentTime".to_owned(), at: "no moment".to_owned() }),
    }
}

/// Which of these privileges, as `System.Read`, the session's user lacks on the root folder
/// (`AuthorizationManager.HasPrivilegeOnEntities`).
pub async fn lacking(session: &Session, privileges: &[&str]) -> Result<Vec<String>> {
    let manager = session.service("authorizationManager").await?;
    let root = session.service("rootFolder").await?;
    let key = session.user_session().await?.str("key").unwrap_or_default().to_owned();
    let args = Args::new().set("entity", [root]).set("sessionId", key).set("privId", privileges.to_vec());
    let answer = session.call(&manager, "HasPrivilegeOnEntities", args).await?;
    let entities = match &answer {
        Value::List(entities) => entities.as_slice(),
        _ => &[],
    };
    let mut lacking = Vec::new();
    for entity in entities {
        let Value::Object(entity) = entity else { continue };
        let denied = entity.objects("privAvailability").filter(|one| one.bool("isGranted") != Some(true));
        lacking.extend(denied.filter_map(|one| one.str("privId")).map(str::to_owned));
    }
    Ok(lacking)
}

//! The renderer `gpg`: decrypts PGP messages in texts by the system's `gpg` (`salt/renderers/gpg.py`).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use salt::{BoxFuture, Context, Value};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::RenderError;

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";

/// How long one decryption may take: an agent that asks for a passphrase would wait for ever.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A value with the messages in all of its texts decrypted. Keys of maps stay.
pub(crate) fn value<'a>(cx: &'a Context, value: Value) -> BoxFuture<'a, Result<Value, RenderError>> {
    Box::pin(async move {
        Ok(match value {
            Value::Str(encrypted) => text(cx, &encrypted).await?.into(),
            Value::List(items) => {
                let mut opened = Vec::with_capacity(items.len());
                for item in items {
                    opened.push(self::value(cx, item).await?);
                }
                Value::List(opened)
            }
            Value::Map(mut map) => {
                for (_, item) in map.iter_mut() {
                    *item = self::value(cx, std::mem::take(item)).await?;
                }
                Value::Map(map)
            }
            other => other,
        })
    })
}

/// A text with its messages decrypted. Line feeds at the end go with them.
///
/// # Errors
/// There is no `gpg`; or a message can't be decrypted and `gpg_decrypt_must_succeed` is set.
pub(crate) async fn text(cx: &Context, text: &str) -> Result<String, RenderError> {
    let mut out = String::new();
    let (mut rest, mut found) = (text, false);
    while let Some(start) = rest.find(BEGIN)
        && let Some(length) = rest[start..].find(END)
    {
        let end = start + length + END.len();
        out.push_str(&rest[..start]);
        out.push_str(&message(cx, &rest[start..end]).await?);
        rest = &rest[end..];
        found = true;
    }
    if !found {
        return Ok(text.to_string());
    }
    out.push_str(rest);
    Ok(out.trim_end_matches('\n').to_string())
}

async fn message(cx: &Context, message: &str) -> Result<String, RenderError> {
    let message = message.replace("\\n", "\n");
    let opts = cx.opts();
    let beside =
        opts.get_str("conf_file").and_then(|file| Path::new(file).parent()).unwrap_or(Path::new("/etc/salt"));
    let keys = match opts.get_str("gpg_keydir").filter(|dir| !dir.is_empty()) {
        Some(dir) => Path::new(dir).to_path_buf(),
        None => opts.get_str("config_dir").map_or(beside, Path::new).join("gpgkeys"),
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => RenderError::Render("GPG unavailable".into()),
        _ => RenderError::Render(format!("gpg can't be run: {error}")),
    };
    let mut child = Command::new("gpg")
        .arg("--homedir")
        .arg(keys)
        .args(["--status-fd", "2", "--no-tty", "-d"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    let work = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // gpg may end before it has read all; what it says of that stands in its output.
                let _ = stdin.write_all(message.as_bytes()).await;
            }
        };
        tokio::join!(feed, child.wait_with_output()).1
    };
    let output = tokio::time::timeout(TIMEOUT, work)
        .await
        .map_err(|_| RenderError::Render("gpg has not answered in time".into()))?
        .map_err(failed)?;
    if !output.stdout.is_empty() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    tracing::warn!("Could not decrypt a PGP message, received: {said:?}");
    match opts.get("gpg_decrypt_must_succeed").is_some_and(Value::truthy) {
        true => Err(RenderError::Render(format!("Could not decrypt cipher {message:?}, received: {said:?}"))),
        false => Ok(message),
    }
}

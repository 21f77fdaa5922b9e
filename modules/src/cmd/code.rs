//! Code and scripts: put into a file, run, and removed.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use salt::{Args, Context, Error, Map, Result, Value, functions, map, salt_fn};

use super::command::{Command, Ran, Stderr};
use super::parameters::cmd_fn;
use super::{split, user};

functions![exec_code, exec_code_all, script];

/// Runs code by an interpreter and gives what it prints.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cmd.exec_code ruby 'puts "cheese"'
/// salt '*' cmd.exec_code python 'import sys; print(sys.argv)' args='["a", "b"]' env='{"FOO": "bar"}'
/// ```
#[salt_fn]
async fn exec_code(
    cx: &Context,
    /// The interpreter.
    lang: String,
    /// The code.
    code: String,
    /// The directory to run in.
    cwd: Option<String>,
    /// An argument, or a list of them.
    args: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let all = executed(cx, lang, code, cwd, args, kwargs).await?;
    Ok(all.get("stdout").cloned().unwrap_or_default())
}

/// Runs code by an interpreter and gives process id, return code, output and error output.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cmd.exec_code_all ruby 'puts "cheese"'
/// ```
#[salt_fn]
async fn exec_code_all(
    cx: &Context,
    /// The interpreter.
    lang: String,
    /// The code.
    code: String,
    /// The directory to run in.
    cwd: Option<String>,
    /// An argument, or a list of them.
    args: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    executed(cx, lang, code, cwd, args, kwargs).await
}

async fn executed(
    cx: &Context,
    lang: String,
    code: String,
    cwd: Option<String>,
    args: Option<Value>,
    mut kwargs: Map,
) -> Result<Value> {
    let runas = kwargs.get_str("runas").map(str::to_string);
    let file = Script::new(None, "", runas.as_deref(), code.as_bytes())?;
    let mut words = vec![Value::from(lang), file.text().into()];
    match args {
        Some(Value::List(args)) => words.extend(args),
        Some(arg @ Value::Str(_)) => words.push(arg),
        _ => {}
    }
    kwargs.insert("python_shell", false);
    kwargs.insert("cwd", cwd);
    // By its declaration: every keyword of that function is one of this, too.
    super::run_all::FUNCTION.run(cx, Args { positional: vec![words.into()], keywords: kwargs }).await
}

cmd_fn! {
    /// Brings a script from the server, runs it, and gives process id, return code, output and error output.
    ///
    /// CLI Example:
    ///
    /// ```bash
    /// salt '*' cmd.script salt://scripts/runme.sh
    /// salt '*' cmd.script salt://scripts/runme.sh 'arg1 arg2 "arg 3"'
    /// ```
    script(cx, command: source args cwd stdin runas group shell python_shell env template umask output_encoding
        output_loglevel log_callback hide_output timeout reset_system_locale saltenv use_vt bg password
        success_retcodes success_stdout success_stderr)
    {
        scripted(cx, command).await
    }
}

async fn scripted(cx: &Context, mut command: Command) -> Result<Value> {
    let saltenv = command.saltenv.clone();
    if let Some(engine) = command.template.as_deref().filter(|engine| !engine.is_empty()) {
        let message = format!("Attempted to render file paths with unavailable engine {engine}");
        return Err(Error::Execution(message));
    }
    let missing =
        || map! { "pid" => 0, "retcode" => 1, "stdout" => "", "stderr" => "", "cache_error" => true };
    let cached = crate::cp::cached(cx, &command.source, saltenv).await?;
    let Some(content) = cached.and_then(|place| std::fs::read(place).ok()) else {
        return Ok(missing().into());
    };
    let name = command.source.split('?').next().unwrap_or_default();
    let suffix = Path::new(name).extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let file = Script::new(command.cwd.as_deref(), &suffix, command.runas.as_deref(), &content)?;
    let mut words = match &command.args {
        Some(Value::List(args)) => args.iter().map(Value::to_string).collect(),
        Some(args) if args.truthy() => split::shlex(&args.to_string())?,
        _ => vec![],
    };
    if !words.is_empty() {
        command.python_shell = Some(false);
    }
    words.insert(0, file.text());
    if command.bg {
        // Nobody is here when the script ends: it is removed by whoever runs it.
        let body = "script=\"$1\"; trap 'rm -f -- \"$script\"' EXIT; \"$@\"";
        let front = ["/bin/sh", "-c", body, "salt-cmd-script"].map(String::from);
        words = front.into_iter().chain(words).collect();
        command.python_shell = Some(false);
        file.keep();
        command.cmd = words.into();
        let ran = command.ran(cx, Stderr::Own).await?;
        return Ok(ran.into_map().into());
    }
    command.cmd = words.into();
    command.rstrip = true;
    let mut ran = match command.ran(cx, Stderr::Own).await {
        Ok(ran) => ran,
        Err(error @ (Error::Execution(_) | Error::Invocation(_))) => {
            tracing::error!("cmd.script: Unable to run script '{}': {error}", command.source);
            return Ok(Map::new().into());
        }
        Err(error) => return Err(error),
    };
    if command.hide_output {
        ran = Ran { pid: ran.pid, retcode: ran.retcode, ..Ran::default() };
    }
    Ok(ran.into_map().into())
}

/// A script in a file that only its user can read and run; removed with this.
struct Script(Option<PathBuf>);

impl Script {
    fn new(dir: Option<&str>, suffix: &str, runas: Option<&str>, content: &[u8]) -> Result<Script> {
        let dir = dir.filter(|dir| !dir.is_empty()).map_or_else(std::env::temp_dir, PathBuf::from);
        let (mut file, path) = crate::temp::new_file(&dir, "__salt.tmp.", suffix)?;
        let script = Script(Some(path.clone()));
        file.write_all(content).map_err(Error::execution)?;
        let mode = std::fs::Permissions::from_mode(0o500);
        std::fs::set_permissions(&path, mode).map_err(Error::execution)?;
        if let Some(runas) = runas.filter(|runas| !runas.is_empty()) {
            let account = user::named(runas)
                .ok_or_else(|| Error::Execution(format!("User '{runas}' is not available")))?;
            chown(&path, Some(account.uid), None).map_err(Error::execution)?;
        }
        Ok(script)
    }

    fn text(&self) -> String {
        self.0.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Leaves the file where it is.
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::error!("cmd.script: Unable to clean tempfile '{}': {error}", path.display());
        }
    }
}

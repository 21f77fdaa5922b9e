//! `vsalt call`: one function in this process, its return printed.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use config::{Config, Request, Role};
use salt::args::split_keyword;
use salt::{Args, Error, Map, Value, map, yamlify::yamlify};

use super::proxy::level;
use super::{
    EX_SOFTWARE, EX_USAGE, absolute, complain, detach, exit_code, make_directories, print_versions, runtime,
};
use crate::caller::{self, Caller};
use crate::clock;
use crate::log::{Log, LogConfig};
use crate::output::{Colors, Outputter, Style};
use crate::settings::Settings;

/// The flags of `salt-call`.
#[derive(ClapArgs, Debug)]
pub(super) struct CallArgs {
    /// The function, then its arguments; `name=value` is a keyword
    #[arg(value_name = "FUNCTION [ARGUMENTS]", allow_negative_numbers = true)]
    words: Vec<String>,
    /// The directory of the configuration [default: /etc/salt]
    #[arg(short = 'c', long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Run without a master
    #[arg(long)]
    local: bool,
    /// The root of the files of states, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    file_root: Option<PathBuf>,
    /// The root of the pillar, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pillar_root: Option<PathBuf>,
    /// The minion id
    #[arg(long)]
    id: Option<String>,
    /// Be this proxy minion, with the configuration of salt-proxy
    #[arg(long, value_name = "ID")]
    proxyid: Option<String>,
    /// The master
    #[arg(long)]
    master: Option<String>,
    /// How to print the return
    #[arg(long, visible_alias = "output", value_name = "OUTPUTTER", value_parser = outputter)]
    out: Option<String>,
    /// Blanks a level of the printed return; negative for one line
    #[arg(long, visible_alias = "output-indent", value_name = "N", allow_negative_numbers = true)]
    out_indent: Option<i64>,
    /// Write the printed return to a file
    #[arg(long, visible_alias = "output-file", value_name = "FILE")]
    out_file: Option<PathBuf>,
    /// How to print states: full, terse, mixed, changes, each also with _id
    #[arg(long, visible_alias = "state_output", value_name = "MODE")]
    state_output: Option<String>,
    /// Print states that changed nothing too: true or false
    #[arg(long, visible_alias = "state_verbose", value_name = "BOOL")]
    state_verbose: Option<String>,
    /// Print only states that changed something or failed
    #[arg(long, visible_alias = "state-output-diff")]
    output_diff: bool,
    /// No colours
    #[arg(long, visible_alias = "no-colour")]
    no_color: bool,
    /// Colours, even to a file
    #[arg(long, visible_alias = "force-colour", conflicts_with = "no_color")]
    force_color: bool,
    /// The level of the log on the console
    #[arg(short, long, value_name = "LEVEL", value_parser = level)]
    log_level: Option<String>,
    /// The file of the log
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// The level of the log in its file
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log_file_level: Option<String>,
    /// End with the return code of the function
    #[arg(long)]
    retcode_passthrough: bool,
    /// Print the whole return, not the function's value alone
    #[arg(long)]
    metadata: bool,
    /// Metadata to send along with the return
    #[arg(long, visible_alias = "set_metadata", value_name = "METADATA")]
    set_metadata: Option<String>,
    /// Don't send the return to the master
    #[arg(long)]
    no_return_event: bool,
    /// Print the grains
    #[arg(short, long)]
    grains: bool,
    /// Print the documentation of the function, or of all
    #[arg(short, long, visible_alias = "documentation")]
    doc: bool,
    /// The directory of the cache
    #[arg(long, value_name = "DIR")]
    cachedir: Option<PathBuf>,
    /// How many seconds the master has for an answer to the key
    #[arg(short = 't', long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Compute no grains
    #[arg(long)]
    skip_grains: bool,
    /// Keywords whose values are text, whatever they look like
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    no_parse: Vec<String>,
    /// The executors to run the function by
    #[arg(long, value_name = "LIST")]
    module_executors: Option<String>,
    /// Options of the executors
    #[arg(long, value_name = "MAP")]
    executor_opts: Option<String>,
    /// Run as this user
    #[arg(long = "priv", value_name = "USER")]
    privileges: Option<String>,
    /// Send the return to these returners, too
    #[arg(long = "return", value_name = "RETURNER,...", value_delimiter = ',')]
    returners: Vec<String>,
    /// Append to the file of --out-file instead of writing it anew
    #[arg(long, visible_alias = "output-file-append")]
    out_file_append: bool,
    /// Taken for salt-call's sake: grains are computed for each call
    #[arg(long, hide = true)]
    refresh_grains_cache: bool,
    /// Taken for salt-call's sake: there is no other crash
    #[arg(long, hide = true)]
    hard_crash: bool,
    /// Taken for salt-call's sake: no Python can be loaded
    #[arg(short = 'm', long, hide = true, value_name = "DIR")]
    module_dirs: Vec<PathBuf>,
    /// Taken for salt-call's sake: no Python can be loaded
    #[arg(long, hide = true, value_name = "DIR")]
    states_dir: Option<PathBuf>,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// Print the versions of everything that has one
    #[arg(short = 'V', long)]
    versions_report: bool,
}

fn outputter(name: &str) -> Result<String, String> {
    match Outputter::named(name) {
        Some(_) => Ok(name.into()),
        None => Err(format!("the outputters are {}", Outputter::NAMES.join(", "))),
    }
}

pub(super) fn run(args: CallArgs) -> ExitCode {
    if args.versions_report {
        return print_versions();
    }
    let (fun, words) = if args.grains {
        ("grains.items".to_string(), Vec::new())
    } else if args.doc {
        ("sys.doc".to_string(), args.words.clone())
    } else {
        match args.words.split_first() {
            Some((fun, words)) => (fun.clone(), words.to_vec()),
            None => return complain("call", "say the function to call", EX_USAGE),
        }
    };
    let Config { opts, warnings, .. } = match options(&args) {
        Ok(config) => config,
        Err(error) => return complain("call", &error.to_string(), 1),
    };
    // The background is not for a call, so that it goes on here or nowhere.
    if let Err((message, status)) = detach::settle(args.privileges.as_deref(), false) {
        return complain("call", &message, status);
    }
    if let Err(message) = make_directories(&opts) {
        return complain("call", &message, 1);
    }
    if let Some(file) = args.out_file.as_ref().filter(|file| !args.out_file_append && file.is_file())
        && let Err(error) = std::fs::write(file, "")
    {
        return complain("call", &format!("{}: Access denied: {error}", file.display()), 1);
    }
    if let Err(message) = Log::start(&LogConfig::of(&opts, true)) {
        return complain("call", &message, 1);
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    match runtime() {
        Ok(runtime) => runtime.block_on(call(&args, opts, &fun, words)),
        Err(message) => complain("call", &message, EX_SOFTWARE),
    }
}

fn options(args: &CallArgs) -> Result<Config, config::Error> {
    let text = |path: &PathBuf| absolute(path).display().to_string();
    let mut overrides = Map::new();
    let mut set = |option: &str, value: Option<Value>| {
        if let Some(value) = value {
            overrides.insert(option, value);
        }
    };
    set("master", args.master.as_deref().map(Value::from));
    set("log_level", args.log_level.as_deref().map(Value::from));
    set("log_level_logfile", args.log_file_level.as_deref().map(Value::from));
    set("log_file", args.log_file.as_ref().map(|p| text(p).into()));
    set("file_client", args.local.then(|| "local".into()));
    set("file_roots", args.file_root.as_ref().map(|p| map! { "base" => [text(p)] }.into()));
    set("pillar_roots", args.pillar_root.as_ref().map(|p| map! { "base" => [text(p)] }.into()));
    set("state_output", args.state_output.as_deref().map(Value::from));
    set("state_verbose", args.state_verbose.as_deref().map(yamlify));
    set("state_output_diff", args.output_diff.then_some(true.into()));
    set("cachedir", args.cachedir.as_ref().map(|p| text(p).into()));
    set("auth_timeout", args.timeout.map(|seconds| i64::from(seconds).into()));
    set("skip_grains", args.skip_grains.then_some(true.into()));
    config::load(&Request {
        role: if args.proxyid.is_some() { Role::Proxy } else { Role::Minion },
        dir: args.config_dir.as_deref().map(absolute),
        id: args.proxyid.clone().or_else(|| args.id.clone()),
        overrides,
        env: config::process_env,
    })
}

async fn call(args: &CallArgs, opts: Map, fun: &str, words: Vec<String>) -> ExitCode {
    let local = args.local
        || opts.text("file_client") == Some("local")
        || opts.text("master_type") == Some("disable");
    let made =
        if local { caller::local(opts.clone()).await } else { caller::with_master(opts.clone()).await };
    let caller = match made {
        Ok(caller) => caller,
        Err(failure) => {
            eprintln!("{failure}");
            return exit_code(failure.exit.into());
        }
    };
    let code = run_function(&caller, args, &opts, fun, words, local).await;
    caller.close().await;
    code
}

async fn run_function(
    caller: &Caller,
    args: &CallArgs,
    opts: &Map,
    fun: &str,
    words: Vec<String>,
    local: bool,
) -> ExitCode {
    let arg = read(words, &args.no_parse).to_load();
    let jid = clock::jid();
    let metadata = args.set_metadata.as_deref().map(yamlify);
    let mut further = Map::new();
    if let Some(metadata) = &metadata {
        further.insert("metadata", metadata.clone());
    }
    if let Some(executors) = args.module_executors.as_deref() {
        let read = yamlify(executors);
        further.insert("module_executors", if read.as_list().is_some() { read } else { [executors].into() });
    }
    if let Some(options) = args.executor_opts.as_deref() {
        further.insert("executor_opts", yamlify(options));
    }
    let (value, retcode) = match caller.run(&jid, fun, &arg, further).await {
        Ok(done) => done,
        Err(error) => {
            eprintln!("{}", complaint(caller, fun, &error));
            // Salt ends with -1 for a function that is not there.
            return exit_code(if matches!(error, Error::NotAvailable(_)) { -1 } else { 1 });
        }
    };
    let out = caller.identity().modules().get(fun).and_then(|f| f.out);
    let mut ret = map! { "jid" => jid, "return" => value.clone(), "retcode" => retcode };
    if let Some(out) = out {
        ret.insert("out", out);
    }
    ret.extend(map! { "id" => caller.identity().id(), "fun" => fun, "fun_args" => arg });
    if let Some(metadata) = metadata {
        ret.insert("metadata", metadata);
    }
    let printed = if args.metadata { ret.clone().into() } else { value };
    let name = args.out.as_deref().or(if args.metadata { None } else { out }).unwrap_or("nested");
    let text = Outputter::named(name)
        .unwrap_or(Outputter::Nested)
        .text(&map! { "local" => printed }.into(), &style(args, opts, retcode));
    if let Err(error) = print(args, &text) {
        return complain("call", &error, 1);
    }
    if !local && !args.no_return_event {
        ret.insert("jid", "req");
        ret.insert("success", retcode == 0);
        caller.send_return(ret).await;
    }
    for returner in &args.returners {
        tracing::error!("Returner {returner} could not be loaded: '{returner}.returner' is not available.");
    }
    match (args.retcode_passthrough, retcode) {
        (true, code) => exit_code(code),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::from(1),
    }
}

/// The arguments of the words. The values of some keywords are text, whatever they look like.
fn read(words: Vec<String>, no_parse: &[String]) -> Args {
    let is_text = |word: &String| {
        split_keyword(word)
            .filter(|(name, _)| no_parse.iter().any(|one| one == name))
            .map(|(name, value)| (Value::from(name), Value::from(value)))
    };
    let texts: Vec<(Value, Value)> = words.iter().filter_map(is_text).collect();
    let mut args = Args::from_words(words);
    args.keywords.extend(texts);
    args
}

/// What `salt-call` writes of an error (`salt/cli/caller.py`).
fn complaint(caller: &Caller, fun: &str, error: &Error) -> String {
    match error {
        Error::Execution(m) | Error::Unavailable(m) | Error::Invocation(m) => {
            format!("Error running '{fun}': {m}")
        }
        Error::CommandNotFound(m) => format!("Command required for '{fun}' not found: {m}"),
        Error::Arguments(m) => {
            let doc = caller.identity().modules().get(fun).map(|f| f.doc_text()).unwrap_or_default();
            format!("\nPassed invalid arguments: {m}.\n\nUsage:\n{doc}")
        }
        Error::NotAvailable(m) => m.clone(),
        other => format!("The minion function caused an exception: {}", other.traceback_line()),
    }
}

fn style(args: &CallArgs, opts: &Map, retcode: i64) -> Style {
    let color = args.force_color
        || !args.no_color
            && args.out_file.is_none()
            && opts.flag("color", true)
            && std::io::stdout().is_terminal();
    Style {
        colors: if color { Colors::ANSI } else { Colors::NONE },
        indent: args.out_indent,
        state_output: opts.text("state_output").unwrap_or("full").to_ascii_lowercase(),
        state_verbose: opts.flag("state_verbose", true),
        state_output_diff: opts.flag("state_output_diff", false),
        state_output_profile: opts.flag("state_output_profile", true),
        retcode,
    }
}

fn print(args: &CallArgs, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let written = match &args.out_file {
        None => writeln!(std::io::stdout(), "{text}"),
        Some(path) => std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "{text}")),
    };
    match written {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot write the return: {e}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_can_be_kept_as_text() {
        let words = || ["1", "a=1", "b=1", "c=[x"].map(String::from).to_vec();
        let all = read(words(), &[]);
        assert_eq!((all.keywords.get("a"), &all.positional[0]), (Some(&1.into()), &1.into()));
        let some = read(words(), &["a".into(), "c".into()]);
        assert_eq!((some.keywords.get("a"), some.keywords.get("b")), (Some(&"1".into()), Some(&1.into())));
        assert_eq!(some.keywords.get("c"), Some(&"[x".into()));
    }
}

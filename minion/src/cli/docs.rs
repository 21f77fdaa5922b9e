//! `vsalt docs`: the reference, from the declarations of the functions.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use salt::{Function, Map, Registry};

use super::{EX_SOFTWARE, complain};
use crate::minion::registries;

/// What to document.
#[derive(Args, Debug)]
pub(super) struct DocsArgs {
    /// A function or a module; without it, all functions in a line each
    name: Option<String>,
    /// The tables of the README
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(args: &DocsArgs) -> ExitCode {
    let (modules, states) = match registries(&Map::new()) {
        Ok(registries) => registries,
        Err(message) => return complain("docs", &message, EX_SOFTWARE),
    };
    let text = match &args.name {
        None if args.markdown => markdown(&modules, &states),
        None => listing(&modules, &states),
        Some(name) => match page(name, &modules, &states) {
            Some(page) => page,
            None => return complain("docs", &format!("nothing named {name} is served"), 1),
        },
    };
    // A reader that has seen enough closes the pipe.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn all<'a>(
    modules: &'a Registry,
    states: &'a Registry,
) -> impl Iterator<Item = (&'static str, Vec<(&'a str, &'static Function)>)> {
    [("Execution functions", modules), ("State functions", states)]
        .into_iter()
        .map(|(title, registry)| (title, registry.iter().collect()))
}

/// The tables of the reference: a heading a kind, a table a module.
fn markdown(modules: &Registry, states: &Registry) -> String {
    let mut text = String::new();
    for (title, functions) in all(modules, states) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "### {title}");
        let mut module = "";
        for (_, function) in functions {
            if function.module() != module {
                module = function.module();
                let _ = write!(text, "\n**{module}**\n\n| function | what it does |\n|---|---|\n");
            }
            let arguments = function.usage();
            let arguments = arguments.split_once('.').map_or(arguments.as_str(), |(_, rest)| rest);
            let _ = writeln!(
                text,
                "| `{}` | {} |",
                arguments.replace('|', "\\|"),
                function.summary().replace('\n', " ").replace('|', "\\|")
            );
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn listing(modules: &Registry, states: &Registry) -> String {
    let mut text = String::new();
    for (title, functions) in all(modules, states) {
        let _ = writeln!(text, "{title}:");
        for (name, function) in functions {
            let _ = writeln!(text, "  {name:<44} {}", function.summary().replace('\n', " "));
        }
    }
    text
}

/// The page of a function, or of each function of a module.
fn page(name: &str, modules: &Registry, states: &Registry) -> Option<String> {
    let mut text = String::new();
    for (title, functions) in all(modules, states) {
        for (full, function) in functions {
            if full == name || function.module() == name {
                let kind = title.trim_end_matches('s').to_lowercase();
                let _ = write!(text, "{}\n    {kind}\n\n", function.usage());
                for line in function.doc_text().lines() {
                    let _ = writeln!(text, "{}", format!("    {line}").trim_end());
                }
                text.push('\n');
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

//! What was found: a sentence each, and what to do about it.

use std::fmt;

use serde_json::json;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// The minion runs, but it may not be what was meant.
    Doubt,
    /// The minion does not run, or can't do its work.
    Trouble,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Fine => "ok",
            Verdict::Doubt => "doubt",
            Verdict::Trouble => "TROUBLE",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it belongs: `configuration`, `host`, `master`, `pillar` or `vcenter`.
    pub part: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What is so. No secret is in it.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
}

/// All findings, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(super) fn fine(&mut self, part: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { part, verdict: Verdict::Fine, text: text.into(), advice: None });
    }

    pub(super) fn doubt(&mut self, part: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.findings.push(Finding { part, verdict: Verdict::Doubt, text: text.into(), advice });
    }

    pub(super) fn trouble(&mut self, part: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.findings.push(Finding { part, verdict: Verdict::Trouble, text: text.into(), advice });
    }

    /// The worst of all verdicts.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Fine)
    }

    /// The findings as a list of objects with `part`, `verdict`, `text` and `advice`.
    pub fn to_json(&self) -> serde_json::Value {
        let one = |finding: &Finding| {
            let verdict = finding.verdict.word().to_lowercase();
            json!({ "part": finding.part, "verdict": verdict, "text": finding.text, "advice": finding.advice })
        };
        self.findings.iter().map(one).collect()
    }
}

/// A line a finding, with the advice below it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let text = finding.text.replace('\n', "\n                       ");
            writeln!(f, "{:<14} {:<7} {text}", finding.part, finding.verdict.word())?;
            if let Some(advice) = &finding.advice {
                writeln!(f, "{:22} {advice}", "")?;
            }
        }
        Ok(())
    }
}

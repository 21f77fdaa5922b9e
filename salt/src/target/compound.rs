//! Compound targets: words with `and`, `or`, `not` and brackets (`salt/matchers/compound_match.py`).

use super::{Subject, by_kind};
use crate::Value;

/// How many words an expression may have once its groups are spelled out. Salt has no limit and loops for ever on a
/// group that names itself.
const MOST_WORDS: usize = 100_000;

/// How deep brackets may nest.
const MOST_DEPTH: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Is(bool),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// True if the expression means the minion. A wrong expression means nobody.
pub(super) fn matches(tgt: &Value, subject: Subject<'_>, pillar_exact: bool) -> bool {
    let Some(words) = words_of(tgt) else {
        tracing::error!("Compound target received that is neither string, list nor tuple");
        return false;
    };
    match tokens(words, subject, pillar_exact) {
        Ok(tokens) => {
            let mut parser = Parser { tokens: &tokens, at: 0 };
            match parser.or(0) {
                Some(result) if parser.at == tokens.len() => result,
                _ => {
                    tracing::error!("Invalid compound target: {tgt}");
                    false
                }
            }
        }
        Err(why) => {
            tracing::error!("Invalid compound target {tgt}: {why}");
            false
        }
    }
}

/// True if the minion is in a group of the subject's table.
pub(super) fn nodegroup(group: &str, subject: Subject<'_>) -> bool {
    match subject.nodegroups.and_then(|groups| groups.get(group)) {
        Some(expression) => matches(expression, subject, false),
        None => false,
    }
}

fn words_of(tgt: &Value) -> Option<Vec<String>> {
    match tgt {
        Value::Str(text) => Some(text.split_whitespace().map(str::to_string).collect()),
        Value::List(items) => Some(items.iter().map(Value::to_string).collect()),
        _ => None,
    }
}

fn tokens(words: Vec<String>, subject: Subject<'_>, pillar_exact: bool) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    // The words still to come, the next one last.
    let mut rest: Vec<String> = words.into_iter().rev().collect();
    let mut taken = 0;
    while let Some(word) = rest.pop() {
        taken += 1;
        if taken + rest.len() > MOST_WORDS {
            return Err("it has too many words, or a nodegroup names itself".into());
        }
        let token = match word.as_str() {
            "and" => Token::And,
            "or" => Token::Or,
            "not" => Token::Not,
            "(" => Token::Open,
            ")" => Token::Close,
            _ => match term(&word, subject, pillar_exact)? {
                Term::Is(result) => Token::Is(result),
                Term::Words(words) => {
                    rest.push(")".into());
                    rest.extend(words.into_iter().rev());
                    rest.push("(".into());
                    continue;
                }
            },
        };
        // "x not y" means "x and not y".
        if token == Token::Not
            && tokens.last().is_some_and(|t| !matches!(t, Token::And | Token::Or | Token::Open))
        {
            tokens.push(Token::And);
        }
        tokens.push(token);
    }
    Ok(tokens)
}

enum Term {
    Is(bool),
    Words(Vec<String>),
}

/// One word: `ENGINE[DELIMITER]@pattern`, or a glob.
fn term(word: &str, subject: Subject<'_>, pillar_exact: bool) -> Result<Term, String> {
    let Some((engine, delimiter, pattern)) = split(word) else {
        return Ok(Term::Is(super::fnmatch(subject.id, word)));
    };
    let kind = match engine {
        'G' => "grain",
        'P' => "grain_pcre",
        'I' | 'J' if pillar_exact => "pillar_exact",
        'I' => "pillar",
        'J' => "pillar_pcre",
        'L' => "list",
        'S' => "ipcidr",
        'E' => "pcre",
        'N' => {
            let group = subject.nodegroups.and_then(|groups| groups.get(pattern));
            return match group.and_then(words_of) {
                Some(words) => Ok(Term::Words(words)),
                None => Ok(Term::Is(false)),
            };
        }
        _ => return Err(format!("unrecognized target engine {engine:?} in {word:?}")),
    };
    let tgt = Value::from(pattern);
    Ok(Term::Is(by_kind(kind, &tgt, delimiter.unwrap_or(":"), subject).unwrap_or(false)))
}

/// `G@os:x` into engine, delimiter and pattern (`salt.utils.minions.parse_target`). A delimiter is one character, and only
/// behind an engine that has paths.
fn split(word: &str) -> Option<(char, Option<&str>, &str)> {
    let (head, pattern) = word.split_once('@')?;
    let mut chars = head.chars();
    let engine = chars.next()?;
    let delimiter = chars.as_str();
    if !engine.is_ascii_uppercase() {
        return None;
    }
    match delimiter.chars().count() {
        0 => Some((engine, None, pattern)),
        1 if matches!(engine, 'G' | 'P' | 'I' | 'J') => Some((engine, Some(delimiter), pattern)),
        _ => None,
    }
}

/// `not` binds closest, then `and`, then `or`, as in the Python that Salt evaluates.
struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn next_is(&mut self, token: Token) -> bool {
        let is = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(is);
        is
    }

    fn or(&mut self, depth: usize) -> Option<bool> {
        let mut result = self.and(depth)?;
        while self.next_is(Token::Or) {
            let right = self.and(depth)?;
            result = result || right;
        }
        Some(result)
    }

    fn and(&mut self, depth: usize) -> Option<bool> {
        let mut result = self.not(depth)?;
        while self.next_is(Token::And) {
            let right = self.not(depth)?;
            result = result && right;
        }
        Some(result)
    }

    fn not(&mut self, depth: usize) -> Option<bool> {
        let mut negated = false;
        while self.next_is(Token::Not) {
            negated = !negated;
        }
        let value = match self.tokens.get(self.at)? {
            Token::Is(value) => {
                self.at += 1;
                *value
            }
            Token::Open if depth < MOST_DEPTH => {
                self.at += 1;
                let value = self.or(depth + 1)?;
                if !self.next_is(Token::Close) {
                    return None;
                }
                value
            }
            _ => return None,
        };
        Some(value != negated)
    }
}

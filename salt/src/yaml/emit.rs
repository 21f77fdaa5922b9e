//! Nodes to text, by the rules of libyaml 0.2.5's emitter.

use super::dump::Style;
use super::resolve;
use super::scanner::{is_blankz, is_break};

/// A node that is to be written.
pub(super) enum Node {
    Scalar { tag: &'static str, text: String, literal: bool },
    Sequence { items: Vec<Node>, flow: bool },
    Mapping { pairs: Vec<(Node, Node)>, flow: bool },
}

impl Node {
    pub(super) fn plain(tag: &'static str, text: impl Into<String>) -> Node {
        Node::Scalar { tag, text: text.into(), literal: false }
    }

    pub(super) fn literal(tag: &'static str, text: impl Into<String>) -> Node {
        Node::Scalar { tag, text: text.into(), literal: true }
    }

    /// True if a collection of such nodes may stand on one line.
    pub(super) fn is_simple(&self) -> bool {
        matches!(self, Node::Scalar { literal: false, .. })
    }

    /// True if it may be a key without a question mark: on one line, and 128 bytes at most.
    fn is_simple_key(&self) -> bool {
        const MAX: usize = 128;
        match self {
            Node::Scalar { text, tag, .. } => {
                let shown = if *tag == BINARY { "!!binary".len() } else { 0 };
                !text.chars().any(is_break) && text.len() + shown <= MAX
            }
            Node::Sequence { items, .. } => items.is_empty(),
            Node::Mapping { pairs, .. } => pairs.is_empty(),
        }
    }
}

const BINARY: &str = "tag:yaml.org,2002:binary";

/// Where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    SimpleKey,
    Value,
}

/// What the text of a scalar allows.
#[derive(Default)]
struct Analysis {
    multiline: bool,
    flow_plain: bool,
    block_plain: bool,
    single_quoted: bool,
    block: bool,
}

enum Quoting {
    Plain,
    Single,
    Double,
    Literal,
}

pub(super) struct Emitter {
    out: String,
    style: Style,
    column: usize,
    indent: i64,
    flow_level: usize,
    /// The last character was a blank, or none is needed before the next.
    whitespace: bool,
    /// Only indentation and indicators stand on the line so far.
    indention: bool,
    simple_key: bool,
}

impl Emitter {
    pub(super) fn new(mut style: Style) -> Emitter {
        if !(2..=9).contains(&style.indent) {
            style.indent = 2;
        }
        if style.width <= style.indent * 2 {
            style.width = 80;
        }
        Emitter {
            out: String::new(),
            style,
            column: 0,
            indent: -1,
            flow_level: 0,
            whitespace: true,
            indention: true,
            simple_key: false,
        }
    }

    /// The whole text. libyaml 0.2.5 does not mark the end of a document that is one plain scalar with `...` any more.
    pub(super) fn document(mut self, root: &Node) -> String {
        self.node(root, Place::Root);
        self.write_indent();
        self.out
    }

    fn node(&mut self, node: &Node, place: Place) {
        self.simple_key = place == Place::SimpleKey;
        match node {
            Node::Scalar { tag, text, literal } => self.scalar(tag, text, *literal),
            Node::Sequence { items, flow } => {
                if self.flow_level > 0 || *flow || items.is_empty() {
                    self.flow_sequence(items);
                } else {
                    self.block_sequence(items, place == Place::Value && !self.indention);
                }
            }
            Node::Mapping { pairs, flow } => {
                if self.flow_level > 0 || *flow || pairs.is_empty() {
                    self.flow_mapping(pairs);
                } else {
                    self.block_mapping(pairs);
                }
            }
        }
    }

    fn deeper(&mut self, flow: bool, indentless: bool) -> i64 {
        let before = self.indent;
        if before < 0 {
            self.indent = if flow { self.style.indent as i64 } else { 0 };
        } else if !indentless {
            self.indent += self.style.indent as i64;
        }
        before
    }

    fn block_sequence(&mut self, items: &[Node], indentless: bool) {
        let before = self.deeper(false, indentless);
        for item in items {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place::Item);
        }
        self.indent = before;
    }

    fn block_mapping(&mut self, pairs: &[(Node, Node)]) {
        let before = self.deeper(false, false);
        for (key, value) in pairs {
            self.write_indent();
            if key.is_simple_key() {
                self.node(key, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.node(key, Place::Value);
                self.write_indent();
                self.indicator(":", true, false, true);
            }
            self.node(value, Place::Value);
        }
        self.indent = before;
    }

    fn flow_start(&mut self, bracket: &str) -> i64 {
        self.indicator(bracket, true, true, false);
        self.flow_level += 1;
        self.deeper(true, false)
    }

    fn flow_end(&mut self, bracket: &str, before: i64) {
        self.flow_level -= 1;
        self.indent = before;
        self.indicator(bracket, false, false, false);
    }

    fn flow_next(&mut self, first: bool) {
        if !first {
            self.indicator(",", false, false, false);
        }
        self.fold();
    }

    fn fold(&mut self) {
        if self.column > self.style.width {
            self.write_indent();
        }
    }

    fn flow_sequence(&mut self, items: &[Node]) {
        let before = self.flow_start("[");
        for (i, item) in items.iter().enumerate() {
            self.flow_next(i == 0);
            self.node(item, Place::Item);
        }
        self.flow_end("]", before);
    }

    fn flow_mapping(&mut self, pairs: &[(Node, Node)]) {
        let before = self.flow_start("{");
        for (i, (key, value)) in pairs.iter().enumerate() {
            self.flow_next(i == 0);
            if key.is_simple_key() {
                self.node(key, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, false);
                self.node(key, Place::Value);
                self.fold();
                self.indicator(":", true, false, false);
            }
            self.node(value, Place::Value);
        }
        self.flow_end("}", before);
    }

    fn scalar(&mut self, tag: &str, text: &str, literal: bool) {
        let quoting = self.quoting(tag, text, literal);
        if tag == BINARY {
            self.indicator("!!binary", true, false, false);
        }
        let before = self.deeper(true, false);
        match quoting {
            Quoting::Plain => self.plain(text),
            Quoting::Single => self.single_quoted(text),
            Quoting::Double => self.double_quoted(text),
            Quoting::Literal => self.literal(text),
        }
        self.indent = before;
    }

    fn quoting(&self, tag: &str, text: &str, literal: bool) -> Quoting {
        let may = analyze(text);
        let double_or_single = if may.single_quoted { Quoting::Single } else { Quoting::Double };
        if self.simple_key && may.multiline {
            return Quoting::Double;
        }
        if literal {
            let block = may.block && self.flow_level == 0 && !self.simple_key;
            return if block { Quoting::Literal } else { Quoting::Double };
        }
        let plain = if self.flow_level > 0 { may.flow_plain } else { may.block_plain };
        let nothing = text.is_empty() && (self.flow_level > 0 || self.simple_key);
        if !plain || nothing || resolve::implicit(text) != tag {
            return double_or_single;
        }
        Quoting::Plain
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Writes a line break of the text as it is, except that a line feed is the emitter's own.
    fn write_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.max(0) as usize;
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, need_whitespace: bool, is_whitespace: bool, is_indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.whitespace = is_whitespace;
        self.indention = self.indention && is_indention;
    }

    fn plain(&mut self, text: &str) {
        if !self.whitespace && (!text.is_empty() || self.flow_level > 0) {
            self.put(' ');
        }
        let chars: Vec<char> = text.chars().collect();
        let mut spaces = false;
        for (i, &c) in chars.iter().enumerate() {
            if c == ' ' {
                let fold = !self.simple_key && !spaces && self.column > self.style.width;
                if fold && chars.get(i + 1) != Some(&' ') {
                    self.write_indent();
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                self.indention = false;
                spaces = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str) {
        self.indicator("'", true, false, false);
        let chars: Vec<char> = text.chars().collect();
        let (mut spaces, mut breaks) = (false, false);
        for (i, &c) in chars.iter().enumerate() {
            let inner = i > 0 && i + 1 < chars.len();
            if c == ' ' {
                let fold = !self.simple_key && !spaces && inner && self.column > self.style.width;
                if fold && chars.get(i + 1) != Some(&' ') {
                    self.write_indent();
                } else {
                    self.put(c);
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if c == '\'' {
                    self.put(c);
                }
                self.put(c);
                self.indention = false;
                spaces = false;
                breaks = false;
            }
        }
        if breaks {
            self.write_indent();
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double_quoted(&mut self, text: &str) {
        self.indicator("\"", true, false, false);
        let chars: Vec<char> = text.chars().collect();
        let mut spaces = false;
        for (i, &c) in chars.iter().enumerate() {
            let inner = i > 0 && i + 1 < chars.len();
            if !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                escape(c).chars().for_each(|c| self.put(c));
                spaces = false;
            } else if c == ' ' {
                if !self.simple_key && !spaces && inner && self.column > self.style.width {
                    self.write_indent();
                    if chars.get(i + 1) == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// Only for text that ends in one line feed and has no blanks in front, which base64 is.
    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}

pub(super) fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match c as u32 {
                n @ 0..=0xff => format!("\\x{n:02X}"),
                n @ 0..=0xffff => format!("\\u{n:04X}"),
                n => format!("\\U{n:08X}"),
            };
        }
    };
    format!("\\{short}")
}

/// libyaml takes nothing above the first plane for printable.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

fn analyze(text: &str) -> Analysis {
    if text.is_empty() {
        return Analysis { block_plain: true, single_quoted: true, ..Analysis::default() };
    }
    let chars: Vec<char> = text.chars().collect();
    let last = chars.len() - 1;
    let document = text.starts_with("---") || text.starts_with("...");
    let (mut block_indicators, mut flow_indicators) = (document, document);
    let (mut line_breaks, mut special) = (false, false);
    let (mut edge_space, mut trailing_space, mut edge_break) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let mut before: Option<char> = None;
    for (i, &c) in chars.iter().enumerate() {
        let after_blank = before.is_none_or(is_blankz);
        let blank_follows = chars.get(i + 1).is_none_or(|c| is_blankz(*c));
        let (flow, block) = if i == 0 {
            match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                | '`' => (true, true),
                '?' | ':' => (true, blank_follows),
                '-' => (blank_follows, blank_follows),
                _ => (false, false),
            }
        } else {
            match c {
                ',' | '?' | '[' | ']' | '{' | '}' => (true, false),
                ':' => (true, blank_follows),
                '#' => (after_blank, after_blank),
                _ => (false, false),
            }
        };
        flow_indicators |= flow;
        block_indicators |= block;
        special |= !is_printable(c);
        if c == ' ' {
            edge_space |= i == 0 || i == last;
            trailing_space |= i == last;
            break_space |= before.is_some_and(is_break);
        } else if is_break(c) {
            line_breaks = true;
            edge_break |= i == 0 || i == last;
            space_break |= before == Some(' ');
        }
        before = Some(c);
    }
    let awkward = space_break || special;
    let plain = !(edge_space || edge_break || break_space || awkward || line_breaks);
    Analysis {
        multiline: line_breaks,
        flow_plain: plain && !flow_indicators,
        block_plain: plain && !block_indicators,
        single_quoted: !(break_space || awkward),
        block: !(trailing_space || awkward),
    }
}

//! Tokens to nodes: libyaml's grammar and PyYAML's composer in one, since nobody needs the events between them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::{Error, Kind, Mark, Result};
use super::resolve;
use super::scanner::{Scanner, Token};

/// How deep collections may be nested. PyYAML has no such limit; a stack has.
const MAX_DEPTH: usize = 100;

pub(super) type NodeId = usize;

/// A node of the document; an alias is the same node once more.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) tag: Cow<'static, str>,
    pub(super) content: Content,
    pub(super) start: Mark,
}

#[derive(Debug)]
pub(super) enum Content {
    Scalar(String),
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
}

impl Node {
    /// What PyYAML calls the kind of node in its sentences.
    pub(super) fn id(&self) -> &'static str {
        match self.content {
            Content::Scalar(_) => "scalar",
            Content::Sequence(_) => "sequence",
            Content::Mapping(_) => "mapping",
        }
    }
}

/// The nodes of the only document of a text, and its root if there is one.
pub(super) fn compose(text: &str) -> Result<(Vec<Node>, Option<NodeId>)> {
    let mut composer = Composer {
        scanner: Scanner::new(text)?,
        nodes: Vec::new(),
        anchors: HashMap::new(),
        handles: Vec::new(),
        depth: 0,
    };
    let root = composer.single_document()?;
    Ok((composer.nodes, root))
}

/// The lines of the keys of a mapping, counted from one.
pub(super) fn key_lines(nodes: &[Node], root: NodeId) -> HashMap<String, usize> {
    let Content::Mapping(pairs) = &nodes[root].content else { return HashMap::new() };
    let line = |key: &NodeId| match &nodes[*key].content {
        Content::Scalar(text) => Some((text.clone(), nodes[*key].start.line + 1)),
        _ => None,
    };
    pairs.iter().filter_map(|(key, _)| line(key)).collect()
}

struct Composer {
    scanner: Scanner,
    nodes: Vec<Node>,
    anchors: HashMap<String, NodeId>,
    handles: Vec<(String, String)>,
    depth: usize,
}

/// Anchor and tag in front of a node.
#[derive(Default)]
struct Properties {
    anchor: Option<String>,
    tag: Option<String>,
}

impl Composer {
    fn single_document(&mut self) -> Result<Option<NodeId>> {
        self.scanner.next()?;
        let implicit = !matches!(
            self.peek()?,
            Token::Version(..) | Token::TagDirective(..) | Token::DocumentStart | Token::StreamEnd
        );
        if *self.peek()? == Token::StreamEnd {
            return Ok(None);
        }
        self.directives()?;
        let root = if implicit { self.node(true, false)? } else { self.explicit_document()? };
        if *self.peek()? == Token::DocumentEnd {
            self.scanner.next()?;
        }
        self.handles.clear();
        while *self.peek()? == Token::DocumentEnd {
            self.scanner.next()?;
        }
        if *self.peek()? != Token::StreamEnd {
            let mark = self.mark()?;
            self.directives()?;
            self.expect_document_start()?;
            return Err(Error::new(Kind::Composer, "but found another document", mark)
                .within("expected a single document in the stream", self.nodes[root].start));
        }
        Ok(Some(root))
    }

    fn explicit_document(&mut self) -> Result<NodeId> {
        self.expect_document_start()?;
        self.scanner.next()?;
        if matches!(
            self.peek()?,
            Token::Version(..)
                | Token::TagDirective(..)
                | Token::DocumentStart
                | Token::DocumentEnd
                | Token::StreamEnd
        ) {
            let mark = self.mark()?;
            return Ok(self.empty(mark));
        }
        self.node(true, false)
    }

    fn expect_document_start(&mut self) -> Result<()> {
        if *self.peek()? == Token::DocumentStart {
            return Ok(());
        }
        Err(Error::new(Kind::Parser, "did not find expected <document start>", self.mark()?))
    }

    fn directives(&mut self) -> Result<()> {
        let mut version = false;
        loop {
            let mark = self.mark()?;
            match self.peek()?.clone() {
                Token::Version(..) if version => {
                    return Err(Error::new(Kind::Parser, "found duplicate %YAML directive", mark));
                }
                Token::Version(1, 1 | 2) => version = true,
                Token::Version(..) => {
                    return Err(Error::new(Kind::Parser, "found incompatible YAML document", mark));
                }
                Token::TagDirective(handle, prefix) => {
                    if self.handles.iter().any(|(h, _)| *h == handle) {
                        return Err(Error::new(Kind::Parser, "found duplicate %TAG directive", mark));
                    }
                    self.handles.push((handle, prefix));
                }
                _ => break,
            }
            self.scanner.next()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            if !self.handles.iter().any(|(h, _)| h == handle) {
                self.handles.push((handle.into(), prefix.into()));
            }
        }
        Ok(())
    }

    fn peek(&mut self) -> Result<&Token> {
        Ok(&self.scanner.peek()?.token)
    }

    fn mark(&mut self) -> Result<Mark> {
        Ok(self.scanner.peek()?.start)
    }

    fn parser_error<T>(&mut self, context: &str, context_mark: Mark, problem: &str) -> Result<T> {
        let mark = self.mark()?;
        Err(Error::new(Kind::Parser, problem, mark).within(context, context_mark))
    }

    fn add(&mut self, tag: impl Into<Cow<'static, str>>, content: Content, start: Mark) -> NodeId {
        self.nodes.push(Node { tag: tag.into(), content, start });
        self.nodes.len() - 1
    }

    fn empty(&mut self, mark: Mark) -> NodeId {
        self.add(resolve::NULL, Content::Scalar(String::new()), mark)
    }

    /// A node. `indentless` allows the sequence that stands at the indentation of its own key.
    fn node(&mut self, block: bool, indentless: bool) -> Result<NodeId> {
        let first = self.scanner.peek()?;
        let start = first.start;
        if let Token::Alias(name) = &first.token {
            let Some(node) = self.anchors.get(name).copied() else {
                return Err(Error::new(Kind::Composer, "found undefined alias", start));
            };
            self.scanner.next()?;
            return Ok(node);
        }
        let Properties { anchor, tag } = self.properties(start)?;
        // `!` alone asks for the tag that a plain scalar of this text would have.
        let bare = tag.as_deref() == Some("!");
        let custom = tag.filter(|t| t != "!");
        let token = self.scanner.peek()?.token.clone();
        let anchored = anchor.is_some();
        let sequence = match &token {
            Token::BlockEntry if indentless => true,
            Token::FlowSequenceStart => true,
            Token::BlockSequenceStart if block => true,
            Token::FlowMappingStart => false,
            Token::BlockMappingStart if block => false,
            Token::Scalar(text, plain) => {
                let id = self.scalar(custom.as_deref(), text, *plain || bare, start, anchor)?;
                self.scanner.next()?;
                return Ok(id);
            }
            _ if anchored || custom.is_some() || bare => {
                return self.scalar(custom.as_deref(), "", !bare, start, anchor);
            }
            _ => {
                let context = if block { "while parsing a block node" } else { "while parsing a flow node" };
                return self.parser_error(context, start, "did not find expected node content");
            }
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(Kind::Composer, "collections are nested too deeply", start));
        }
        let (default, content) = if sequence {
            (resolve::SEQ, Content::Sequence(vec![]))
        } else {
            (resolve::MAP, Content::Mapping(vec![]))
        };
        let id = self.add(custom.map_or(Cow::Borrowed(default), Cow::Owned), content, start);
        self.anchor(anchor, id)?;
        let content = match token {
            Token::BlockEntry => Content::Sequence(self.indentless_sequence()?),
            Token::FlowSequenceStart => Content::Sequence(self.flow_sequence()?),
            Token::BlockSequenceStart => Content::Sequence(self.block_sequence()?),
            Token::FlowMappingStart => Content::Mapping(self.flow_mapping()?),
            _ => Content::Mapping(self.block_mapping()?),
        };
        self.nodes[id].content = content;
        self.depth -= 1;
        Ok(id)
    }

    fn scalar(
        &mut self,
        tag: Option<&str>,
        text: &str,
        plain: bool,
        start: Mark,
        anchor: Option<String>,
    ) -> Result<NodeId> {
        let tag = match tag {
            Some(tag) => Cow::Owned(tag.to_string()),
            None if plain => Cow::Borrowed(resolve::implicit(text)),
            None => Cow::Borrowed(resolve::STR),
        };
        let id = self.add(tag, Content::Scalar(text.to_string()), start);
        self.anchor(anchor, id)?;
        Ok(id)
    }

    fn anchor(&mut self, anchor: Option<String>, id: NodeId) -> Result<()> {
        let Some(name) = anchor else { return Ok(()) };
        if let Some(first) = self.anchors.insert(name, id) {
            let mark = self.nodes[id].start;
            return Err(Error::new(Kind::Composer, "second occurrence", mark)
                .within("found duplicate anchor; first occurrence", self.nodes[first].start));
        }
        Ok(())
    }

    fn properties(&mut self, start: Mark) -> Result<Properties> {
        let mut properties = Properties::default();
        let mut tag = None;
        for _ in 0..2 {
            match self.peek()?.clone() {
                Token::Anchor(name) if properties.anchor.is_none() => {
                    properties.anchor = Some(name);
                    self.scanner.next()?;
                }
                Token::Tag(handle, suffix) if tag.is_none() => {
                    tag = Some((handle, suffix, self.scanner.next()?.start));
                }
                _ => break,
            }
        }
        // What follows is scanned before the tag is looked at, so its mistakes come first.
        self.peek()?;
        if let Some((handle, suffix, mark)) = tag {
            properties.tag = if handle.is_empty() {
                Some(suffix)
            } else {
                match self.handles.iter().find(|(h, _)| *h == handle) {
                    Some((_, prefix)) => Some(format!("{prefix}{suffix}")),
                    None => {
                        return Err(Error::new(Kind::Parser, "found undefined tag handle", mark)
                            .within("while parsing a node", start));
                    }
                }
            };
        }
        Ok(properties)
    }

    fn block_sequence(&mut self) -> Result<Vec<NodeId>> {
        let start = self.scanner.next()?.start;
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                Token::BlockEntry => {
                    let end = self.scanner.next()?.end;
                    let empty = matches!(self.peek()?, Token::BlockEntry | Token::BlockEnd);
                    items.push(if empty { self.empty(end) } else { self.node(true, false)? });
                }
                Token::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(items);
                }
                _ => {
                    return self.parser_error(
                        "while parsing a block collection",
                        start,
                        "did not find expected '-' indicator",
                    );
                }
            }
        }
    }

    fn indentless_sequence(&mut self) -> Result<Vec<NodeId>> {
        let mut items = Vec::new();
        while *self.peek()? == Token::BlockEntry {
            let end = self.scanner.next()?.end;
            let empty =
                matches!(self.peek()?, Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd);
            items.push(if empty { self.empty(end) } else { self.node(true, false)? });
        }
        Ok(items)
    }

    fn block_mapping(&mut self) -> Result<Vec<(NodeId, NodeId)>> {
        let start = self.scanner.next()?.start;
        let mut pairs = Vec::new();
        loop {
            let key = match self.peek()? {
                Token::Key => self.block_mapping_part()?,
                Token::BlockEnd => {
                    self.scanner.next()?;
                    return Ok(pairs);
                }
                _ => {
                    return self.parser_error(
                        "while parsing a block mapping",
                        start,
                        "did not find expected key",
                    );
                }
            };
            let value = match self.peek()? {
                Token::Value => self.block_mapping_part()?,
                _ => {
                    let mark = self.mark()?;
                    self.empty(mark)
                }
            };
            pairs.push((key, value));
        }
    }

    /// What follows a `?` or a `:` of a block mapping.
    fn block_mapping_part(&mut self) -> Result<NodeId> {
        let end = self.scanner.next()?.end;
        if matches!(self.peek()?, Token::Key | Token::Value | Token::BlockEnd) {
            return Ok(self.empty(end));
        }
        self.node(true, true)
    }

    fn flow_sequence(&mut self) -> Result<Vec<NodeId>> {
        let start = self.scanner.next()?.start;
        let mut items = Vec::new();
        while *self.peek()? != Token::FlowSequenceEnd {
            if !items.is_empty() {
                if *self.peek()? != Token::FlowEntry {
                    return self.parser_error(
                        "while parsing a flow sequence",
                        start,
                        "did not find expected ',' or ']'",
                    );
                }
                self.scanner.next()?;
            }
            match self.peek()? {
                Token::Key => items.push(self.flow_pair()?),
                Token::FlowSequenceEnd => break,
                _ => items.push(self.node(false, false)?),
            }
        }
        self.scanner.next()?;
        Ok(items)
    }

    /// The one pair of `[a: b]`, which is a mapping of its own.
    fn flow_pair(&mut self) -> Result<NodeId> {
        let start = self.scanner.next()?.start;
        let id = self.add(resolve::MAP, Content::Mapping(vec![]), start);
        let ends = |t: &Token| matches!(t, Token::Value | Token::FlowEntry | Token::FlowSequenceEnd);
        let key = if ends(self.peek()?) {
            // libyaml takes the token here, whatever it is.
            let end = self.scanner.next()?.end;
            self.empty(end)
        } else {
            self.node(false, false)?
        };
        let mut value = None;
        if *self.peek()? == Token::Value {
            self.scanner.next()?;
            if !matches!(self.peek()?, Token::FlowEntry | Token::FlowSequenceEnd) {
                value = Some(self.node(false, false)?);
            }
        }
        let value = match value {
            Some(value) => value,
            None => {
                let mark = self.mark()?;
                self.empty(mark)
            }
        };
        self.nodes[id].content = Content::Mapping(vec![(key, value)]);
        Ok(id)
    }

    fn flow_mapping(&mut self) -> Result<Vec<(NodeId, NodeId)>> {
        let start = self.scanner.next()?.start;
        let mut pairs = Vec::new();
        while *self.peek()? != Token::FlowMappingEnd {
            if !pairs.is_empty() {
                if *self.peek()? != Token::FlowEntry {
                    return self.parser_error(
                        "while parsing a flow mapping",
                        start,
                        "did not find expected ',' or '}'",
                    );
                }
                self.scanner.next()?;
            }
            match self.peek()? {
                Token::Key => {
                    self.scanner.next()?;
                    let empty =
                        matches!(self.peek()?, Token::Value | Token::FlowEntry | Token::FlowMappingEnd);
                    let key = self.node_or_empty(empty)?;
                    let mut value_is_empty = true;
                    if *self.peek()? == Token::Value {
                        self.scanner.next()?;
                        value_is_empty = matches!(self.peek()?, Token::FlowEntry | Token::FlowMappingEnd);
                    }
                    let value = self.node_or_empty(value_is_empty)?;
                    pairs.push((key, value));
                }
                Token::FlowMappingEnd => break,
                _ => {
                    let key = self.node(false, false)?;
                    let value = self.node_or_empty(true)?;
                    pairs.push((key, value));
                }
            }
        }
        self.scanner.next()?;
        Ok(pairs)
    }

    fn node_or_empty(&mut self, empty: bool) -> Result<NodeId> {
        if empty {
            let mark = self.mark()?;
            return Ok(self.empty(mark));
        }
        self.node(false, false)
    }
}

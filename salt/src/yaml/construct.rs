//! Nodes to values: PyYAML's safe constructor with Salt's changes (`salt/utils/yamlloader.py`).
//!
//! PyYAML builds level by level, so that is the order in which it finds mistakes. The first pass here walks in the same
//! order; the second builds the value, in which an alias costs what it expands to.

use std::collections::{HashSet, VecDeque};

use super::compose::{Content, Node, NodeId};
use super::error::{Error, Kind, Mark, Result};
use super::resolve::{BOOL, FLOAT, INT, MAP, MERGE, NULL, SEQ, STR, TIMESTAMP, VALUE};
use super::scalar_value;
use crate::{Map, Value};

/// What aliases and merges may add to a document before it counts as an attack: pairs, and bytes of the value.
const MERGE_BUDGET: usize = 100_000;
const ALIAS_BUDGET: usize = 64 << 20;

/// How deep a value may be through aliases.
const MAX_DEPTH: usize = 150;

/// The value of a document.
pub(super) fn construct(nodes: Vec<Node>, root: NodeId) -> Result<Value> {
    let count = nodes.len();
    let mut constructor = Constructor {
        nodes,
        built: (0..count).map(|_| None).collect(),
        queue: VecDeque::new(),
        merged: 0,
        depth: 0,
        budget: ALIAS_BUDGET,
        expanded: vec![false; count],
    };
    constructor.object(root)?;
    while let Some(node) = constructor.queue.pop_front() {
        constructor.body(node)?;
    }
    constructor.expand(root, &mut Vec::new())
}

/// What the first pass makes of a node.
enum Built {
    Scalar(Value),
    /// A collection whose body is still to come.
    Pending,
    List(Vec<NodeId>),
    /// `!!set`: the keys.
    Keys(Vec<Value>),
    /// `!!pairs`
    Pairs(Vec<(NodeId, NodeId)>),
    Map(Vec<(Value, NodeId)>),
}

struct Constructor {
    nodes: Vec<Node>,
    built: Vec<Option<Built>>,
    queue: VecDeque<NodeId>,
    merged: usize,
    depth: usize,
    budget: usize,
    expanded: Vec<bool>,
}

fn wrong(problem: impl Into<String>, mark: Mark) -> Error {
    Error::new(Kind::Constructor, problem, mark)
}

impl Constructor {
    /// Scalars are made at once, collections queued.
    fn object(&mut self, id: NodeId) -> Result<()> {
        if self.built[id].is_some() {
            return Ok(());
        }
        let node = &self.nodes[id];
        let start = node.start;
        let built = match node.tag.as_ref() {
            SEQ | MAP | "tag:yaml.org,2002:omap" | "tag:yaml.org,2002:set" | "tag:yaml.org,2002:pairs" => {
                self.queue.push_back(id);
                Built::Pending
            }
            tag @ (NULL | BOOL | INT | FLOAT | STR | TIMESTAMP | "tag:yaml.org,2002:binary") => {
                let text = self.scalar_text(id, start)?;
                Built::Scalar(scalar_value::of(tag, text, start)?)
            }
            "tag:yaml.org,2002:python/unicode" => Built::Scalar(self.scalar_text(id, start)?.into()),
            tag => {
                let tag = Value::from(tag).repr();
                let problem = format!("could not determine a constructor for the tag {tag}");
                return Err(wrong(problem, start));
            }
        };
        self.built[id] = Some(built);
        Ok(())
    }

    /// The text of a scalar; a mapping stands for its `=` key.
    fn scalar_text(&self, id: NodeId, start: Mark) -> Result<&str> {
        let node = &self.nodes[id];
        match &node.content {
            Content::Scalar(text) => Ok(text),
            Content::Mapping(pairs) => match pairs.iter().find(|(k, _)| self.nodes[*k].tag == VALUE) {
                Some((_, value)) if matches!(self.nodes[*value].content, Content::Scalar(_)) => {
                    self.scalar_text(*value, start)
                }
                _ => Err(wrong("expected a scalar node, but found mapping", start)),
            },
            Content::Sequence(_) => Err(wrong("expected a scalar node, but found sequence", start)),
        }
    }

    fn body(&mut self, id: NodeId) -> Result<()> {
        let built = match self.nodes[id].tag.as_ref() {
            SEQ => self.sequence(id)?,
            "tag:yaml.org,2002:pairs" => self.pairs(id)?,
            "tag:yaml.org,2002:set" => Built::Keys(self.mapping(id)?.into_iter().map(|(k, _)| k).collect()),
            _ => Built::Map(self.mapping(id)?),
        };
        self.built[id] = Some(built);
        Ok(())
    }

    fn sequence(&mut self, id: NodeId) -> Result<Built> {
        let node = &self.nodes[id];
        let Content::Sequence(items) = &node.content else {
            let problem = format!("expected a sequence node, but found {}", node.id());
            return Err(wrong(problem, node.start));
        };
        let items = items.clone();
        for item in &items {
            self.object(*item)?;
        }
        Ok(Built::List(items))
    }

    fn pairs(&mut self, id: NodeId) -> Result<Built> {
        let node = &self.nodes[id];
        let start = node.start;
        let context = "while constructing pairs";
        let Content::Sequence(items) = &node.content else {
            let problem = format!("expected a sequence, but found {}", node.id());
            return Err(wrong(problem, start).within(context, start));
        };
        let mut pairs = Vec::new();
        for item in items.clone() {
            let node = &self.nodes[item];
            let Content::Mapping(inner) = &node.content else {
                let problem = format!("expected a mapping of length 1, but found {}", node.id());
                return Err(wrong(problem, node.start).within(context, start));
            };
            let [(key, value)] = inner[..] else {
                let problem = format!("expected a single mapping item, but found {} items", inner.len());
                return Err(wrong(problem, node.start).within(context, start));
            };
            self.object(key)?;
            self.object(value)?;
            pairs.push((key, value));
        }
        Ok(Built::Pairs(pairs))
    }

    fn mapping(&mut self, id: NodeId) -> Result<Vec<(Value, NodeId)>> {
        let start = self.nodes[id].start;
        let context = "while constructing a mapping";
        if !matches!(self.nodes[id].content, Content::Mapping(_)) {
            let problem = format!("expected a mapping node, but found {}", self.nodes[id].id());
            return Err(wrong(problem, start));
        }
        self.flatten(id)?;
        let mut seen = HashSet::new();
        let mut built = Vec::new();
        for (key_node, value_node) in self.mapping_pairs(id) {
            self.object(key_node)?;
            let mark = self.nodes[key_node].start;
            let Some(Built::Scalar(key)) = &self.built[key_node] else {
                let problem = format!("found unacceptable key {}", self.key_text(key_node));
                return Err(wrong(problem, mark).within(context, start));
            };
            let key = key.clone();
            self.object(value_node)?;
            if !seen.insert(key.clone()) {
                return Err(wrong(format!("found conflicting ID '{key}'"), mark).within(context, start));
            }
            built.push((key, value_node));
        }
        Ok(built)
    }

    fn mapping_pairs(&self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        match &self.nodes[id].content {
            Content::Mapping(pairs) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    /// Replaces `<<` by what it names: the mapping's own keys win, then the mapping that is listed last.
    fn flatten(&mut self, id: NodeId) -> Result<()> {
        let start = self.nodes[id].start;
        let context = "while constructing a mapping";
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(wrong("merge keys are nested too deeply", start));
        }
        let mut merge: Vec<(NodeId, NodeId)> = Vec::new();
        let mut index = 0;
        while let Content::Mapping(pairs) = &self.nodes[id].content {
            let Some(&(key, value)) = pairs.get(index) else { break };
            if self.nodes[key].tag == VALUE {
                self.nodes[key].tag = STR.into();
            }
            if self.nodes[key].tag != MERGE {
                index += 1;
                continue;
            }
            if let Content::Mapping(pairs) = &mut self.nodes[id].content {
                pairs.remove(index);
            }
            match &self.nodes[value].content {
                Content::Mapping(_) => {
                    self.flatten(value)?;
                    merge.extend(self.mapping_pairs(value));
                }
                Content::Sequence(items) => {
                    let mut parts = Vec::new();
                    for item in items.clone() {
                        let node = &self.nodes[item];
                        if !matches!(node.content, Content::Mapping(_)) {
                            let problem = format!("expected a mapping for merging, but found {}", node.id());
                            return Err(wrong(problem, node.start).within(context, start));
                        }
                        self.flatten(item)?;
                        parts.push(self.mapping_pairs(item));
                        self.count_merged(parts.last().map_or(0, Vec::len), start)?;
                    }
                    merge.extend(parts.into_iter().rev().flatten());
                }
                Content::Scalar(_) => {
                    let problem =
                        "expected a mapping or list of mappings for merging, but found scalar".to_string();
                    return Err(wrong(problem, self.nodes[value].start).within(context, start));
                }
            }
            self.count_merged(merge.len(), start)?;
        }
        if !merge.is_empty() {
            let own = self.mapping_pairs(id);
            let names: HashSet<&str> = own.iter().filter_map(|(k, _)| self.text(*k)).collect();
            let kept: Vec<_> = merge
                .into_iter()
                .filter(|(k, _)| self.text(*k).is_none_or(|text| !names.contains(text)))
                .chain(own.iter().copied())
                .collect();
            self.nodes[id].content = Content::Mapping(kept);
        }
        self.depth -= 1;
        Ok(())
    }

    fn text(&self, id: NodeId) -> Option<&str> {
        match &self.nodes[id].content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    fn count_merged(&mut self, pairs: usize, mark: Mark) -> Result<()> {
        self.merged += pairs;
        if self.merged > MERGE_BUDGET {
            return Err(wrong("merge keys expand to too much", mark));
        }
        Ok(())
    }

    /// Python's `str` of `node.value`, as the sentence on unusable keys shows it.
    fn key_text(&self, id: NodeId) -> String {
        let mut out = String::new();
        match self.text(id) {
            Some(text) => out.push_str(text),
            None => self.content_repr(id, &mut Vec::new(), &mut out),
        }
        out
    }

    fn content_repr(&self, id: NodeId, above: &mut Vec<NodeId>, out: &mut String) {
        const ENOUGH: usize = 8192;
        if let Content::Scalar(text) = &self.nodes[id].content {
            out.push_str(&Value::from(text.as_str()).repr());
            return;
        }
        if above.contains(&id) || out.len() > ENOUGH {
            out.push_str("[...]");
            return;
        }
        above.push(id);
        out.push('[');
        match &self.nodes[id].content {
            Content::Sequence(items) => {
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    self.node_repr(*item, above, out);
                }
            }
            Content::Mapping(pairs) => {
                for (i, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if i > 0 { ", (" } else { "(" });
                    self.node_repr(*key, above, out);
                    out.push_str(", ");
                    self.node_repr(*value, above, out);
                    out.push(')');
                }
            }
            Content::Scalar(_) => {}
        }
        out.push(']');
        above.pop();
    }

    fn node_repr(&self, id: NodeId, above: &mut Vec<NodeId>, out: &mut String) {
        let node = &self.nodes[id];
        let class = match node.content {
            Content::Scalar(_) => "ScalarNode",
            Content::Sequence(_) => "SequenceNode",
            Content::Mapping(_) => "MappingNode",
        };
        let tag = Value::from(node.tag.as_ref()).repr();
        out.push_str(&format!("{class}(tag={tag}, value="));
        self.content_repr(id, above, out);
        out.push(')');
    }

    /// The second pass.
    fn expand(&mut self, id: NodeId, above: &mut Vec<NodeId>) -> Result<Value> {
        let start = self.nodes[id].start;
        if above.contains(&id) {
            return Err(wrong("found unconstructable recursive node", start));
        }
        if above.len() > MAX_DEPTH {
            return Err(wrong("collections are nested too deeply", start));
        }
        self.pay(id, start)?;
        above.push(id);
        let value = match self.built[id].take() {
            Some(Built::Scalar(value)) => {
                let copy = value.clone();
                self.built[id] = Some(Built::Scalar(value));
                copy
            }
            Some(Built::List(items)) => {
                let list = items.iter().map(|i| self.expand(*i, above)).collect::<Result<_>>();
                self.built[id] = Some(Built::List(items));
                Value::List(list?)
            }
            Some(Built::Keys(keys)) => {
                let list = Value::List(keys.clone());
                self.built[id] = Some(Built::Keys(keys));
                list
            }
            Some(Built::Pairs(pairs)) => {
                let mut list = Vec::with_capacity(pairs.len());
                for (key, value) in &pairs {
                    list.push(Value::List(vec![self.expand(*key, above)?, self.expand(*value, above)?]));
                }
                self.built[id] = Some(Built::Pairs(pairs));
                Value::List(list)
            }
            Some(Built::Map(pairs)) => {
                let mut map = Map::new();
                for (key, value) in &pairs {
                    let value = self.expand(*value, above)?;
                    map.insert(key.clone(), value);
                }
                self.built[id] = Some(Built::Map(pairs));
                Value::Map(map)
            }
            Some(Built::Pending) | None => {
                return Err(wrong("found unconstructable recursive node", start));
            }
        };
        above.pop();
        Ok(value)
    }

    /// The first use of a node is free: the text paid for it.
    fn pay(&mut self, id: NodeId, start: Mark) -> Result<()> {
        if !std::mem::replace(&mut self.expanded[id], true) {
            return Ok(());
        }
        let cost = 64 + self.text(id).map_or(0, str::len);
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(wrong("aliases expand to too much", start)),
        }
    }
}

//! A query string read as a tree: brackets nest up to a depth of five (evaluation.md 2.3).
//!
//! This is the long way, for queries that are more than plain keys and `properties[name]`; it allocates. A key
//! used in two ways that do not fit (text and map, list and map) is an error for the whole query, as in Unleash
//! Edge 20.4.

use super::BadContext;
use super::draft::{Draft, Layer};
use super::form;
use std::collections::BTreeMap;

/// Brackets that nest; what follows them belongs to the key as it is.
const DEPTH_MAX: usize = 5;

/// Notes what a query says. The draft must let the last of equal names win.
pub(super) fn read(query: &str, draft: &mut Draft, text: &mut String) -> Result<(), BadContext> {
    let mut root = Node::Unset;
    Reader { query, at: 0 }.read(&mut root)?;
    let mut members = members_of_root(root)?;
    members.values().try_for_each(Node::check)?;
    if let Some(context) = members.remove(&Key::text("context")) {
        members = match context {
            Node::Map(inner) if !is_list(&inner) => inner,
            _ => return Err(BadContext::ContextNotAnObject),
        };
    }
    note(members, draft, text);
    Ok(())
}

/// A name: all digits are a number, and numbers come first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u32),
    Text(Box<str>),
}

type Members = BTreeMap<Key, Node>;

#[derive(Debug)]
enum Node {
    Unset,
    /// A key without `=`.
    NoValue,
    Text(Box<str>),
    /// Its elements do not matter here: no list is ever read.
    List,
    Map(Members),
}

impl Key {
    fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    fn read(raw: &str) -> Result<Self, BadContext> {
        match form::number(raw) {
            Some(number) => Ok(Self::Number(number)),
            None => Ok(Self::Text(decoded(raw)?)),
        }
    }
}

fn decoded(raw: &str) -> Result<Box<str>, BadContext> {
    let mut text = String::new();
    form::append_decoded(raw, &mut text)?;
    Ok(text.into())
}

impl Node {
    /// The members, if it is a map or can become one.
    fn members(&mut self) -> Result<&mut Members, BadContext> {
        if matches!(self, Self::Unset) {
            *self = Self::Map(Members::new());
        }
        match self {
            Self::Map(members) => Ok(members),
            _ => Err(BadContext::Query),
        }
    }

    /// A further value of the same key.
    fn add(&mut self, value: Node) {
        match self {
            Self::Unset => *self = value,
            Self::NoValue | Self::Text(_) | Self::List => *self = Self::List,
            Self::Map(members) => members.entry(Key::text("")).or_insert(Self::Unset).add(value),
        }
    }

    /// A map of numbers only is a list, and a list has no gaps.
    fn check(&self) -> Result<(), BadContext> {
        let Self::Map(members) = self else { return Ok(()) };
        let has_gap = |members: &Members| {
            (0..).zip(members.keys()).any(|(at, key)| !matches!(key, Key::Number(number) if *number == at))
        };
        if is_list(members) && has_gap(members) {
            return Err(BadContext::Query);
        }
        members.values().try_for_each(Self::check)
    }
}

fn is_list(members: &Members) -> bool {
    members.keys().all(|key| matches!(key, Key::Number(_)))
}

fn members_of_root(root: Node) -> Result<Members, BadContext> {
    match root {
        Node::Unset | Node::NoValue => Ok(Members::new()),
        Node::Text(_) => Ok(Members::from([(Key::text(""), root)])),
        Node::List => Err(BadContext::Query),
        Node::Map(members) => Ok(members),
    }
}

fn note(members: Members, draft: &mut Draft, text: &mut String) {
    for (key, node) in members {
        match (&key, node) {
            (Key::Text(name), Node::Map(inner)) if **name == *"properties" && !is_list(&inner) => {
                for (key, node) in inner {
                    note_one(Layer::Properties, &key, &node, draft, text);
                }
            }
            (Key::Text(name), _) if **name == *"properties" => {}
            (_, node) => note_one(Layer::Top, &key, &node, draft, text),
        }
    }
}

fn note_one(layer: Layer, key: &Key, node: &Node, draft: &mut Draft, text: &mut String) {
    use super::super::part::Part;
    let name = match key {
        Key::Number(number) => Part::appended_text(text, &number.to_string()),
        Key::Text(name) => Part::appended_text(text, name),
    };
    let value = match node {
        Node::Text(value) => Some(Part::appended_text(text, value)),
        _ => None,
    };
    draft.note(layer, name, value, text);
}

/// What can end a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Open,
    Close,
    Equals,
    Ampersand,
    End,
    /// Any other byte.
    Other,
}

struct Reader<'q> {
    query: &'q str,
    at: usize,
}

impl<'q> Reader<'q> {
    fn read(&mut self, root: &mut Node) -> Result<(), BadContext> {
        loop {
            let start = self.at;
            let (raw, sign) = self.until(start, |sign| !matches!(sign, Sign::Close | Sign::Other));
            match sign {
                Sign::Open => self.read_root_bracket(root, raw)?,
                Sign::Equals => {
                    let value = self.value()?;
                    match raw {
                        "" => root.add(value),
                        _ => insert(root.members()?, Key::read(raw)?, value),
                    }
                }
                _ if raw.is_empty() => {}
                _ => insert(root.members()?, Key::read(raw)?, Node::NoValue),
            }
            if self.at >= self.query.len() {
                return Ok(());
            }
        }
    }

    fn read_root_bracket(&mut self, root: &mut Node, raw: &str) -> Result<(), BadContext> {
        let node = match raw {
            "" => root,
            _ => root.members()?.entry(Key::read(raw)?).or_insert(Node::Unset),
        };
        self.read_bracket(node, 0)
    }

    /// After an opening bracket.
    fn read_bracket(&mut self, node: &mut Node, depth: usize) -> Result<(), BadContext> {
        let start = self.at;
        let first = self.next();
        match first {
            Sign::End => Err(BadContext::Query),
            Sign::Close => self.read_list(node),
            _ if depth >= DEPTH_MAX => self.read_literal(node, start),
            _ => self.read_inner(node, start, depth),
        }
    }

    fn read_inner(&mut self, node: &mut Node, start: usize, depth: usize) -> Result<(), BadContext> {
        let members = node.members()?;
        let (raw, sign) = self.until(start, |sign| matches!(sign, Sign::Close | Sign::End));
        if sign == Sign::End {
            return Err(BadContext::Query);
        }
        let key = Key::read(raw)?;
        match self.next() {
            Sign::End | Sign::Ampersand => insert(members, key, Node::NoValue),
            Sign::Equals => {
                let value = self.value()?;
                insert(members, key, value);
            }
            Sign::Open => self.read_bracket(members.entry(key).or_insert(Node::Unset), depth + 1)?,
            Sign::Close | Sign::Other => return Err(BadContext::Query),
        }
        Ok(())
    }

    /// Too deep: the opening bracket and everything up to `=` is the key. It started one sign before `start`.
    fn read_literal(&mut self, node: &mut Node, start: usize) -> Result<(), BadContext> {
        let members = node.members()?;
        let (raw, sign) =
            self.until(start, |sign| matches!(sign, Sign::Equals | Sign::Ampersand | Sign::End));
        let key = Key::Text(format!("[{}", decoded(raw)?).into());
        let value = if sign == Sign::Equals { self.value()? } else { Node::NoValue };
        insert(members, key, value);
        Ok(())
    }

    /// After `[]`.
    fn read_list(&mut self, node: &mut Node) -> Result<(), BadContext> {
        if !matches!(node, Node::Unset | Node::List) {
            return Err(BadContext::Query);
        }
        *node = Node::List;
        match self.next() {
            Sign::Equals => self.value().map(drop),
            Sign::Ampersand | Sign::End => Ok(()),
            _ => Err(BadContext::Query),
        }
    }

    /// The value after `=`, up to and with its `&`.
    fn value(&mut self) -> Result<Node, BadContext> {
        let rest = self.query.get(self.at..).unwrap_or_default();
        let raw = rest.split_once('&').map_or(rest, |(value, _)| value);
        self.at = (self.at + raw.len() + 1).min(self.query.len());
        Ok(Node::Text(decoded(raw)?))
    }

    /// The text from `start` up to the first sign that ends it, which is taken, too.
    fn until(&mut self, start: usize, ends: impl Fn(Sign) -> bool) -> (&'q str, Sign) {
        // What was taken before may hold an end as well: the first sign after a bracket.
        self.at = start;
        loop {
            let before = self.at;
            let sign = self.next();
            if sign == Sign::End || ends(sign) {
                return (self.query.get(start..before).unwrap_or_default(), sign);
            }
        }
    }

    fn next(&mut self) -> Sign {
        let rest = self.query.as_bytes().get(self.at..).unwrap_or_default();
        let (sign, length) = match rest {
            [] => (Sign::End, 0),
            [b'%', b'5', b'B' | b'b', ..] => (Sign::Open, 3),
            [b'%', b'5', b'D' | b'd', ..] => (Sign::Close, 3),
            [b'[', ..] => (Sign::Open, 1),
            [b']', ..] => (Sign::Close, 1),
            [b'=', ..] => (Sign::Equals, 1),
            [b'&', ..] => (Sign::Ampersand, 1),
            [..] => (Sign::Other, 1),
        };
        self.at += length;
        sign
    }
}

fn insert(members: &mut Members, key: Key, value: Node) {
    members.entry(key).or_insert(Node::Unset).add(value);
}

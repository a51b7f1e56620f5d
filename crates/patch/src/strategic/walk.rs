//! Walking target and patch together.

use std::collections::BTreeSet;

use sluice_yaml::{Node, ScalarStyle};

use super::arena::{Arena, Id};
use crate::error::Error;
use crate::schema::{Schema, Type};

/// What `$patch` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

const DIRECTIVE: &str = "$patch";

/// A walk over target and patch.
pub(super) struct Walk<'s> {
    pub(super) arena: Arena,
    schema: &'s Schema,
    /// Where the walk is: field names and item numbers.
    path: Vec<String>,
}

pub(super) fn merge(target: &Node, patch: &Node, schema: &Schema) -> Result<Option<Node>, Error> {
    let mut walk = Walk { arena: Arena::default(), schema, path: Vec::new() };
    let (target, patch) = (walk.arena.take(target), walk.arena.take(patch));
    let merged = walk.node(Some(target), Some(patch), None)?;
    Ok(merged.filter(|id| !walk.arena.is_null(*id)).map(|id| walk.arena.give(id)))
}

impl<'s> Walk<'s> {
    /// Merges one place; `None` if nothing is left of it.
    pub(super) fn node(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        of: Option<Type<'s>>,
    ) -> Result<Option<Id>, Error> {
        let of = of.or_else(|| self.own_type(dest)).or_else(|| self.own_type(patch));
        let first = [dest, patch].into_iter().flatten().find(|id| !self.arena.is_null(*id));
        let kind = first.map_or("MappingNode", |id| self.arena.kind(id));
        for id in [dest, patch].into_iter().flatten() {
            self.expect(id, kind)?;
        }
        match kind {
            "MappingNode" => self.map(dest, patch, of.as_ref()),
            "SequenceNode" if of.as_ref().is_some_and(Type::is_merged_list) => {
                self.merged_list(dest, patch, of.as_ref())
            }
            // Lists without keys and scalars: the patch's, if it has one.
            _ => Ok(patch.or(dest)),
        }
    }

    /// The type of a node that says its own kind.
    fn own_type(&self, id: Option<Id>) -> Option<Type<'s>> {
        let id = id?;
        let text = |key: &str| {
            self.arena.field(id, key).map(|id| self.arena.text(id)).filter(|text| !text.is_empty())
        };
        self.schema.kind_of(text("apiVersion")?, text("kind")?)
    }

    /// The type that a comment on a field declares.
    fn declared(&self, map: Id, key: &str) -> Option<Type<'s>> {
        let schema = self.schema;
        self.arena.field_comments(map, key).into_iter().find_map(|comment| schema.of_comment(comment))
    }

    /// An error if the node is neither null nor of that kind.
    pub(super) fn expect(&self, id: Id, expected: &'static str) -> Result<(), Error> {
        let got = self.arena.kind(id);
        if got == expected || self.arena.is_null(id) {
            return Ok(());
        }
        let path = if self.path.is_empty() { "the object itself".to_owned() } else { self.path.join(".") };
        Err(Error::Kind { expected, got, path, line: self.arena.line(id) })
    }

    fn map(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        of: Option<&Type<'s>>,
    ) -> Result<Option<Id>, Error> {
        let Some(dest) = self.visit_map(dest, patch)? else { return Ok(None) };
        let keys: BTreeSet<String> = [Some(dest), patch]
            .into_iter()
            .flatten()
            .flat_map(|id| self.arena.entries(id).iter())
            .filter_map(|(key, _)| key.as_str().map(str::to_owned))
            .collect();
        for key in keys {
            let declared =
                self.declared(dest, &key).or_else(|| patch.and_then(|patch| self.declared(patch, &key)));
            let below = declared.or_else(|| of.and_then(|of| of.field(&key)));
            let (old, new) =
                (self.arena.field(dest, &key), patch.and_then(|patch| self.arena.field(patch, &key)));
            self.path.push(key.clone());
            let merged = self.node(old, new, below)?;
            self.path.pop();
            match merged {
                Some(id) if !self.arena.is_null(id) || self.arena.is_kept(id) => {
                    let style = match patch.filter(|_| new == Some(id)) {
                        Some(patch) => self.arena.key_style(patch, &key),
                        None => ScalarStyle::default(),
                    };
                    self.arena.set_field(dest, &key, id, style);
                }
                _ => self.arena.clear_field(dest, &key),
            }
        }
        Ok(Some(dest))
    }

    /// What a map's place holds before its fields are merged.
    fn visit_map(&mut self, dest: Option<Id>, patch: Option<Id>) -> Result<Option<Id>, Error> {
        let there = dest.filter(|id| !self.arena.is_null(*id));
        let Some(there) = there else {
            if let (None, Some(null)) = (patch, dest)
                && !self.arena.text(null).is_empty()
            {
                self.arena.keep(null);
                return Ok(dest);
            }
            // A directive that means nothing is no error where there is nothing to merge with.
            let directive = self.directive(patch).unwrap_or(Directive::Merge);
            return Ok(patch.filter(|_| directive != Directive::Delete));
        };
        if patch.is_some_and(|patch| self.arena.is_null(patch)) {
            return Ok(None);
        }
        Ok(match self.directive(patch)? {
            Directive::Delete => None,
            Directive::Replace => patch,
            Directive::Merge => Some(there),
        })
    }

    /// What a list's place holds before its items are merged.
    pub(super) fn visit_list(&mut self, dest: Option<Id>, patch: Option<Id>) -> Result<Option<Id>, Error> {
        let Some(there) = dest.filter(|id| !self.arena.is_null(*id)) else { return Ok(patch) };
        if patch.is_some_and(|patch| self.arena.is_null(patch)) {
            return Ok(None);
        }
        Ok(match self.directive(patch)? {
            Directive::Delete => None,
            Directive::Replace => patch,
            Directive::Merge => Some(there),
        })
    }

    /// Reads a patch's directive, and removes it from the patch.
    fn directive(&mut self, patch: Option<Id>) -> Result<Directive, Error> {
        let Some(patch) = patch else { return Ok(Directive::Merge) };
        if self.arena.is_map(patch) {
            let Some(value) = self.arena.field(patch, DIRECTIVE) else { return Ok(Directive::Merge) };
            let directive = self.parse_directive(value)?;
            self.arena.clear_field(patch, DIRECTIVE);
            return Ok(directive);
        }
        let holder =
            self.arena.items(patch).iter().copied().find(|item| self.arena.field(*item, DIRECTIVE).is_some());
        let Some(holder) = holder else { return Ok(Directive::Merge) };
        // Beside other keys it is the directive of that item.
        if self.arena.entries(holder).len() > 1 {
            return Ok(Directive::Merge);
        }
        let Some(value) = self.arena.field(holder, DIRECTIVE) else { return Ok(Directive::Merge) };
        let directive = self.parse_directive(value)?;
        let text = self.arena.text(value).to_owned();
        self.set_element(patch, None, &[DIRECTIVE.to_owned()], &[text])?;
        Ok(directive)
    }

    fn parse_directive(&self, value: Id) -> Result<Directive, Error> {
        match self.arena.text(value) {
            "merge" => Ok(Directive::Merge),
            "replace" => Ok(Directive::Replace),
            "delete" => Ok(Directive::Delete),
            other => Err(Error::Strategy { strategy: other.to_owned(), path: self.path.join(".") }),
        }
    }
}

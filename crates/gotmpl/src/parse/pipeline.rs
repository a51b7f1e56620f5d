//! Pipelines, commands and operands.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::MAX_DEPTH;
use super::lexer::{Item, Keyword, Token};
use super::node::{NodeId, NodeKind, Span, Variable};
use super::number::Number;
use super::parser::Parser;
use crate::error::ParseError;
use crate::quote::quote;
use crate::value::{RED_ZONE, STACK_SEGMENT};

impl<'a> Parser<'_, 'a> {
    /// `declarations? command ('|' command)*` up to the end token.
    pub(super) fn pipeline(&mut self, context: &str, end: Token) -> Result<NodeId, ParseError> {
        let position = self.peek_non_space().position;
        let (variables, is_assignment) = self.declarations(context)?;
        let mut commands: SmallVec<[NodeId; 8]> = SmallVec::new();
        loop {
            let item = self.next_non_space();
            match item.token {
                token if token == end => break,
                Token::Bool
                | Token::CharConstant
                | Token::Complex
                | Token::Keyword(Keyword::Dot | Keyword::Nil)
                | Token::Field
                | Token::Identifier
                | Token::Number
                | Token::RawString
                | Token::String
                | Token::Variable
                | Token::LeftParen => {
                    self.backup();
                    commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&item, context)),
            }
        }
        self.check_pipeline(&commands, context)?;
        Ok(self.arena.add_pipe(position, is_assignment, &variables, &commands))
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(SmallVec<[NodeId; 2]>, bool), ParseError> {
        let mut variables = SmallVec::new();
        loop {
            let variable = self.peek_non_space();
            if variable.token != Token::Variable {
                return Ok((variables, false));
            }
            self.next();
            // `$x foo` must be told from `$x := foo`: the token after the variable may have to go back.
            let after = self.peek();
            let next = self.peek_non_space();
            match next.token {
                Token::Assign | Token::Declare => {
                    self.next_non_space();
                    variables.push(self.declare(&variable));
                    return Ok((variables, next.token == Token::Assign));
                }
                Token::Char if *next.text == *b"," => {
                    self.next_non_space();
                    variables.push(self.declare(&variable));
                    if context != "range" || variables.len() >= 2 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    if !matches!(
                        self.peek_non_space().token,
                        Token::Variable | Token::RightDelim | Token::RightParen
                    ) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ => {
                    if after.token == Token::Space {
                        self.backup3(variable, after);
                    } else {
                        self.backup2(variable);
                    }
                    return Ok((variables, false));
                }
            }
        }
    }

    fn declare(&mut self, item: &Item<'a>) -> NodeId {
        let symbol = self.symbol(item);
        self.variables.push(symbol);
        self.variable(item.position, symbol)
    }

    fn check_pipeline(&mut self, commands: &[NodeId], context: &str) -> Result<(), ParseError> {
        if commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            let first = match self.kind(*command) {
                NodeKind::Command(args) => self.arena.nodes(args).first().map(|first| self.kind(*first)),
                _ => None,
            };
            if let Some(
                NodeKind::Bool(_)
                | NodeKind::Dot
                | NodeKind::Nil
                | NodeKind::Number(_)
                | NodeKind::String { .. },
            ) = first
            {
                return Err(self.error(format!("non executable command in pipeline stage {}", index + 1)));
            }
        }
        Ok(())
    }

    /// Operands up to a bar, which is read, or an end, which is not.
    fn command(&mut self) -> Result<NodeId, ParseError> {
        let position = self.peek_non_space().position;
        let mut args: SmallVec<[NodeId; 8]> = SmallVec::new();
        loop {
            self.peek_non_space();
            args.extend(self.operand()?);
            let item = self.next();
            match item.token {
                Token::Space => {}
                Token::RightDelim | Token::RightParen => {
                    self.backup();
                    break;
                }
                Token::Pipe => break,
                _ => return Err(self.unexpected(&item, "operand")),
            }
        }
        if args.is_empty() {
            return Err(self.error("empty command"));
        }
        let args = self.arena.add_nodes(&args);
        Ok(self.add(position, NodeKind::Command(args)))
    }

    /// A term and fields of it; nothing if what follows is not a term.
    fn operand(&mut self) -> Result<Option<NodeId>, ParseError> {
        let Some(term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.token != Token::Field {
            return Ok(Some(term));
        }
        let position = first.position;
        let mut fields = first.span();
        while self.peek().token == Token::Field {
            fields.end = self.next().span().end;
        }
        // Names follow each other without a gap.
        let joined =
            |before: Span| if before.is_empty() { fields } else { Span { start: before.start, ..fields } };
        let kind = match self.kind(term) {
            NodeKind::Field(names) => NodeKind::Field(joined(names)),
            NodeKind::Variable(Variable { symbol, fields: names }) => {
                NodeKind::Variable(Variable { symbol, fields: joined(names) })
            }
            NodeKind::Bool(_)
            | NodeKind::String { .. }
            | NodeKind::Number(_)
            | NodeKind::Nil
            | NodeKind::Dot => {
                return Err(self.error(format!("unexpected . after term {}", quote(&self.literal(term)))));
            }
            _ => NodeKind::Chain { node: term, fields },
        };
        Ok(Some(self.add(position, kind)))
    }

    /// The text of a literal.
    fn literal(&self, id: NodeId) -> Vec<u8> {
        match self.kind(id) {
            NodeKind::Bool(value) => value.to_string().into_bytes(),
            NodeKind::Number(number) => {
                self.arena.number(number).map(|number| number.text.as_bytes().to_vec()).unwrap_or_default()
            }
            NodeKind::String { literal, .. } => self.source_text(literal).to_vec(),
            NodeKind::Nil => b"nil".to_vec(),
            _ => b".".to_vec(),
        }
    }

    fn term(&mut self) -> Result<Option<NodeId>, ParseError> {
        let item = self.next_non_space();

        let kind = match item.token {
            Token::Identifier => match self.callee(item.utf8()) {
                Some(callee) => NodeKind::Identifier(callee),
                None => return Err(self.error(format!("function {} not defined", quote(item.text)))),
            },
            Token::Keyword(Keyword::Dot) => NodeKind::Dot,
            Token::Keyword(Keyword::Nil) => NodeKind::Nil,
            Token::Variable => {
                let is_it = |symbol: &&u32| self.is_symbol(**symbol, &item);
                let Some(symbol) = self.variables.iter().rev().find(is_it).copied() else {
                    return Err(self.error(format!("undefined variable {}", quote(item.text))));
                };
                return Ok(Some(self.variable(item.position, symbol)));
            }
            Token::Field => NodeKind::Field(item.span()),
            Token::Bool => NodeKind::Bool(*item.text == *b"true"),
            Token::CharConstant => self.number(&item, Number::character)?,
            Token::Number => self.number(&item, Number::parse)?,
            Token::Complex => self.number(&item, Number::complex)?,
            Token::LeftParen => return self.parenthesized().map(Some),
            Token::String | Token::RawString => {
                let value = match self.unquote(&item)? {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(value) => Some(self.arena.add_text(&value)),
                };
                NodeKind::String { literal: item.span(), value }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(self.add(item.position, kind)))
    }

    /// Each spelling has one meaning, and one way to be read.
    fn number(
        &mut self,
        item: &Item<'_>,
        read: impl Fn(&str) -> Result<Number, String>,
    ) -> Result<NodeKind, ParseError> {
        let text = String::from_utf8_lossy(item.text);
        if let Some(known) = self.arena.number_written(&text) {
            return Ok(NodeKind::Number(known));
        }
        let number = read(&text).map_err(|message| self.error(message))?;
        Ok(NodeKind::Number(self.arena.add_number(number)))
    }

    fn parenthesized(&mut self) -> Result<NodeId, ParseError> {
        if self.paren_depth >= MAX_DEPTH {
            return Err(self.error("max expression depth exceeded"));
        }
        self.paren_depth += 1;
        let pipe = stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || {
            self.pipeline("parenthesized pipeline", Token::RightParen)
        })?;
        self.paren_depth -= 1;
        Ok(pipe)
    }

    fn variable(&mut self, position: usize, symbol: u32) -> NodeId {
        self.add(position, NodeKind::Variable(Variable { symbol, fields: Span::default() }))
    }
}

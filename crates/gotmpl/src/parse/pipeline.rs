//! Pipelines, commands and operands.

use super::MAX_DEPTH;
use super::lexer::{Item, Keyword, Token};
use super::node::{NodeId, NodeKind, Pipe, Variable};
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
        let mut commands = Vec::new();
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
        let pipe = Pipe { is_assignment, variables: variables.into(), commands: commands.into() };
        Ok(self.add(position, NodeKind::Pipe(Box::new(pipe))))
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<NodeId>, bool), ParseError> {
        let mut variables = Vec::new();
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
        let name: Box<str> = String::from_utf8_lossy(&item.text).into();
        self.variables.push(name);
        self.variable(item.position, &item.text)
    }

    fn check_pipeline(&mut self, commands: &[NodeId], context: &str) -> Result<(), ParseError> {
        if commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in commands.iter().enumerate().skip(1) {
            let first = match self.node(*command).map(|node| &node.kind) {
                Some(NodeKind::Command(args)) => {
                    args.first().and_then(|first| self.node(*first)).map(|node| &node.kind)
                }
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
        let mut args = Vec::new();
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
        Ok(self.add(position, NodeKind::Command(args.into())))
    }

    /// A term and fields of it; nothing if what follows is not a term.
    fn operand(&mut self) -> Result<Option<NodeId>, ParseError> {
        let Some(term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.token != Token::Field {
            return Ok(Some(term));
        }
        let position = first.position;
        let mut fields: Vec<Box<str>> = Vec::new();
        while self.peek().token == Token::Field {
            fields.extend(split_fields(&self.next().text));
        }
        let kind = match self.node(term).map(|node| &node.kind) {
            Some(NodeKind::Field(names)) => NodeKind::Field(names.iter().cloned().chain(fields).collect()),
            Some(NodeKind::Variable(Variable { symbol, name, fields: names })) => {
                NodeKind::Variable(Variable {
                    symbol: *symbol,
                    name: name.clone(),
                    fields: names.iter().cloned().chain(fields).collect(),
                })
            }
            Some(
                NodeKind::Bool(_)
                | NodeKind::String { .. }
                | NodeKind::Number(_)
                | NodeKind::Nil
                | NodeKind::Dot,
            ) => {
                return Err(self.error(format!("unexpected . after term {}", quote(&self.literal(term)))));
            }
            _ => NodeKind::Chain { node: term, fields: fields.into() },
        };
        Ok(Some(self.add(position, kind)))
    }

    /// The text of a literal.
    fn literal(&self, id: NodeId) -> Vec<u8> {
        match self.node(id).map(|node| &node.kind) {
            Some(NodeKind::Bool(value)) => value.to_string().into_bytes(),
            Some(NodeKind::Number(number)) => number.text.as_bytes().to_vec(),
            Some(NodeKind::String { literal, .. }) => self.source_text(literal).to_vec(),
            Some(NodeKind::Nil) => b"nil".to_vec(),
            _ => b".".to_vec(),
        }
    }

    fn term(&mut self) -> Result<Option<NodeId>, ParseError> {
        let item = self.next_non_space();
        let text = String::from_utf8_lossy(&item.text);
        let kind = match item.token {
            Token::Identifier => match self.callee(&text) {
                Some(callee) => NodeKind::Identifier(callee),
                None => return Err(self.error(format!("function {} not defined", quote(&item.text)))),
            },
            Token::Keyword(Keyword::Dot) => NodeKind::Dot,
            Token::Keyword(Keyword::Nil) => NodeKind::Nil,
            Token::Variable => {
                if !self.variables.iter().any(|variable| **variable == *text) {
                    return Err(self.error(format!("undefined variable {}", quote(&item.text))));
                }
                return Ok(Some(self.variable(item.position, &item.text)));
            }
            Token::Field => NodeKind::Field(split_fields(&item.text).collect()),
            Token::Bool => NodeKind::Bool(*item.text == *b"true"),
            Token::CharConstant => self.number(Number::character(&text))?,
            Token::Number => self.number(Number::parse(&text))?,
            Token::Complex => self.number(Number::complex(&text))?,
            Token::LeftParen => return self.parenthesized().map(Some),
            Token::String | Token::RawString => {
                let value = self.unquote(&item)?.into();
                NodeKind::String { literal: item.position..item.position + item.text.len(), value }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(self.add(item.position, kind)))
    }

    fn number(&self, number: Result<Number, String>) -> Result<NodeKind, ParseError> {
        number.map(|number| NodeKind::Number(Box::new(number))).map_err(|message| self.error(message))
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

    fn variable(&mut self, position: usize, name: &[u8]) -> NodeId {
        let name: Box<str> = String::from_utf8_lossy(name).into();
        let symbol = match self.symbols.iter().position(|symbol| *symbol == name) {
            Some(symbol) => symbol,
            None => {
                self.symbols.push(name.clone());
                self.symbols.len() - 1
            }
        } as u32;
        self.add(position, NodeKind::Variable(Variable { symbol, name, fields: [].into() }))
    }
}

/// The names in a field token: `.a`.
fn split_fields(text: &[u8]) -> impl Iterator<Item = Box<str>> {
    let text = String::from_utf8_lossy(text).into_owned();
    text.split('.').skip(1).map(Box::from).collect::<Vec<_>>().into_iter()
}

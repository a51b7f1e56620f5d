//! From tokens to templates: texts, actions, control structures, definitions.

use std::borrow::Cow;
use std::sync::Arc;

use super::arena::Arena;
use super::lexer::{Item, Keyword, Lexer, Token};
use super::node::{Callee, Control, ControlKeyword, NodeId, NodeKind, Span, Template};
use super::unquote::unquote;
use super::{Delims, MAX_DEPTH, MAX_TEXT, Parsed};
use crate::error::ParseError;
use crate::exec::builtin;
use crate::function::FuncMap;
use crate::quote::quote;
use crate::value::{RED_ZONE, STACK_SEGMENT, Source};

pub(super) fn parse(
    name: &str,
    text: Arc<[u8]>,
    functions: &FuncMap,
    delims: &Delims,
) -> Result<Parsed, ParseError> {
    if text.len() > MAX_TEXT {
        let message = format!("the template has {} bytes, more than {MAX_TEXT}", text.len());
        return Err(ParseError { template: name.to_owned(), line: 1, message });
    }
    let name: Arc<str> = Arc::from(name);
    let source = Arc::new(Source { name: name.clone(), text: text.clone() });
    let mut lexer = Lexer::new(&text, delims);
    lexer.break_ok = functions.get("break").is_none();
    lexer.continue_ok = functions.get("continue").is_none();
    let mut shared = Shared { lexer, functions, source, templates: Vec::new(), depth: 0 };
    let mut parser = Parser::new(&mut shared, name);
    let root = parser.file()?;
    parser.finish(root)?;
    Ok(Parsed { templates: shared.templates.into_iter().map(Arc::new).collect() })
}

/// What the templates of one text have in common while they are parsed.
pub(super) struct Shared<'a> {
    pub lexer: Lexer<'a>,
    pub functions: &'a FuncMap,
    source: Arc<Source>,
    templates: Vec<Template>,
    /// How many control structures are open.
    depth: usize,
}

/// The parser of one template.
pub(super) struct Parser<'s, 'a> {
    pub shared: &'s mut Shared<'a>,
    name: Arc<str>,
    pub arena: Arena,
    /// The last token, and tokens that were put back.
    lookahead: [Item<'a>; 3],
    put_back: usize,
    /// The variables that are defined, innermost last.
    pub variables: Vec<u32>,
    /// The line on which the action began, or 0 outside of one.
    action_line: usize,
    range_depth: usize,
    pub paren_depth: usize,
}

/// A node, or the end of a list of nodes.
enum Element {
    Node(NodeId),
    End,
    Else { position: usize },
}

impl Element {
    fn describe(&self) -> &'static str {
        match self {
            Element::Else { .. } => "{{else}}",
            _ => "{{end}}",
        }
    }
}

impl<'s, 'a> Parser<'s, 'a> {
    fn new(shared: &'s mut Shared<'a>, name: Arc<str>) -> Parser<'s, 'a> {
        let none = Item { token: Token::Eof, position: 0, line: 0, text: b"" };
        Parser {
            shared,
            name,
            arena: Arena::default(),
            lookahead: [none; 3],
            put_back: 0,
            // `$`
            variables: vec![0],
            action_line: 0,
            range_depth: 0,
            paren_depth: 0,
        }
    }

    // Tokens.

    pub fn next(&mut self) -> Item<'a> {
        if self.put_back > 0 {
            self.put_back -= 1;
        } else {
            self.lookahead[0] = self.shared.lexer.next_item();
        }
        *self.lookahead.get(self.put_back).unwrap_or(&self.lookahead[0])
    }

    pub fn backup(&mut self) {
        self.put_back += 1;
    }

    /// Puts back a token before the last one.
    pub fn backup2(&mut self, before: Item<'a>) {
        self.lookahead[1] = before;
        self.put_back = 2;
    }

    /// Puts back two tokens before the last one.
    pub fn backup3(&mut self, first: Item<'a>, second: Item<'a>) {
        self.lookahead[1] = second;
        self.lookahead[2] = first;
        self.put_back = 3;
    }

    pub fn peek(&mut self) -> Item<'a> {
        let item = self.next();
        self.backup();
        item
    }

    pub fn next_non_space(&mut self) -> Item<'a> {
        loop {
            let item = self.next();
            if item.token != Token::Space {
                return item;
            }
        }
    }

    pub fn peek_non_space(&mut self) -> Item<'a> {
        let item = self.next_non_space();
        self.backup();
        item
    }

    fn expect(&mut self, token: Token, context: &str) -> Result<Item<'a>, ParseError> {
        let item = self.next_non_space();
        if item.token == token { Ok(item) } else { Err(self.unexpected(&item, context)) }
    }

    // Errors.

    pub fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            template: self.shared.source.name.to_string(),
            line: self.lookahead[0].line,
            message: message.into(),
        }
    }

    pub fn unexpected(&self, item: &Item<'_>, context: &str) -> ParseError {
        if item.token != Token::Error {
            return self.error(format!("unexpected {} in {context}", item.describe()));
        }
        let mut message = self.shared.lexer.failure().to_owned();
        if self.action_line != 0 && self.action_line != item.line {
            // Not "action in action".
            let within = if message.ends_with(" action") { "" } else { " in action" };
            message =
                format!("{message}{within} started at {}:{}", self.shared.source.name, self.action_line);
        }
        self.error(message)
    }

    // Nodes.

    pub fn add(&mut self, position: usize, kind: NodeKind) -> NodeId {
        self.arena.add(position, kind)
    }

    pub fn kind(&self, id: NodeId) -> NodeKind {
        self.arena.kind(id)
    }

    fn add_list(&mut self, position: usize, nodes: &[NodeId]) -> NodeId {
        let nodes = self.arena.add_nodes(nodes);
        self.add(position, NodeKind::List(nodes))
    }

    /// The index of what a name in the place of a function means, if it means something.
    pub fn callee(&mut self, name: &str) -> Option<u32> {
        if let Some(known) = self.arena.callee_named(name) {
            return Some(known);
        }
        let callee = match self.shared.functions.get(name) {
            Some(function) => Callee::Function(function.clone()),
            None => Callee::Builtin(builtin(name)?),
        };
        Some(self.arena.add_callee(callee))
    }

    pub fn source_text(&self, span: Span) -> &[u8] {
        span.of(&self.shared.source.text)
    }

    /// The number of the variable that a token names.
    pub fn symbol(&mut self, item: &Item<'_>) -> u32 {
        self.arena.add_symbol(item.span(), &self.shared.source.text)
    }

    /// Whether a variable has the name that a token is.
    pub fn is_symbol(&self, symbol: u32, item: &Item<'_>) -> bool {
        match self.arena.symbol(symbol) {
            Some(span) => self.source_text(span) == item.text,
            None => item.text == b"$",
        }
    }

    /// The text of a string token.
    pub fn unquote<'t>(&self, item: &Item<'t>) -> Result<Cow<'t, [u8]>, ParseError> {
        unquote(item.text).ok_or_else(|| self.error("invalid syntax"))
    }

    // Grammar.

    /// The whole text: like a list, but with definitions.
    fn file(&mut self) -> Result<NodeId, ParseError> {
        let position = self.peek().position;
        let mut nodes = Vec::new();
        while self.peek().token != Token::Eof {
            if self.peek().token == Token::LeftDelim {
                let delim = self.next();
                if self.next_non_space().token == Token::Keyword(Keyword::Define) {
                    Parser::new(self.shared, self.name.clone()).definition()?;
                    continue;
                }
                self.backup2(delim);
            }
            match self.text_or_action()? {
                Element::Node(node) => nodes.push(node),
                end => return Err(self.error(format!("unexpected {}", end.describe()))),
            }
        }
        Ok(self.add_list(position, &nodes))
    }

    fn definition(mut self) -> Result<(), ParseError> {
        const CONTEXT: &str = "define clause";
        let item = self.next_non_space();
        self.name = self.template_name(&item, CONTEXT)?;
        self.expect(Token::RightDelim, CONTEXT)?;
        let root = self.body(CONTEXT)?;
        self.finish(root)
    }

    /// The list of a `define` or `block`, and its end.
    fn body(&mut self, context: &str) -> Result<NodeId, ParseError> {
        match self.list()? {
            (list, Element::End) => Ok(list),
            (_, end) => Err(self.error(format!("unexpected {} in {context}", end.describe()))),
        }
    }

    /// Adds the template to those of the text.
    fn finish(mut self, root: NodeId) -> Result<(), ParseError> {
        let mut arena = std::mem::take(&mut self.arena);
        arena.shrink();
        let template = Template { name: self.name.clone(), source: self.shared.source.clone(), arena, root };
        let templates = &mut self.shared.templates;
        match templates.iter_mut().find(|other| other.name() == template.name()) {
            None => templates.push(template),
            Some(other) if other.is_empty() => *other = template,
            Some(_) if template.is_empty() => {}
            Some(_) => {
                let name = quote(self.name.as_bytes());
                return Err(self.error(format!("template: multiple definition of template {name}")));
            }
        }
        Ok(())
    }

    /// Nodes up to an `end` or `else`.
    fn list(&mut self) -> Result<(NodeId, Element), ParseError> {
        let position = self.peek_non_space().position;
        let mut nodes = Vec::new();
        while self.peek_non_space().token != Token::Eof {
            match self.text_or_action()? {
                Element::Node(node) => nodes.push(node),
                end => return Ok((self.add_list(position, &nodes), end)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Result<Element, ParseError> {
        let item = self.next_non_space();
        match item.token {
            Token::Text => {
                let span = item.span();
                Ok(Element::Node(self.add(item.position, NodeKind::Text(span))))
            }
            Token::LeftDelim => {
                self.action_line = item.line;
                let element = self.action()?;
                self.action_line = 0;
                Ok(element)
            }
            _ => Err(self.unexpected(&item, "input")),
        }
    }

    /// What is between delimiters; the left one is read.
    fn action(&mut self) -> Result<Element, ParseError> {
        let item = self.next_non_space();
        let position = item.position;
        let Token::Keyword(keyword) = item.token else { return self.command_action() };
        Ok(Element::Node(match keyword {
            Keyword::Block => self.block()?,
            Keyword::Break => self.loop_control(position, "{{break}}", NodeKind::Break)?,
            Keyword::Continue => self.loop_control(position, "{{continue}}", NodeKind::Continue)?,
            Keyword::Else => return self.else_action(),
            Keyword::End => {
                self.expect(Token::RightDelim, "end")?;
                return Ok(Element::End);
            }
            Keyword::If => self.control(ControlKeyword::If)?,
            Keyword::Range => self.control(ControlKeyword::Range)?,
            Keyword::Template => self.template_action()?,
            Keyword::With => self.control(ControlKeyword::With)?,
            Keyword::Dot | Keyword::Nil | Keyword::Define => return self.command_action(),
        }))
    }

    fn command_action(&mut self) -> Result<Element, ParseError> {
        self.backup();
        let position = self.peek().position;
        let pipe = self.pipeline("command", Token::RightDelim)?;
        Ok(Element::Node(self.add(position, NodeKind::Action { pipe })))
    }

    fn loop_control(&mut self, position: usize, text: &str, kind: NodeKind) -> Result<NodeId, ParseError> {
        self.expect(Token::RightDelim, text)?;
        if self.range_depth == 0 {
            return Err(self.error(format!("{text} outside {{{{range}}}}")));
        }
        Ok(self.add(position, kind))
    }

    /// `if`, `range` or `with`, up to its end; the word is read.
    fn control(&mut self, keyword: ControlKeyword) -> Result<NodeId, ParseError> {
        if self.shared.depth >= MAX_DEPTH {
            return Err(self.error(format!("control structures are nested deeper than {MAX_DEPTH}")));
        }
        self.shared.depth += 1;
        let node = stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.control_body(keyword))?;
        self.shared.depth -= 1;
        Ok(node)
    }

    fn control_body(&mut self, keyword: ControlKeyword) -> Result<NodeId, ParseError> {
        let visible = self.variables.len();
        let pipe = self.pipeline(keyword.name(), Token::RightDelim)?;
        let is_range = usize::from(keyword == ControlKeyword::Range);
        self.range_depth += is_range;
        let (list, next) = self.list()?;
        self.range_depth -= is_range;
        let otherwise = match next {
            Element::Else { position } => Some(self.otherwise(keyword, position)?),
            _ => None,
        };
        self.variables.truncate(visible);
        let position = self.arena.position(pipe);
        Ok(self.add(position, NodeKind::Control(Control { keyword, pipe, list, otherwise })))
    }

    /// What follows an `else`: a list, or for `else if` and `else with` a control structure that ends
    /// where the outer one ends.
    fn otherwise(&mut self, keyword: ControlKeyword, position: usize) -> Result<NodeId, ParseError> {
        let chained = match keyword {
            ControlKeyword::If => Token::Keyword(Keyword::If),
            ControlKeyword::With => Token::Keyword(Keyword::With),
            ControlKeyword::Range => Token::Error,
        };
        if chained != Token::Error && self.peek().token == chained {
            self.next();
            let inner = self.control(keyword)?;
            return Ok(self.add_list(position, &[inner]));
        }
        match self.list()? {
            (list, Element::End) => Ok(list),
            (_, next) => Err(self.error(format!("expected end; found {}", next.describe()))),
        }
    }

    fn else_action(&mut self) -> Result<Element, ParseError> {
        let next = self.peek_non_space();
        if matches!(next.token, Token::Keyword(Keyword::If | Keyword::With)) {
            return Ok(Element::Else { position: next.position });
        }
        let item = self.expect(Token::RightDelim, "else")?;
        Ok(Element::Else { position: item.position })
    }

    fn block(&mut self) -> Result<NodeId, ParseError> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Token::RightDelim)?;
        if self.shared.depth >= MAX_DEPTH {
            return Err(self.error(format!("control structures are nested deeper than {MAX_DEPTH}")));
        }
        self.shared.depth += 1;
        stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || {
            let mut block = Parser::new(self.shared, name.clone());
            match block.list()? {
                (root, Element::End) => block.finish(root),
                // Go tells the line on which the block begins.
                (_, end) => Err(self.error(format!("unexpected {} in {CONTEXT}", end.describe()))),
            }
        })?;
        self.shared.depth -= 1;
        let name = self.arena.add_name(name);
        Ok(self.add(item.position, NodeKind::Template { name, pipe: Some(pipe) }))
    }

    fn template_action(&mut self) -> Result<NodeId, ParseError> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().token != Token::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Token::RightDelim)?);
        }
        let name = self.arena.add_name(name);
        Ok(self.add(item.position, NodeKind::Template { name, pipe }))
    }

    fn template_name(&mut self, item: &Item<'_>, context: &str) -> Result<Arc<str>, ParseError> {
        match item.token {
            Token::String | Token::RawString => Ok(String::from_utf8_lossy(&self.unquote(item)?).into()),
            _ => Err(self.unexpected(item, context)),
        }
    }
}

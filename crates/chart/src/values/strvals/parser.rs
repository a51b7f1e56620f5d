//! The parser. It changes the values as it reads, as Helm's does: what was set before an error stays.

use serde_json::{Map, Value as Json};

use super::json;
use super::scan::{Run, Scanner};
use super::{MAX_INDEX, MAX_NESTING, ReadFile};
use crate::gotext::{quote, quote_runes};

/// Why parsing stops.
pub(super) enum Fault {
    /// The text is at its end.
    End,
    /// Something is wrong.
    Message(String),
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

/// What values are.
pub(super) enum Mode<'a, 'f> {
    Typed,
    Text,
    Literal,
    Json,
    File(&'a mut ReadFile<'f>),
}

pub(super) struct Parser<'a, 'm, 'f> {
    scanner: Scanner,
    mode: &'m mut Mode<'a, 'f>,
}

impl<'a, 'm, 'f> Parser<'a, 'm, 'f> {
    pub(super) fn new(text: &str, mode: &'m mut Mode<'a, 'f>) -> Self {
        Self { scanner: Scanner::new(text), mode }
    }

    fn is_literal(&self) -> bool {
        matches!(self.mode, Mode::Literal)
    }

    fn until(&mut self, ends: &[char]) -> Run {
        let escapes = !self.is_literal();
        self.scanner.until(ends, escapes)
    }

    /// Reads `key=value`, or the rest of a path and its value.
    pub(super) fn key(&mut self, data: &mut Map<String, Json>, nesting: usize) -> Result<(), Fault> {
        let ends: &[char] = if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let run = self.until(ends);
        let key: String = run.text.iter().collect();
        match run.end {
            None if key.is_empty() => Err(Fault::End),
            None => Err(format!("key {} has no value", quote(&key)).into()),
            Some('[') => self.indexed(data, key, nesting),
            Some('=') => self.assigned(data, key),
            Some('.') => self.nested(data, &key, nesting + 1),
            Some(_) => {
                let message = format!("key {} has no value (cannot end with ,)", quote(&key));
                set(data, key, Json::String(String::new()));
                Err(message.into())
            }
        }
    }

    fn indexed(&mut self, data: &mut Map<String, Json>, key: String, nesting: usize) -> Result<(), Fault> {
        let index = self.index()?;
        let mut list = match data.get_mut(&key) {
            None => Vec::new(),
            Some(value) => take_list(value)?,
        };
        let result = self.item(&mut list, index, nesting);
        set(data, key, Json::Array(list));
        result
    }

    fn assigned(&mut self, data: &mut Map<String, Json>, key: String) -> Result<(), Fault> {
        let (value, ended) = self.value()?;
        set(data, key, value);
        if ended { Err(Fault::End) } else { Ok(()) }
    }

    fn nested(&mut self, data: &mut Map<String, Json>, key: &str, nesting: usize) -> Result<(), Fault> {
        if nesting > MAX_NESTING {
            return Err(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_NESTING}"
            )
            .into());
        }
        let (mut inner, existed) = match data.get_mut(key) {
            None => (Map::new(), false),
            Some(Json::Object(map)) => (std::mem::take(map), true),
            Some(other) => return Err(conversion(other, "map[string]interface {}").into()),
        };
        let result = self.key(&mut inner, nesting);
        let is_empty = inner.is_empty();
        if existed || !is_empty {
            set(data, key.to_owned(), Json::Object(inner));
        }
        if result.is_ok() && is_empty {
            return Err(format!("key map {} has no value", quote(key)).into());
        }
        result
    }

    /// Reads `index]`.
    fn index(&mut self) -> Result<i64, Fault> {
        let run = self.until(&[']']);
        if run.end.is_none() {
            return Err(Fault::End);
        }
        let text: String = run.text.iter().collect();
        text.parse().map_err(|_| {
            let is_number =
                text.strip_prefix(['+', '-']).unwrap_or(&text).bytes().all(|b| b.is_ascii_digit())
                    && text.bytes().any(|b| b.is_ascii_digit());
            let why = if is_number { "value out of range" } else { "invalid syntax" };
            Fault::Message(format!("error parsing index: strconv.Atoi: parsing {}: {why}", quote(&text)))
        })
    }

    /// Reads what stands behind an index.
    fn item(&mut self, list: &mut Vec<Json>, index: i64, nesting: usize) -> Result<(), Fault> {
        if index < 0 {
            return Err(format!("negative {index} index not allowed").into());
        }
        let run = self.until(&['[', '.', '=']);
        if !run.text.is_empty() {
            return Err(format!("unexpected data at end of array index: {}", quote_runes(&run.text)).into());
        }
        match run.end {
            None => Err(Fault::End),
            Some('=') => {
                let (value, _) = self.value()?;
                set_index(list, index, value)
            }
            Some('[') => {
                let next = self.index()?;
                let mut inner = match usize::try_from(index).ok().and_then(|index| list.get_mut(index)) {
                    None | Some(Json::Null) => Vec::new(),
                    Some(value) => take_list(value)?,
                };
                let result = self.item(&mut inner, next, nesting);
                match (result, index_of(list, index)) {
                    (Ok(()), _) => set_index(list, index, Json::Array(inner)),
                    (Err(fault), place) => {
                        if let Some(place) = place.filter(|place| place.is_array()) {
                            *place = Json::Array(inner);
                        }
                        Err(fault)
                    }
                }
            }
            Some(_) => {
                let existing = index_of(list, index);
                let existed = existing.is_some();
                let mut inner = match existing {
                    Some(Json::Object(map)) => std::mem::take(map),
                    _ => Map::new(),
                };
                let result = self.key(&mut inner, nesting);
                if existed && let Some(place) = index_of(list, index) {
                    *place = Json::Object(inner);
                    return result;
                }
                result?;
                set_index(list, index, Json::Object(inner))
            }
        }
    }

    /// Reads what stands behind `=`; and whether the text ended right there.
    fn value(&mut self) -> Result<(Json, bool), Fault> {
        if matches!(self.mode, Mode::Json) {
            return Ok((self.json_value()?, false));
        }
        if self.is_literal() {
            return Ok((Json::String(self.until(&[]).text.into_iter().collect()), false));
        }
        if self.scanner.rest().is_empty() {
            return Ok((Json::String(String::new()), true));
        }
        if self.scanner.next_if('{') {
            return Ok((Json::Array(self.list()?), false));
        }
        let text = self.until(&[',']).text;
        Ok((self.convert(&text)?, false))
    }

    fn json_value(&mut self) -> Result<Json, Fault> {
        if self.scanner.ends_value() {
            return Ok(Json::Null);
        }
        let (value, read) = json::decode(self.scanner.rest())?;
        self.scanner.skip(read);
        self.scanner.ends_value();
        Ok(value)
    }

    /// Reads `a,b}`.
    fn list(&mut self) -> Result<Vec<Json>, Fault> {
        let mut list = Vec::new();
        loop {
            let run = self.until(&[',', '}']);
            match run.end {
                None => return Err("list must terminate with '}'".to_owned().into()),
                Some('}') => {
                    self.scanner.next_if(',');
                    list.push(self.convert(&run.text)?);
                    return Ok(list);
                }
                Some(_) => list.push(self.convert(&run.text)?),
            }
        }
    }

    fn convert(&mut self, text: &[char]) -> Result<Json, Fault> {
        let text: String = text.iter().collect();
        Ok(match self.mode {
            Mode::Typed => typed(text),
            Mode::File(read) => Json::String(read(&text)?),
            _ => Json::String(text),
        })
    }
}

fn typed(text: String) -> Json {
    if text.eq_ignore_ascii_case("true") {
        return Json::Bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return Json::Bool(false);
    }
    if text.eq_ignore_ascii_case("null") {
        return Json::Null;
    }
    if text == "0" {
        return Json::from(0);
    }
    match text.parse::<i64>() {
        Ok(number) if !text.starts_with('0') => Json::from(number),
        _ => Json::String(text),
    }
}

/// A key without a name sets nothing.
fn set(data: &mut Map<String, Json>, key: String, value: Json) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}

fn index_of(list: &mut [Json], index: i64) -> Option<&mut Json> {
    usize::try_from(index).ok().and_then(|index| list.get_mut(index))
}

fn set_index(list: &mut Vec<Json>, index: i64, value: Json) -> Result<(), Fault> {
    if index > MAX_INDEX {
        return Err(format!("index of {index} is greater than maximum supported index of {MAX_INDEX}").into());
    }
    if let Some(place) = index_of(list, index) {
        *place = value;
        return Ok(());
    }
    list.resize(usize::try_from(index).unwrap_or_default(), Json::Null);
    list.push(value);
    Ok(())
}

fn take_list(value: &mut Json) -> Result<Vec<Json>, Fault> {
    match value {
        Json::Array(list) => Ok(std::mem::take(list)),
        other => Err(conversion(other, "[]interface {}").into()),
    }
}

/// What Go says when a value is of another type than a path needs.
fn conversion(value: &Json, wanted: &str) -> String {
    let found = match value {
        Json::Null => "nil",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

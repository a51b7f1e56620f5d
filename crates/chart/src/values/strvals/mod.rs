//! The grammar of `--set` and its siblings: `outer.inner[0].key=value,other={a,b}`.

mod json;
mod parser;
mod scan;

use serde_json::{Map, Value as Json};
use thiserror::Error;

use parser::{Fault, Mode, Parser};

/// The highest index of a list.
pub const MAX_INDEX: i64 = 65_536;
/// How deep keys may be nested.
pub const MAX_NESTING: usize = 30;

/// Why a text does not set values, in Helm's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct StrvalsError(String);

/// Reads a file for [`parse_file`]: its path, and its text or why there is none.
pub type ReadFile<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// `--set`: `true`, `false`, `null` and whole numbers have their type, all else is text.
pub fn parse_typed(text: &str, values: &mut Map<String, Json>) -> Result<(), StrvalsError> {
    run(text, values, &mut Mode::Typed)
}

/// `--set-string`: everything is text.
pub fn parse_string(text: &str, values: &mut Map<String, Json>) -> Result<(), StrvalsError> {
    run(text, values, &mut Mode::Text)
}

/// `--set-literal`: one key, and everything behind its `=` is text.
pub fn parse_literal(text: &str, values: &mut Map<String, Json>) -> Result<(), StrvalsError> {
    run(text, values, &mut Mode::Literal)
}

/// `--set-json`: values are JSON. Numbers are floats.
pub fn parse_json(text: &str, values: &mut Map<String, Json>) -> Result<(), StrvalsError> {
    run(text, values, &mut Mode::Json)
}

/// `--set-file`: values are names of files, whose texts are set.
pub fn parse_file(
    text: &str,
    values: &mut Map<String, Json>,
    read: &mut ReadFile<'_>,
) -> Result<(), StrvalsError> {
    run(text, values, &mut Mode::File(read))
}

fn run(text: &str, values: &mut Map<String, Json>, mode: &mut Mode<'_, '_>) -> Result<(), StrvalsError> {
    let mut parser = Parser::new(text, mode);
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Fault::End) => return Ok(()),
            Err(Fault::Message(message)) => return Err(StrvalsError(message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn typed(text: &str) -> Result<Json, String> {
        let mut values = Map::new();
        parse_typed(text, &mut values).map_err(|error| error.to_string())?;
        Ok(Json::Object(values))
    }

    #[test]
    fn types() {
        let values = typed("a=1,b=01,c=TRUE,d=null,e=1.5,f=,g={1,x},h=0,i=-5,j=+5").unwrap();
        let expected = json!({
            "a": 1, "b": "01", "c": true, "d": null, "e": "1.5", "f": "", "g": [1, "x"], "h": 0, "i": -5, "j": 5,
        });
        assert_eq!(values, expected);
    }

    #[test]
    fn paths() {
        assert_eq!(typed("a.b[1].c=x").unwrap(), json!({ "a": { "b": [null, { "c": "x" }] } }));
        assert_eq!(typed("a[0][1]=x").unwrap(), json!({ "a": [[null, "x"]] }));
        assert_eq!(typed(r"a\.b=1\,2").unwrap(), json!({ "a.b": "1,2" }));
    }

    #[test]
    fn bounds() {
        assert!(typed("a[65537]=x").unwrap_err().contains("maximum supported index of 65536"));
        assert!(typed("a[99999999999999999999]=x").unwrap_err().contains("value out of range"));
        let deep = vec!["a"; 40].join(".") + "=x";
        assert!(typed(&deep).unwrap_err().contains("maximum supported nested level of 30"));
    }

    #[test]
    fn files() {
        let mut values = Map::new();
        parse_file("a=path,b.c=other", &mut values, &mut |path| Ok(format!("<{path}>"))).unwrap();
        assert_eq!(Json::Object(values), json!({ "a": "<path>", "b": { "c": "<other>" } }));
        let error = parse_file("a=path", &mut Map::new(), &mut |_| Err("no".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}

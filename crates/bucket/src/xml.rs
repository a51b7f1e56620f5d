//! The little of XML that stores speak: elements with texts, no attributes.

use quick_xml::Reader;
use quick_xml::events::Event;

/// How deep elements may be in each other.
const MAX_DEPTH: usize = 32;

/// Calls `visit` for each element that ends, with the names of the elements around it, its own last, and its text.
///
/// Document types are refused: none of the stores sends any, and entities of one could grow without bounds.
pub(crate) fn visit(text: &str, mut visit: impl FnMut(&[String], &str)) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if path.len() == MAX_DEPTH {
                    return Err(format!("elements are nested deeper than {MAX_DEPTH}"));
                }
                path.push(start.local_name().as_ref().to_owned());
                texts.push(String::new());
            }
            Event::End(_) => {
                let text = texts.pop().unwrap_or_default();
                visit(&path, &text);
                path.pop();
            }
            Event::Text(text) => {
                if let Some(current) = texts.last_mut() {
                    current.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let resolved = resolve(&reference)?;
                if let Some(current) = texts.last_mut() {
                    current.push(resolved);
                }
            }
            Event::CData(data) => {
                if let Some(current) = texts.last_mut() {
                    current.push_str(&data);
                }
            }
            Event::DocType(_) => return Err("a document type is not expected".to_owned()),
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err("the document is cut off".to_owned()),
            _ => {}
        }
    }
}

/// The character that `&name;` stands for.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character);
    }
    match reference.as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(format!("unknown entity '{other}'")),
    }
}

/// The texts of two elements of an error, wherever they are: its code and its message.
pub(crate) fn error(text: &str) -> Option<(String, String)> {
    let (mut code, mut message) = (None, None);
    visit(text, |path, text| match path.last().map(String::as_str) {
        Some("Code") => drop(code.get_or_insert_with(|| text.trim().to_owned())),
        Some("Message") => drop(message.get_or_insert_with(|| text.trim().to_owned())),
        _ => {}
    })
    .ok()?;
    code.map(|code| (code, message.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_with_their_path() {
        let mut seen = Vec::new();
        let text =
            "<?xml version=\"1.0\"?><a xmlns=\"x\"><b>1 &amp; &#50;&quot;</b><c/><b><![CDATA[<x>]]></b></a>";
        visit(text, |path, text| seen.push((path.join("/"), text.to_owned()))).unwrap();
        let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(seen, [pair("a/b", "1 & 2\""), pair("a/b", "<x>"), pair("a", "")]);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(100);
        for text in ["<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "<a>&b;</a>", "<a><b></a>", "<a>", &deep] {
            assert!(visit(text, |_, _| {}).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_have_a_code() {
        let text = "<Error><Code>NoSuchKey</Code><Message>The key is not there.</Message></Error>";
        assert_eq!(error(text), Some(("NoSuchKey".to_owned(), "The key is not there.".to_owned())));
        assert_eq!(error("no XML"), None);
    }
}

//! TOML into values.

use sluice_gotmpl::gotime::{Time, Zone};
use sluice_gotmpl::value::{Map, Str, Type, Value};
use toml_edit::{Datetime, Document, Item, Table, Value as Toml};

/// The table that a text holds. Whole numbers are `int64`, dates and times `time.Time`.
pub(in crate::engine) fn decode(text: &str) -> Result<Map, String> {
    let document = Document::parse(text.to_owned()).map_err(|error| {
        if let Some(message) = super::explain::explain(text) {
            return message;
        }
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        format!("toml: line {line}: {message}")
    })?;
    table(document.as_table())
}

fn table(table: &Table) -> Result<Map, String> {
    entries(table.iter().map(|(key, entry)| Ok((key, item(entry)?))))
}

fn entries<'k>(entries: impl Iterator<Item = Result<(&'k str, Value), String>>) -> Result<Map, String> {
    let entries = entries.map(|entry| entry.map(|(key, value)| (Str::from(key), value)));
    Ok(Map::with_entries(Type::ANY_MAP, entries.collect::<Result<Vec<_>, _>>()?))
}

fn item(item: &Item) -> Result<Value, String> {
    Ok(match item {
        Item::None => Value::Nil,
        Item::Value(toml) => value(toml)?,
        Item::Table(inner) => Value::Map(table(inner)?),
        Item::ArrayOfTables(tables) => {
            // Go has them as a slice of maps, which templates can tell from other lists by its type only.
            Value::list(
                tables.iter().map(|inner| Ok(Value::Map(table(inner)?))).collect::<Result<_, String>>()?,
            )
        }
    })
}

fn value(toml: &Toml) -> Result<Value, String> {
    Ok(match toml {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => Value::int64(*number.value()),
        Toml::Float(number) => Value::Float(*number.value()),
        Toml::Boolean(boolean) => (*boolean.value()).into(),
        Toml::Datetime(datetime) => time(datetime.value())?,
        Toml::Array(array) => Value::list(array.iter().map(value).collect::<Result<_, _>>()?),
        Toml::InlineTable(table) => {
            Value::Map(entries(table.iter().map(|(key, entry)| Ok((key, value(entry)?))))?)
        }
    })
}

/// Dates begin at midnight, times are those of the day before all others, and what has no zone is in UTC.
fn time(datetime: &Datetime) -> Result<Value, String> {
    let mut with_zone = *datetime;
    if with_zone.date.is_none() {
        with_zone.date = "0000-01-01".parse::<Datetime>().ok().and_then(|datetime| datetime.date);
    }
    if with_zone.time.is_none() {
        with_zone.time = "00:00:00".parse::<Datetime>().ok().and_then(|datetime| datetime.time);
    }
    with_zone.offset.get_or_insert(toml_edit::Offset::Z);
    let text = with_zone.to_string();
    Time::parse(b"2006-01-02T15:04:05.999999999Z07:00", text.as_bytes(), &Zone::Utc)
        .map(Value::object)
        .map_err(|error| format!("toml: {error}"))
}

#[cfg(test)]
mod tests {
    use sluice_gotmpl::gojson::{Style, encode};

    use super::*;

    #[test]
    fn values_keep_their_types() {
        let text = "a = 0xff\nb = [1, 2.5, 'x']\nd = 1979-05-27\nt = 1979-05-27T07:32:00.5-07:00\n[c]\nk.l = true\n[[m]]\nn = {o = 1}\n";
        let map = decode(text).unwrap();
        assert_eq!(map.get("a").unwrap().type_name(), "int64");
        let json = encode(&Value::Map(map), Style::default()).unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"a\":255,\"b\":[1,2.5,\"x\"],\"c\":{\"k\":{\"l\":true}},\"d\":\"1979-05-27T00:00:00Z\",\"m\":[{\"n\":{\"o\":1}}],\
             \"t\":\"1979-05-27T07:32:00.5-07:00\"}"
        );
    }

    #[test]
    fn errors_name_the_line() {
        let error = decode("a = 1\nb = \n").map(|_| ()).unwrap_err();
        assert!(error.starts_with("toml: line 2 (last key \"b\"): "), "{error}");
    }
}

//! URLs, as maps of their parts.

use super::args::{Outcome, map, text};
use super::gourl::Url;
use crate::function::{Call, FuncError, Function};
use crate::value::{Map, Str, Type, Value};

pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("urlParse", &[Type::String], parse), Function::new("urlJoin", &[Type::ANY_MAP], join)];

fn parse(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let url = Url::parse(&text(args, 0))
        .map_err(|error| FuncError::new(format!("unable to parse url: {error}")))?;
    let hostname = url.hostname().to_vec();
    let userinfo = url.userinfo();
    let map = Map::new();
    for (key, part) in [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", userinfo.unwrap_or_default()),
    ] {
        map.insert(Str::from_static(key), Str::from(part));
    }
    Ok(map.into())
}

fn join(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0);
    let part = |key: &str| match map.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Nil) => Err(FuncError::from(super::args::NIL_POINTER)),
        Some(value) => match value.underlying() {
            Value::Str(text) => Ok(text.to_vec()),
            other => Err(FuncError::new(format!(
                "unable to parse {key} key, must be of type string, but {} found",
                other.kind().name()
            ))),
        },
    };
    let mut url = Url::default();
    url.scheme = part("scheme")?;
    url.host = part("host")?;
    url.path = part("path")?;
    url.query = part("query")?;
    url.opaque = part("opaque")?;
    url.fragment = part("fragment")?;
    let userinfo = part("userinfo")?;
    if !userinfo.is_empty() {
        let with_user = [b"proto://", userinfo.as_slice(), b"@host"].concat();
        let parsed = Url::parse(&with_user)
            .map_err(|error| FuncError::new(format!("unable to parse userinfo in dict: {error}")))?;
        url.user = parsed.user;
    }
    Ok(Value::str(url.to_bytes()))
}

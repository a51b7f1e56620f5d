//! Keys and values of a generator.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::kustomization::GeneratorArgs;
use crate::loader::Loader;

/// All keys and values that the generator names. No key may come twice.
pub(super) fn load(
    args: &GeneratorArgs,
    is_secret: bool,
    loader: &Loader<'_>,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut pairs = Pairs { owner: &args.name, pairs: BTreeMap::new() };
    for path in &args.envs {
        let within = |source: Error| {
            source.within(format!("loading KV pairs: env source files: [{}]", args.envs.join(" ")))
        };
        let content = loader.load(path).map_err(within)?;
        pairs.add_env_file(&content, path).map_err(within)?;
    }
    for literal in &args.literals {
        let (key, value) = parse_literal(literal).ok_or_else(|| {
            let place = args.literals.iter().position(|other| other == literal).unwrap_or_default() + 1;
            // Of a secret only its place is told.
            let (all, bad) = if is_secret {
                (String::new(), place.to_string())
            } else {
                (format!(" [{}]", args.literals.join(" ")), literal.clone())
            };
            Error::Usage(format!(
                "loading KV pairs: literal sources{all}: invalid literal source {bad}, expected key=value"
            ))
        })?;
        pairs.add(key, value.as_bytes().to_vec())?;
    }
    for source in &args.files {
        let (key, path) = parse_file_source(source)?;
        let within = |error: Error| {
            error.within(format!("loading KV pairs: file sources: [{}]", args.files.join(" ")))
        };
        pairs.add(key, loader.load(path).map_err(within)?)?;
    }
    Ok(pairs.pairs)
}

struct Pairs<'a> {
    owner: &'a str,
    pairs: BTreeMap<String, Vec<u8>>,
}

impl Pairs<'_> {
    fn add(&mut self, key: &str, value: Vec<u8>) -> Result<(), Error> {
        match self.pairs.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => {
                Err(Error::Usage(format!("configmap {} illegally repeats the key `{key}`", self.owner)))
            }
        }
    }

    fn add_env_file(&mut self, content: &[u8], path: &str) -> Result<(), Error> {
        let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = std::str::from_utf8(line)
                .map_err(|_| Error::Usage(format!("{path}: line {} has invalid utf8 bytes", number + 1)))?
                .trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            if !key.is_empty() {
                self.add(key, value.as_bytes().to_vec())?;
            }
        }
        Ok(())
    }
}

/// `key=value`; quotes around the value are dropped.
fn parse_literal(source: &str) -> Option<(&str, &str)> {
    let (key, value) = source.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote)));
    Some((key, unquoted.unwrap_or(value)))
}

/// `path`, whose last part is the key, or `key=path`.
fn parse_file_source(source: &str) -> Result<(&str, &str), Error> {
    let Some((key, path)) = source.split_once('=') else {
        let base = source.trim_end_matches('/').rsplit('/').next().filter(|base| !base.is_empty());
        return Ok((base.unwrap_or("."), source));
    };
    let problem = if path.contains('=') {
        format!("source {source:?} key name or file path contains '='")
    } else if key.is_empty() {
        format!("missing key name for file path {path:?} in source {source:?}")
    } else if path.is_empty() {
        format!("missing file path for key name {key:?} in source {source:?}")
    } else {
        return Ok((key, path));
    };
    Err(Error::Usage(problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(parse_literal("a=b=c"), Some(("a", "b=c")));
        assert_eq!(parse_literal("a='b'"), Some(("a", "b")));
        assert_eq!(parse_literal("a='b\""), Some(("a", "'b\"")));
        assert_eq!(parse_literal("a='"), Some(("a", "'")));
        assert_eq!(parse_literal("a="), Some(("a", "")));
        assert_eq!(parse_literal("=b"), None);
        assert_eq!(parse_literal("a"), None);
    }

    #[test]
    fn file_sources() {
        assert_eq!(parse_file_source("x/y.txt").unwrap(), ("y.txt", "x/y.txt"));
        assert_eq!(parse_file_source("k=x/y.txt").unwrap(), ("k", "x/y.txt"));
        for bad in ["=x", "k=", "a=b=c"] {
            assert!(parse_file_source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn env_files() {
        let mut pairs = Pairs { owner: "o", pairs: BTreeMap::new() };
        pairs.add_env_file(b"\xEF\xBB\xBFa=1\r\n# c\n\n  b=x y \nd\n", "f").unwrap();
        let texts: Vec<_> =
            pairs.pairs.iter().map(|(k, v)| (k.as_str(), std::str::from_utf8(v).unwrap())).collect();
        assert_eq!(texts, [("a", "1"), ("b", "x y "), ("d", "")]);
        assert!(pairs.add_env_file(b"a=2", "f").is_err());
    }
}

//! URLs as Go's `net/url` reads and writes them.

use std::net::Ipv6Addr;

use crate::quote::quote;

/// A URL's parts, unescaped where Go unescapes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Url {
    pub(super) scheme: Vec<u8>,
    /// What follows the scheme when that is no path: `mailto:opaque`.
    pub(super) opaque: Vec<u8>,
    /// Name and password.
    pub(super) user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// With the port.
    pub(super) host: Vec<u8>,
    pub(super) path: Vec<u8>,
    /// The path as it was written, if Go would not escape it like that.
    raw_path: Vec<u8>,
    pub(super) query: Vec<u8>,
    /// A question mark without a query.
    force_query: bool,
    pub(super) fragment: Vec<u8>,
    raw_fragment: Vec<u8>,
    /// Written without `//`.
    omit_host: bool,
}

/// Where a text stands, which decides what must be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

/// Whether a byte cannot stand in a place as it is.
fn must_escape(byte: u8, place: Place) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return false;
    }
    let allowed: &[u8] = match place {
        Place::Path => b"$&+,/:;=@",
        Place::Host | Place::Zone => b"!$&'()*+,;=:[]<>\"",
        Place::User => b"$&+,;=",
        Place::Fragment => b"!$&()*+,/:;=?@",
    };
    !allowed.contains(&byte)
}

fn escape(text: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if must_escape(byte, place) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

type Result<T> = std::result::Result<T, String>;

fn unescape(text: &[u8], place: Place) -> Result<Vec<u8>> {
    let fault = |part: &[u8]| format!("invalid URL escape {}", quote(part));
    let in_host = matches!(place, Place::Host | Place::Zone);
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            if in_host && first < 0x80 && must_escape(first, place) {
                return Err(format!("invalid character {} in host name", quote(&[first])));
            }
            out.push(first);
            rest = tail;
            continue;
        }
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(1), digit(2)) else {
            return Err(fault(rest.get(..3).unwrap_or(rest)));
        };
        let (escape, tail) = rest.split_at(3);
        let byte = (high * 16 + low) as u8;
        // In a host only bytes beyond ASCII may be escaped, and the percent sign before a zone.
        let refused = match place {
            Place::Host => high < 8 && escape != b"%25",
            Place::Zone => escape != b"%25" && byte != b' ' && must_escape(byte, Place::Host),
            _ => false,
        };
        if refused {
            return Err(fault(escape));
        }
        out.push(byte);
        rest = tail;
    }
    Ok(out)
}

/// The text before the first separator, and the text behind it if there is one.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == separator) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

fn last(text: &[u8], wanted: u8) -> Option<usize> {
    text.iter().rposition(|byte| *byte == wanted)
}

fn valid_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

impl Url {
    /// Reads a URL. The error is Go's, which names the URL.
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let (before, fragment) = cut(text, b'#');
        let mut url = Self::read(before).map_err(|error| format!("parse {}: {error}", quote(before)))?;
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            url.fragment = unescape(fragment, Place::Fragment)
                .map_err(|error| format!("parse {}: {error}", quote(text)))?;
            if escape(&url.fragment, Place::Fragment) != fragment {
                url.raw_fragment = fragment.to_vec();
            }
        }
        Ok(url)
    }

    fn read(text: &[u8]) -> Result<Self> {
        let mut url = Self::default();
        if text.iter().any(|byte| *byte < b' ' || *byte == 0x7F) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        if text == b"*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = cut(rest, b'?');
        url.force_query = query == Some(b"");
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority = !url.scheme.is_empty() || !rest.starts_with(b"///");
        if let Some(authority) = rest.strip_prefix(b"//").filter(|_| has_authority) {
            let end = authority.iter().position(|byte| *byte == b'/').unwrap_or(authority.len());
            let (authority, path) = authority.split_at(end);
            url.read_authority(authority)?;
            rest = path;
        } else if !url.scheme.is_empty() && rest.starts_with(b"/") {
            url.omit_host = true;
        }
        url.path = unescape(rest, Place::Path)?;
        if escape(&url.path, Place::Path) != rest {
            url.raw_path = rest.to_vec();
        }
        Ok(url)
    }

    fn read_authority(&mut self, authority: &[u8]) -> Result<()> {
        let Some(at) = last(authority, b'@') else {
            self.host = self.read_host(authority)?;
            return Ok(());
        };
        self.host = self.read_host(&authority[at + 1..])?;
        let userinfo = &authority[..at];
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !userinfo.iter().all(allowed) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = cut(userinfo, b':');
        let name = unescape(name, Place::User)?;
        let password = password.map(|password| unescape(password, Place::User)).transpose()?;
        self.user = Some((name, password));
        Ok(())
    }

    fn read_host(&self, host: &[u8]) -> Result<Vec<u8>> {
        let bad_port = |port: &[u8]| format!("invalid port {} after host", quote(port));
        match last(host, b'[') {
            Some(1..) => return Err("invalid IP-literal".to_owned()),
            Some(0) => return literal(host),
            None => {}
        }
        if let Some(first) = host.iter().position(|byte| *byte == b':') {
            // Lists of hosts with ports, as some databases take them, have several colons; not so HTTP.
            let strict = matches!(self.scheme.as_slice(), b"http" | b"https");
            let colon = if strict { first } else { last(host, b':').unwrap_or(first) };
            let port = &host[colon..];
            if !valid_port(port) {
                return Err(bad_port(port));
            }
        }
        unescape(host, Place::Host)
    }

    /// The host without port and brackets.
    pub(super) fn hostname(&self) -> &[u8] {
        let host = match last(&self.host, b':') {
            Some(colon) if valid_port(&self.host[colon..]) => &self.host[..colon],
            _ => &self.host,
        };
        host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
    }

    /// Name and password, escaped.
    pub(super) fn userinfo(&self) -> Option<Vec<u8>> {
        let (name, password) = self.user.as_ref()?;
        let mut out = escape(name, Place::User);
        if let Some(password) = password {
            out.push(b':');
            out.extend(escape(password, Place::User));
        }
        Some(out)
    }

    /// The URL as text.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if self.force_query || !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(as_written(&self.fragment, &self.raw_fragment, Place::Fragment));
        }
        out
    }

    fn write_hierarchy(&self, out: &mut Vec<u8>) {
        let bare = self.host.is_empty() && self.user.is_none();
        if !(bare && (self.scheme.is_empty() || self.omit_host)) {
            if !bare || !self.path.is_empty() {
                out.extend_from_slice(b"//");
            }
            if let Some(userinfo) = self.userinfo() {
                out.extend(userinfo);
                out.push(b'@');
            }
            out.extend(escape(&self.host, Place::Host));
        }
        let path = if self.path == b"*" {
            b"*".to_vec()
        } else {
            as_written(&self.path, &self.raw_path, Place::Path)
        };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// The scheme and the text behind its colon.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let len = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
        .unwrap_or(text.len());
    match (text.get(len), text.first()) {
        (Some(b':'), _) if len == 0 => Err("missing protocol scheme".to_owned()),
        (Some(b':'), Some(first)) if first.is_ascii_alphabetic() => Ok((&text[..len], &text[len + 1..])),
        _ => Ok((b"", text)),
    }
}

/// `[fe80::1%25en0]:80`
fn literal(host: &[u8]) -> Result<Vec<u8>> {
    let close = last(host, b']').ok_or("missing ']' in host")?;
    let port = &host[close + 1..];
    if !valid_port(port) {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    let inside = &host[1..close];
    let zone = inside.windows(3).position(|part| part == b"%25").unwrap_or(inside.len());
    let mut name = unescape(&inside[..zone], Place::Host)?;
    name.extend(unescape(&inside[zone..], Place::Zone)?);
    let text = String::from_utf8_lossy(&name).into_owned();
    let address = text.split_once('%').map_or(text.as_str(), |(address, _)| address);
    if address.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("invalid IP-literal".to_owned());
    }
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(format!("invalid host: ParseAddr({}): unable to parse IP", quote(&name)));
    }
    Ok([b"[", name.as_slice(), b"]", port].concat())
}

/// As it was written, if that still says the same; else escaped.
fn as_written(text: &[u8], raw: &[u8], place: Place) -> Vec<u8> {
    let valid = |byte: &u8| b"!$&'()*+,;=:@[]%".contains(byte) || !must_escape(*byte, place);
    let same = !raw.is_empty() && raw.iter().all(valid) && unescape(raw, place).is_ok_and(|raw| raw == text);
    if same { raw.to_vec() } else { escape(text, place) }
}

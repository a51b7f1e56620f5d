//! PEM as Go's `encoding/pem` reads and writes it: RFC 7468 with lenience for what stands around a block.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block: its label and its bytes.
pub(in super::super) struct Block {
    pub(in super::super) label: String,
    pub(in super::super) bytes: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// The first well-formed block of a text.
pub(in super::super) fn decode(text: &[u8]) -> Option<Block> {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines();
    loop {
        let line = lines.next()?;
        let Some(label) = line.trim_end().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(DASHES))
        else {
            continue;
        };
        let end = format!("-----END {label}{DASHES}");
        let (mut encoded, mut closed) = (String::new(), false);
        // A block that is not closed before the next one begins is passed over.
        for line in lines.clone() {
            let line = line.trim();
            if line == end {
                closed = true;
                break;
            }
            // Headers such as `Proc-Type: 4,ENCRYPTED` are not part of the data.
            if !line.contains(':') {
                encoded.push_str(line);
            }
        }
        if let (true, Ok(bytes)) = (closed, STANDARD.decode(&encoded)) {
            return Some(Block { label: label.to_owned(), bytes });
        }
    }
}

/// A block as text, 64 characters a line.
pub(in super::super) fn encode(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut out = format!("{BEGIN}{label}{DASHES}\n");
    for line in encoded.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out + "-----END " + label + DASHES + "\n"
}

//! The payload: chunks, each sealed with its number and whether it is the last.

use super::{derive, unseal};

const NONCE: usize = 16;

/// A full chunk with its tag.
const CHUNK: usize = (64 << 10) + 16;

/// The plain text; nothing if the payload is not as it was written.
pub(super) fn open(file_key: &[u8], payload: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = payload.split_at_checked(NONCE)?;
    let key = derive(nonce, file_key, "payload");
    let chunks: Vec<&[u8]> = sealed.chunks(CHUNK).collect();
    let last = chunks.len().checked_sub(1)?;
    let mut plain = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut nonce = [0; 12];
        nonce.get_mut(3..11)?.copy_from_slice(&(index as u64).to_be_bytes());
        if index == last {
            *nonce.last_mut()? = 1;
        }
        let opened = unseal(&key, nonce, chunk)?;
        // Only a file without content ends with an empty chunk.
        if opened.is_empty() && index > 0 {
            return None;
        }
        plain.extend_from_slice(&opened);
    }
    Some(plain)
}

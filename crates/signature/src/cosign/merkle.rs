//! Trees of hashes: that an entry is in a log (RFC 6962, RFC 9162).

use sha2::{Digest as _, Sha256};

/// A hash in a tree.
pub(super) type Node = [u8; 32];

/// The hash of an entry.
pub(super) fn leaf(entry: &[u8]) -> Node {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn inner(left: &[u8], right: &[u8]) -> Node {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree of so many entries of which this one has that index, if the hashes beside its way up are these.
/// None if a way in such a tree has another length.
pub(super) fn root(leaf: Node, index: u64, size: u64, beside: &[Vec<u8>]) -> Option<Node> {
    if index >= size {
        return None;
    }
    // Where the way is at this height, and the last node there.
    let (mut here, mut last, mut node) = (index, size - 1, leaf);
    for sibling in beside {
        if last == 0 {
            return None;
        }
        if here & 1 == 1 || here == last {
            node = inner(sibling, &node);
            // A node without a sibling moves up as it is.
            while here & 1 == 0 && here != 0 {
                (here, last) = (here >> 1, last >> 1);
            }
        } else {
            node = inner(&node, sibling);
        }
        (here, last) = (here >> 1, last >> 1);
    }
    (last == 0).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a tree, as RFC 6962 (section 2.1) defines it, and the hashes beside the way of one entry.
    fn tree(entries: &[Vec<u8>], index: usize) -> (Node, Vec<Vec<u8>>) {
        if let [entry] = entries {
            return (leaf(entry), Vec::new());
        }
        let half = entries.len().next_power_of_two() / 2;
        let (left, right) = entries.split_at(half);
        let (own, other) = if index < half { ((left, index), right) } else { ((right, index - half), left) };
        let ((own, mut beside), (other, _)) = (tree(own.0, own.1), tree(other, 0));
        beside.push(other.to_vec());
        let node = if index < half { inner(&own, &other) } else { inner(&other, &own) };
        (node, beside)
    }

    #[test]
    fn ways_lead_to_the_root_of_every_tree() {
        for size in 1..40_usize {
            let entries: Vec<Vec<u8>> = (0..size).map(|number| vec![number as u8; number]).collect();
            for index in 0..size {
                let (wanted, beside) = tree(&entries, index);
                let found = |index: u64, beside: &[Vec<u8>]| {
                    root(leaf(&entries[index as usize]), index, size as u64, beside)
                };
                assert_eq!(found(index as u64, &beside), Some(wanted), "{index} of {size}");
                // Another length of the way, or another place of the entry.
                let longer = [&beside[..], &[vec![0; 32]]].concat();
                assert_ne!(found(index as u64, &longer), Some(wanted));
                if let Some((_, shorter)) = beside.split_last() {
                    assert_ne!(found(index as u64, shorter), Some(wanted));
                }
                let other = (index + 1) % size;
                assert!(other == index || found(other as u64, &beside) != Some(wanted), "{index} of {size}");
            }
            assert_eq!(root([0; 32], size as u64, size as u64, &[]), None);
        }
        assert_eq!(root([0; 32], 0, 0, &[]), None);
    }
}

//! CBOR (RFC 8949), as far as envelopes need it: everything is of definite length, and borrows from the input.
//!
//! A signature must mean the same to all who read it, and costs little whoever wrote it: lengths that are open, keys
//! that are there twice, anything behind the end, deep nesting and very many items are refused.

/// Deepest nesting.
const MAX_DEPTH: usize = 16;
/// Most items: each takes more memory than the byte that it may be.
const MAX_ITEMS: usize = 1024;

/// A data item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item<'a> {
    Unsigned(u64),
    /// The number -1 - n.
    Negative(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Item<'a>>),
    Map(Vec<(Item<'a>, Item<'a>)>),
    Tag(u64, Box<Item<'a>>),
    Float(f64),
    /// `false`, `true`, `null` and the like.
    Simple(u8),
}

/// Why bytes are not an item that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CborError {
    #[error("the CBOR ends too early")]
    End,
    #[error("there is something behind the CBOR")]
    Rest,
    #[error("byte {0} of the CBOR begins no item of definite length")]
    Initial(usize),
    #[error("a text at byte {0} of the CBOR is not UTF-8")]
    Text(usize),
    #[error("a map in the CBOR has a key twice")]
    Twice,
    #[error("the CBOR is nested more than {MAX_DEPTH} deep")]
    Deep,
    #[error("the CBOR has more than {MAX_ITEMS} items")]
    Many,
}

/// Reads bytes that are one item.
pub(super) fn read(bytes: &[u8]) -> Result<Item<'_>, CborError> {
    let mut reader = Reader { bytes, at: 0, items: 0 };
    let item = reader.item(0)?;
    if reader.at == bytes.len() { Ok(item) } else { Err(CborError::Rest) }
}

/// Appends the head of an item: its major type and its number or length.
pub(super) fn write_head(out: &mut Vec<u8>, major: u8, value: usize) {
    let major = major << 5;
    match value {
        0..=23 => out.push(major | value as u8),
        24..=0xff => out.extend([major | 0x18, value as u8]),
        0x100..=0xffff => {
            out.push(major | 0x19);
            out.extend((value as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 0x1a);
            out.extend((value as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 0x1b);
            out.extend((value as u64).to_be_bytes());
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    items: usize,
}

impl<'a> Reader<'a> {
    fn item(&mut self, depth: usize) -> Result<Item<'a>, CborError> {
        self.items += 1;
        if depth > MAX_DEPTH {
            return Err(CborError::Deep);
        }
        if self.items > MAX_ITEMS {
            return Err(CborError::Many);
        }
        let start = self.at;
        let [initial] = self.array()?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            return self.simple(start, info);
        }
        let value = match info {
            0..=23 => u64::from(info),
            24 => u64::from(u8::from_be_bytes(self.array()?)),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(CborError::Initial(start)),
        };
        Ok(match major {
            0 => Item::Unsigned(value),
            1 => Item::Negative(value),
            2 => Item::Bytes(self.take(value)?),
            3 => {
                let text = std::str::from_utf8(self.take(value)?);
                Item::Text(text.map_err(|_| CborError::Text(start))?)
            }
            4 => {
                let mut items = Vec::new();
                for _ in 0..value {
                    items.push(self.item(depth + 1)?);
                }
                Item::Array(items)
            }
            5 => {
                let mut pairs: Vec<(Item<'_>, Item<'_>)> = Vec::new();
                for _ in 0..value {
                    let key = self.item(depth + 1)?;
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(CborError::Twice);
                    }
                    let value = self.item(depth + 1)?;
                    pairs.push((key, value));
                }
                Item::Map(pairs)
            }
            // The major types are 0 to 7.
            _ => Item::Tag(value, Box::new(self.item(depth + 1)?)),
        })
    }

    fn simple(&mut self, start: usize, info: u8) -> Result<Item<'a>, CborError> {
        match info {
            0..=23 => Ok(Item::Simple(info)),
            24 => match self.array()? {
                // Those below have a shorter form, which is the only one.
                [0..=31] => Err(CborError::Initial(start)),
                [value] => Ok(Item::Simple(value)),
            },
            25 => Ok(Item::Float(half(u16::from_be_bytes(self.array()?)))),
            26 => Ok(Item::Float(f64::from(f32::from_be_bytes(self.array()?)))),
            27 => Ok(Item::Float(f64::from_be_bytes(self.array()?))),
            _ => Err(CborError::Initial(start)),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = usize::try_from(length).map_err(|_| CborError::End)?;
        let taken = rest.get(..length).ok_or(CborError::End)?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        self.take(N as u64)?.try_into().map_err(|_| CborError::End)
    }
}

/// A number of 16 bits (IEEE 754).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_hex(text: &str) -> Result<String, CborError> {
        read(&hex::decode(text).unwrap()).map(|item| format!("{item:?}"))
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // RFC 8949, appendix A.
        for (bytes, item) in [
            ("00", "Unsigned(0)"),
            ("17", "Unsigned(23)"),
            ("1818", "Unsigned(24)"),
            ("1903e8", "Unsigned(1000)"),
            ("1a000f4240", "Unsigned(1000000)"),
            ("1bffffffffffffffff", "Unsigned(18446744073709551615)"),
            ("20", "Negative(0)"),
            ("3903e7", "Negative(999)"),
            ("3bffffffffffffffff", "Negative(18446744073709551615)"),
            ("f90000", "Float(0.0)"),
            ("f98000", "Float(-0.0)"),
            ("f93c00", "Float(1.0)"),
            ("f97bff", "Float(65504.0)"),
            ("f90001", "Float(5.960464477539063e-8)"),
            ("f90400", "Float(6.103515625e-5)"),
            ("f9c400", "Float(-4.0)"),
            ("f97c00", "Float(inf)"),
            ("f97e00", "Float(NaN)"),
            ("f9fc00", "Float(-inf)"),
            ("fa47c35000", "Float(100000.0)"),
            ("fb3ff199999999999a", "Float(1.1)"),
            ("f4", "Simple(20)"),
            ("f6", "Simple(22)"),
            ("f0", "Simple(16)"),
            ("f8ff", "Simple(255)"),
            ("c11a514b67b0", "Tag(1, Unsigned(1363896240))"),
            ("c1fb41d452d9ec200000", "Tag(1, Float(1363896240.5))"),
            ("d818456449455446", "Tag(24, Bytes([100, 73, 69, 84, 70]))"),
            ("40", "Bytes([])"),
            ("4401020304", "Bytes([1, 2, 3, 4])"),
            ("60", "Text(\"\")"),
            ("62c3bc", "Text(\"ü\")"),
            ("80", "Array([])"),
            (
                "8301820203820405",
                "Array([Unsigned(1), Array([Unsigned(2), Unsigned(3)]), Array([Unsigned(4), Unsigned(5)])])",
            ),
            ("a0", "Map([])"),
            ("a201020304", "Map([(Unsigned(1), Unsigned(2)), (Unsigned(3), Unsigned(4))])"),
            ("826161a161626163", "Array([Text(\"a\"), Map([(Text(\"b\"), Text(\"c\"))])])"),
        ] {
            assert_eq!(read_hex(bytes).as_deref(), Ok(item), "{bytes}");
        }
    }

    #[test]
    fn what_is_not_one_bounded_item_is_refused() {
        for (bytes, error) in [
            ("", CborError::End),
            ("18", CborError::End),
            ("4401", CborError::End),
            // Lengths that the input does not have cost nothing.
            ("5bffffffffffffffff", CborError::End),
            ("9bffffffffffffffff", CborError::End),
            ("bbffffffffffffffff", CborError::End),
            ("0000", CborError::Rest),
            ("5f42010243030405ff", CborError::Initial(0)),
            ("9fff", CborError::Initial(0)),
            ("81bfff", CborError::Initial(1)),
            ("ff", CborError::Initial(0)),
            ("1c", CborError::Initial(0)),
            ("f818", CborError::Initial(0)),
            ("61ff", CborError::Text(0)),
            ("a201020103", CborError::Twice),
        ] {
            assert_eq!(read_hex(bytes), Err(error), "{bytes}");
        }
        let nested = |depth: usize| [vec![0x81; depth], vec![0]].concat();
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1)), Err(CborError::Deep));
        assert_eq!(read(&nested(1 << 20)), Err(CborError::Deep));
        let long = |count: usize| {
            let mut bytes = Vec::new();
            write_head(&mut bytes, 4, count);
            bytes.resize(bytes.len() + count, 0);
            bytes
        };
        assert!(read(&long(MAX_ITEMS - 1)).is_ok());
        assert_eq!(read(&long(MAX_ITEMS)), Err(CborError::Many));
    }

    #[test]
    fn lengths_are_written_as_short_as_can_be() {
        for (value, bytes) in [
            (0, "40"),
            (23, "57"),
            (24, "5818"),
            (255, "58ff"),
            (256, "590100"),
            (65_535, "59ffff"),
            (65_536, "5a00010000"),
            (1 << 32, "5b0000000100000000"),
        ] {
            let mut out = Vec::new();
            write_head(&mut out, 2, value);
            assert_eq!(hex::encode(out), bytes);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}

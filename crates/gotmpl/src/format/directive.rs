//! Format strings.

use super::flags::{Flags, first_rune};
use super::printer::Printer;
use crate::limits::MAX_TEXT;
use crate::value::Value;

/// Widths, precisions and argument numbers above this are refused.
const MAX_NUMBER: i64 = 1_000_000;

/// Appends the format with its directives filled in.
pub(super) fn format(out: &mut Vec<u8>, format: &[u8], args: &[Value]) {
    Directives { format, position: 0, args, next: 0, after_index: false, reordered: false, good: true }
        .run(out);
}

/// The reading of one format string.
struct Directives<'a> {
    format: &'a [u8],
    position: usize,
    args: &'a [Value],
    /// The argument that the next verb takes.
    next: usize,
    /// The last thing read was an index, such as `[3]`.
    after_index: bool,
    /// An index was used anywhere: unused arguments are not reported.
    reordered: bool,
    /// The indexes of this directive are in range and in place.
    good: bool,
}

impl Directives<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.position).copied()
    }

    fn run(&mut self, out: &mut Vec<u8>) {
        loop {
            let rest = self.format.get(self.position..).unwrap_or_default();
            let Some(percent) = rest.iter().position(|byte| *byte == b'%') else {
                out.extend_from_slice(rest);
                break;
            };
            out.extend_from_slice(rest.get(..percent).unwrap_or_default());
            self.position += percent + 1;
            self.good = true;
            if !self.directive(out) || out.len() > MAX_TEXT {
                break;
            }
        }
        if !self.reordered && self.next < self.args.len() {
            out.extend_from_slice(b"%!(EXTRA ");
            for (index, arg) in self.args.iter().skip(self.next).enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                Printer::new(out).with_type(arg);
            }
            out.push(b')');
        }
    }

    /// Reads and fills in one directive. The percent sign is read already. False at the end.
    fn directive(&mut self, out: &mut Vec<u8>) -> bool {
        let mut flags = self.flags();
        // A verb right after the flags needs no more: an index before would have to be read first.
        if self.peek().is_some_and(|byte| byte.is_ascii_lowercase()) && self.next < self.args.len() {
            return self.verb(out, flags);
        }
        self.index();
        self.width(out, &mut flags);
        self.precision(out, &mut flags);
        if !self.after_index {
            self.index();
        }
        self.verb(out, flags)
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.position += 1;
        }
        flags
    }

    fn width(&mut self, out: &mut Vec<u8>, flags: &mut Flags) {
        if self.peek() != Some(b'*') {
            flags.width = self.number();
            if self.after_index && flags.width.is_some() {
                self.good = false;
            }
            return;
        }
        self.position += 1;
        match self.number_argument() {
            Some(width) => {
                flags.width = Some(width.unsigned_abs() as usize);
                if width < 0 {
                    flags.minus = true;
                    flags.zero = false;
                }
            }
            None => out.extend_from_slice(b"%!(BADWIDTH)"),
        }
        self.after_index = false;
    }

    fn precision(&mut self, out: &mut Vec<u8>, flags: &mut Flags) {
        if self.position + 1 >= self.format.len() || self.peek() != Some(b'.') {
            return;
        }
        self.position += 1;
        if self.after_index {
            self.good = false;
        }
        self.index();
        if self.peek() != Some(b'*') {
            flags.precision = Some(self.number().unwrap_or(0));
            return;
        }
        self.position += 1;
        match self.number_argument() {
            Some(precision) if precision >= 0 => flags.precision = Some(precision as usize),
            _ => out.extend_from_slice(b"%!(BADPREC)"),
        }
        self.after_index = false;
    }

    fn verb(&mut self, out: &mut Vec<u8>, mut flags: Flags) -> bool {
        let Some((verb, width)) = first_rune(self.format.get(self.position..).unwrap_or_default()) else {
            out.extend_from_slice(b"%!(NOVERB)");
            return false;
        };
        self.position += width;
        let complaint = match self.args.get(self.next) {
            _ if verb == '%' => {
                out.push(b'%');
                return true;
            }
            _ if !self.good => "(BADINDEX)",
            None => "(MISSING)",
            Some(arg) => {
                if matches!(verb, 'v' | 'w') {
                    flags.sharp_v = std::mem::take(&mut flags.sharp);
                    flags.plus_v = std::mem::take(&mut flags.plus);
                }
                let mut printer = Printer::new(out);
                printer.flags = flags;
                printer.argument(arg, verb);
                self.next += 1;
                return true;
            }
        };
        out.extend_from_slice(b"%!");
        out.extend_from_slice(verb.encode_utf8(&mut [0; 4]).as_bytes());
        out.extend_from_slice(complaint.as_bytes());
        true
    }

    /// A number in the format itself. One that is far too large swallows the rest.
    fn number(&mut self) -> Option<usize> {
        let (number, end) = parse_number(self.format, self.position, self.format.len());
        self.position = end;
        number
    }

    /// A number that `*` takes from the arguments.
    fn number_argument(&mut self) -> Option<i64> {
        let number = match self.args.get(self.next)?.underlying() {
            Value::Int(_, number) => Some(number),
            Value::Uint(_, number) => i64::try_from(number).ok(),
            _ => None,
        };
        self.next += 1;
        number.filter(|number| (-MAX_NUMBER..=MAX_NUMBER).contains(number))
    }

    /// An argument index in brackets, if there is one.
    fn index(&mut self) {
        self.after_index = false;
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.position..).unwrap_or_default();
        let close = if rest.len() < 3 { None } else { rest.iter().position(|byte| *byte == b']') };
        let Some(close) = close else {
            self.position += 1;
            self.good = false;
            return;
        };
        let (number, end) = parse_number(rest, 1, close);
        self.position += close + 1;
        match number {
            Some(number) if end == close => {
                self.after_index = true;
                match number.checked_sub(1).filter(|index| *index < self.args.len()) {
                    Some(index) => self.next = index,
                    None => self.good = false,
                }
            }
            _ => self.good = false,
        }
    }
}

/// The decimal number at `start`, and where it ends: at `end` if it is far too large.
fn parse_number(text: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let mut number: Option<usize> = None;
    let mut position = start;
    while position < end
        && let Some(digit @ b'0'..=b'9') = text.get(position)
    {
        if number.unwrap_or(0) as i64 > MAX_NUMBER {
            return (None, end);
        }
        number = Some(number.unwrap_or(0) * 10 + usize::from(digit - b'0'));
        position += 1;
    }
    (number, position)
}

//! Numbers, dates and words.

use sluice_gotmpl::quote::quote;

use super::{Fault, Reader, Step, shown};

impl Reader<'_> {
    pub(super) fn word(&mut self, start: usize) -> Step {
        while self.peek()?.is_some_and(char::is_alphabetic) {
            self.next()?;
        }
        match self.text.get(start..self.at).unwrap_or_default() {
            "true" | "false" => Ok(()),
            other => {
                let found = quote(other.as_bytes());
                Err(Fault { line: self.line, message: format!("expected value but found {found} instead") })
            }
        }
    }

    pub(super) fn signed(&mut self, start: usize) -> Step {
        let digit = self.peek()?;
        match digit {
            Some('i' | 'n') => {
                if self.accept("inf") || self.accept("nan") {
                    return Ok(());
                }
                for letter in if digit == Some('i') { ["i", "n", "f"] } else { ["n", "a", "n"] } {
                    if !self.accept(letter) {
                        break;
                    }
                }
                let found = self.text.get(start..self.at).unwrap_or_default();
                Err(self.fault(format!("invalid float: '{found}'")))
            }
            Some('.') => Err(self.fault("floats must start with a digit, not '.'")),
            Some(c) if c.is_ascii_digit() => {
                let rest = self.rest();
                if let Some(base) = rest.strip_prefix('0').and_then(|rest| rest.chars().next())
                    && matches!(base, 'b' | 'o' | 'x')
                {
                    let sign = self.text.get(start..=self.at).unwrap_or_default();
                    let message = format!("cannot use sign with non-decimal numbers: '{sign}{base}'");
                    return Err(self.fault(message));
                }
                self.number(start)
            }
            other => {
                self.next()?;
                let message = format!("expected a digit but got {}", shown(other));
                Err(Fault { line: self.fault("").line, message })
            }
        }
    }

    /// A number, date or time that begins at `start`.
    pub(super) fn number(&mut self, start: usize) -> Step {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':');
        if let [b'0', base @ (b'b' | b'o' | b'x'), rest @ ..] =
            self.text.as_bytes().get(start..).unwrap_or_default()
        {
            let (radix, what) = match base {
                b'b' => (2, "a binary"),
                b'o' => (8, "an octal"),
                _ => (16, "a hexadecimal"),
            };
            let first = char::from(rest.first().copied().unwrap_or(0));
            if !first.is_digit(radix) {
                let message = format!("not {what} number: '0{}{first}'", char::from(*base));
                return Err(self.fault(message));
            }
            self.at += 1;
            while self.peek()?.is_some_and(|c| c == '_' || c.is_digit(radix)) {
                self.next()?;
            }
        } else {
            while self.peek()?.is_some_and(is_part) {
                self.next()?;
            }
        }
        let found = self.text.get(start..self.at).unwrap_or_default();
        self.judge(found)
    }

    pub(super) fn judge(&self, found: &str) -> Step {
        let fail = |message: String| Err(Fault { line: self.line, message });
        let digits = found.trim_start_matches(['+', '-']);
        let quoted = quote(found.as_bytes());
        if digits.get(2..).is_some_and(|rest| rest.contains(['-', ':'])) && !digits.contains(['e', 'E']) {
            let is_time = found.parse::<toml_edit::Datetime>().is_ok();
            return if is_time { Ok(()) } else { fail(format!("invalid datetime: {quoted}")) };
        }
        let is_based = digits.starts_with("0x") || digits.starts_with("0o") || digits.starts_with("0b");
        let is_float = !is_based && digits.contains(['.', 'e', 'E']);
        let kind = if is_float { "float" } else { "integer" };
        let separated = |part: &str| {
            !part.starts_with('_') && !part.ends_with('_') && !part.contains("__") && !part.is_empty()
        };
        let parts: Vec<&str> = if is_float {
            digits.split(['.', 'e', 'E']).filter(|part| !part.is_empty()).collect()
        } else {
            vec![digits]
        };
        if !parts.iter().all(|part| separated(part.trim_start_matches(['+', '-']))) {
            return fail(format!("Invalid {kind} {quoted}: underscores must be surrounded by digits"));
        }
        if !is_based && parts.first().is_some_and(|first| first.len() > 1 && first.starts_with('0')) {
            return fail(format!("Invalid {kind} {quoted}: cannot have leading zeroes"));
        }
        if is_float {
            let ends_well =
                digits.split('.').skip(1).all(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            if !ends_well {
                return fail(format!("Invalid float {quoted}: '.' must be followed by one or more digits"));
            }
            return match found.replace('_', "").parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(()),
                Ok(_) => fail(format!("{found} is out of range for float64")),
                Err(_) => fail(format!("Invalid float value: {quoted}")),
            };
        }
        let plain = digits.replace('_', "");
        let (radix, plain) = match plain.get(..2) {
            Some("0x") => (16, plain.get(2..)),
            Some("0o") => (8, plain.get(2..)),
            Some("0b") => (2, plain.get(2..)),
            _ => (10, Some(plain.as_str())),
        };
        let plain = plain.unwrap_or_default();
        let has_only_digits = plain.chars().all(|c| c.is_digit(radix));
        let value = i128::from_str_radix(plain, radix)
            .map(|value| if found.starts_with('-') { -value } else { value });
        match value {
            Ok(value) if i64::try_from(value).is_ok() => Ok(()),
            _ if has_only_digits => fail(format!("{found} is out of range for int64")),
            _ => Ok(()),
        }
    }
}

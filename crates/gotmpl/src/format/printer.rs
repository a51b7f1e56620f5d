//! Values under a verb.

use std::rc::Rc;

use super::flags::Flags;
use super::scalar;
use crate::limits::MAX_TEXT;
use crate::value::{Complex, Kind, List, Map, Object, RED_ZONE, STACK_SEGMENT, Type, Value};

/// Nesting beyond this is cut: Go would overflow its stack on a map that holds itself.
const MAX_DEPTH: usize = 1000;

/// Prints values with the flags of one directive.
pub(super) struct Printer<'a> {
    pub out: &'a mut Vec<u8>,
    pub flags: Flags,
    /// Inside the report of a bad verb, where methods are not called.
    erroring: bool,
    /// How long the output was before.
    start: usize,
}

impl<'a> Printer<'a> {
    pub fn new(out: &'a mut Vec<u8>) -> Printer<'a> {
        let start = out.len();
        Printer { out, flags: Flags::default(), erroring: false, start }
    }

    /// Whether so much was printed that nobody will take it: lists that hold one list many times print without end.
    fn is_full(&self) -> bool {
        self.out.len() - self.start > MAX_TEXT
    }

    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Prints an argument.
    pub fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.flags.pad(self.out, b"<nil>"),
            (Value::Nil, verb) => self.bad_verb(value, verb),
            (value, 'T') => {
                let name = value.type_name();
                scalar::string(self.out, &self.flags, name.as_bytes());
            }
            (value, 'p') => self.pointer(value, verb),
            (Value::List(list), verb) if list.ty() == Type::BYTES => self.bytes(list, verb),
            (Value::List(_) | Value::Map(_), 'w') if !self.erroring => self.bad_verb(value, verb),
            (value, verb) => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        match value {
            _ if self.is_full() => {}
            // An interface that holds nothing.
            Value::Nil if self.flags.sharp_v => self.write("interface {}(nil)"),
            Value::Nil => self.write("<nil>"),
            Value::Bool(value) => match verb {
                't' | 'v' => self.flags.pad(self.out, if *value { b"true" } else { b"false" }),
                verb => self.bad_verb(&Value::Bool(*value), verb),
            },
            Value::Int(_, number) => self.integer(value, number.unsigned_abs(), *number < 0, verb),
            Value::Uint(_, number) => self.integer(value, *number, false, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Str(text) => self.string(value, text, verb),
            Value::List(_) | Value::Map(_) | Value::Object(_) if depth > MAX_DEPTH => self.write("..."),
            Value::List(list) => {
                stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.list(list, verb, depth));
            }
            Value::Map(map) => stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.map(map, verb, depth)),
            Value::Object(object) => self.object(value, object, verb, depth),
        }
    }

    fn integer(&mut self, value: &Value, magnitude: u64, negative: bool, verb: char) {
        let code = if negative { magnitude.wrapping_neg() } else { magnitude };
        let is_signed = matches!(value, Value::Int(..));
        let (out, flags) = (&mut *self.out, &self.flags);
        match verb {
            'v' if flags.sharp_v && !is_signed => {
                scalar::integer(out, &Flags { sharp: true, ..*flags }, magnitude, false, 16, 'v');
            }
            'v' | 'd' => scalar::integer(out, flags, magnitude, negative, 10, verb),
            'b' => scalar::integer(out, flags, magnitude, negative, 2, verb),
            'o' | 'O' => scalar::integer(out, flags, magnitude, negative, 8, verb),
            'x' | 'X' => scalar::integer(out, flags, magnitude, negative, 16, verb),
            'c' => scalar::character(out, flags, code),
            'q' => scalar::quoted_character(out, flags, code),
            'U' => scalar::unicode(out, flags, code),
            verb => self.bad_verb(value, verb),
        }
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) {
        let (out, flags) = (&mut *self.out, &self.flags);
        match verb {
            'v' => scalar::float(out, flags, number, b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => scalar::float(out, flags, number, verb as u8, None),
            'f' | 'e' | 'E' => scalar::float(out, flags, number, verb as u8, Some(6)),
            'F' => scalar::float(out, flags, number, b'f', Some(6)),
            verb => self.bad_verb(value, verb),
        }
    }

    fn complex(&mut self, value: &Value, number: Complex, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.write("(");
        self.float(value, number.real, verb);
        // The sign tells where the second number begins.
        self.flags.plus = true;
        self.float(value, number.imaginary, verb);
        self.write("i)");
        self.flags.plus = plus;
    }

    fn string(&mut self, value: &Value, text: &[u8], verb: char) {
        let (out, flags) = (&mut *self.out, &self.flags);
        match verb {
            'v' if flags.sharp_v => scalar::quoted(out, flags, text),
            'v' | 's' => scalar::string(out, flags, text),
            'x' | 'X' => scalar::hexadecimal(out, flags, text, verb == 'X'),
            'q' => scalar::quoted(out, flags, text),
            verb => self.bad_verb(value, verb),
        }
    }

    /// A `[]byte` that is an argument itself.
    fn bytes(&mut self, list: &List, verb: char) {
        match verb {
            'v' | 'd' if self.flags.sharp_v => {
                self.write("[]byte");
                self.elements(list, 'v', 0);
            }
            verb => self.list(list, verb, 0),
        }
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        if let Some(bytes) = list.as_bytes() {
            let (out, flags) = (&mut *self.out, &self.flags);
            match verb {
                's' => return scalar::string(out, flags, bytes),
                'q' => return scalar::quoted(out, flags, bytes),
                'x' | 'X' => return scalar::hexadecimal(out, flags, bytes, verb == 'X'),
                _ => {}
            }
        }
        if self.flags.sharp_v {
            self.write(&list.ty().to_string());
        }
        self.elements(list, verb, depth);
    }

    fn elements(&mut self, list: &List, verb: char, depth: usize) {
        let go_syntax = self.flags.sharp_v;
        if go_syntax && list.is_nil() {
            return self.write("(nil)");
        }
        self.write(if go_syntax { "{" } else { "[" });
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.write(if go_syntax { ", " } else { " " });
            }
            self.value(&item, verb, depth + 1);
            if self.is_full() {
                break;
            }
        }
        self.write(if go_syntax { "}" } else { "]" });
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let go_syntax = self.flags.sharp_v;
        if go_syntax {
            self.write(&map.ty().to_string());
            if map.is_nil() {
                return self.write("(nil)");
            }
            self.write("{");
        } else {
            self.write("map[");
        }
        for (index, (key, item)) in map.entries().into_iter().enumerate() {
            if index > 0 {
                self.write(if go_syntax { ", " } else { " " });
            }
            self.value(&Value::Str(key), verb, depth + 1);
            self.write(":");
            self.value(&item, verb, depth + 1);
            if self.is_full() {
                break;
            }
        }
        self.write(if go_syntax { "}" } else { "]" });
    }

    fn object(&mut self, value: &Value, object: &Rc<dyn Object>, verb: char, depth: usize) {
        if !self.erroring && !self.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            if object.is_nil() && object.ty().kind() == Kind::Pointer {
                return self.flags.pad(self.out, b"<nil>");
            }
            if let Some(text) = object.text() {
                return self.string(value, &text, verb);
            }
        }
        if let Some(underlying) = object.underlying() {
            return self.value(&underlying, verb, depth);
        }
        if let Some(number) = Complex::of(value) {
            return self.complex(value, number, verb);
        }
        match object.ty() {
            Type::Pointer(_) if depth > 0 || object.is_nil() => self.pointer(value, verb),
            Type::Pointer(target) => {
                self.write("&");
                self.fields(*target, object, verb, depth + 1);
            }
            ty => self.fields(ty, object, verb, depth),
        }
    }

    /// Prints what a pointer points to, or a value that is no pointer.
    pub fn indirect(&mut self, object: &Rc<dyn Object>) {
        match object.ty() {
            Type::Pointer(target)
                if !object.is_nil() && object.text().is_none() && object.underlying().is_none() =>
            {
                self.fields(*target, object, 'v', 0);
            }
            _ => self.argument(&Value::Object(object.clone()), 'v'),
        }
    }

    fn fields(&mut self, ty: Type, object: &Rc<dyn Object>, verb: char, depth: usize) {
        let go_syntax = self.flags.sharp_v;
        if go_syntax {
            self.write(&ty.to_string());
        }
        self.write("{");
        for (index, (name, value)) in object.fields().into_iter().enumerate() {
            if index > 0 {
                self.write(if go_syntax { ", " } else { " " });
            }
            if go_syntax || self.flags.plus_v {
                self.write(name);
                self.write(":");
            }
            self.value(&value, verb, depth + 1);
        }
        self.write("}");
    }

    fn pointer(&mut self, value: &Value, verb: char) {
        let address = match value {
            Value::List(list) => list.address(),
            Value::Map(map) => map.address(),
            Value::Object(object) if object.ty().kind() == Kind::Pointer => {
                if object.is_nil() {
                    0
                } else {
                    Rc::as_ptr(object).cast::<()>() as usize
                }
            }
            value => return self.bad_verb(value, verb),
        } as u64;
        let (out, flags) = (&mut *self.out, &self.flags);
        let hexadecimal = Flags { sharp: !flags.sharp, ..*flags };
        match verb {
            'v' if address == 0 => flags.pad(out, b"<nil>"),
            'v' | 'p' => scalar::integer(out, &hexadecimal, address, false, 16, 'v'),
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.integer(&Value::Uint(crate::value::UintKind::Uintptr, address), address, false, verb);
            }
            verb => self.bad_verb(value, verb),
        }
    }

    /// `%!verb(type=value)`
    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.write("%!");
        self.write(verb.encode_utf8(&mut [0; 4]));
        self.write("(");
        self.with_type(value);
        self.write(")");
        self.erroring = false;
    }

    /// `type=value`, or `<nil>`.
    pub fn with_type(&mut self, value: &Value) {
        if matches!(value, Value::Nil) {
            return self.write("<nil>");
        }
        self.write(&value.type_name());
        self.write("=");
        self.argument(value, 'v');
    }
}

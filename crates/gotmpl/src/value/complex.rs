//! Complex numbers: templates can write, print and compare them, and nothing else.

use std::any::Any;

use super::{Object, Type, Value};

/// A `complex128`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Complex {
    /// The real part.
    pub real: f64,
    /// The imaginary part.
    pub imaginary: f64,
}

impl Complex {
    /// The number that a value is.
    pub fn of(value: &Value) -> Option<Self> {
        value.downcast::<Self>().copied()
    }

    pub(super) fn is_zero(self) -> bool {
        self.real == 0.0 && self.imaginary == 0.0
    }
}

impl Object for Complex {
    fn ty(&self) -> Type {
        Type::Complex128
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref() == Some(self)
    }
}

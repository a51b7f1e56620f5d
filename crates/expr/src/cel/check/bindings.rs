//! What is known of type parameters, and which types fit which.

use std::collections::HashMap;

use super::types::{Shape, Type};

/// Most steps that a check takes; beyond them everything fits, and evaluation tells.
const MAX_STEPS: u32 = 5_000_000;

/// The types that parameters stand for.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    known: HashMap<u32, Type>,
    /// What was changed since the last attempt began, to take it back.
    changed: Vec<(u32, Option<Type>)>,
    fresh: u32,
    steps: u32,
}

impl Bindings {
    /// The first of so many new parameters.
    pub(super) fn fresh(&mut self, count: u32) -> u32 {
        let first = self.fresh;
        self.fresh = self.fresh.saturating_add(count);
        first
    }

    /// Whether a value of one type may stand where the other is wanted. What that tells of parameters is kept only then.
    pub(super) fn fits(&mut self, this: &Type, wanted: &Type) -> bool {
        self.all_fit(std::slice::from_ref(this), std::slice::from_ref(wanted))
    }

    /// The same of several, one by one.
    pub(super) fn all_fit(&mut self, these: &[Type], wanted: &[Type]) -> bool {
        self.changed.clear();
        let fits = self.each_assignable(these, wanted);
        if !fits {
            for (number, before) in std::mem::take(&mut self.changed).into_iter().rev() {
                match before {
                    Some(before) => self.known.insert(number, before),
                    None => self.known.remove(&number),
                };
            }
        }
        fits
    }

    /// The type with what its parameters stand for; those that stand for nothing yet are `dyn` where that is wanted.
    pub(super) fn resolved(&self, this: &Type, or_dyn: bool) -> Type {
        match this {
            Type::Parameter(number) => match self.known.get(number) {
                Some(known) => self.resolved(known, or_dyn),
                None if or_dyn => Type::Dyn,
                None => this.clone(),
            },
            Type::Of(shape, _, parts) => {
                Type::of(*shape, parts.iter().map(|part| self.resolved(part, or_dyn)).collect())
            }
            other => other.clone(),
        }
    }

    fn each_assignable(&mut self, these: &[Type], wanted: &[Type]) -> bool {
        these.len() == wanted.len()
            && these.iter().zip(wanted).all(|(this, wanted)| self.is_assignable(this, wanted))
    }

    fn is_assignable(&mut self, this: &Type, wanted: &Type) -> bool {
        self.steps = self.steps.saturating_add(1);
        if self.steps > MAX_STEPS {
            return true;
        }
        if let Type::Parameter(number) = wanted {
            match self.stands_for(*number, this) {
                (true, _) => return true,
                (false, true) => return false,
                (false, false) => {}
            }
        }
        if let Type::Parameter(number) = this {
            return self.stands_for(*number, wanted).0;
        }
        if this.is_dyn_or_error() || wanted.is_dyn_or_error() {
            return true;
        }
        match (this, wanted) {
            (Type::Null, other) | (other, Type::Null) => other.takes_null(),
            (Type::Of(Shape::Type, ..), Type::Of(Shape::Type, ..)) => true,
            (Type::Of(a, _, these), Type::Of(b, _, wanted)) => a == b && self.each_assignable(these, wanted),
            (a, b) => a == b,
        }
    }

    /// Whether a parameter may stand for a type, and whether it stood for something before.
    fn stands_for(&mut self, number: u32, this: &Type) -> (bool, bool) {
        if *this == Type::Parameter(number) {
            return (true, true);
        }
        if let Some(known) = self.known.get(&number).cloned() {
            if *this == known {
                return (true, true);
            }
            if !self.is_assignable(this, &known) {
                return (false, true);
            }
            let general = most_general(this, &known).clone();
            if self.is_free_of(number, &general) {
                self.bind(number, general);
            }
            return (true, true);
        }
        if self.is_free_of(number, this) {
            self.bind(number, this.clone());
            return (true, false);
        }
        (false, false)
    }

    fn bind(&mut self, number: u32, to: Type) {
        let before = self.known.insert(number, to);
        self.changed.push((number, before));
    }

    /// Whether the parameter is no part of the type, so that it may stand for it.
    fn is_free_of(&mut self, number: u32, within: &Type) -> bool {
        self.steps = self.steps.saturating_add(1);
        if self.steps > MAX_STEPS {
            return false;
        }
        match within {
            Type::Parameter(other) if *other == number => false,
            Type::Parameter(other) => match self.known.get(other).cloned() {
                Some(known) => self.is_free_of(number, &known),
                None => true,
            },
            Type::Of(_, _, parts) => parts.iter().all(|part| self.is_free_of(number, part)),
            _ => true,
        }
    }
}

/// The one of two that says less.
pub(super) fn most_general<'t>(a: &'t Type, b: &'t Type) -> &'t Type {
    if says_no_more(a, b) { a } else { b }
}

fn says_no_more(a: &Type, b: &Type) -> bool {
    let is_open = |this: &Type| this.is_dyn() || matches!(this, Type::Parameter(_));
    if is_open(a) {
        return true;
    }
    if is_open(b) {
        return false;
    }
    match (a, b) {
        (Type::Of(Shape::Type, ..), Type::Of(Shape::Type, ..)) => true,
        (Type::Of(x, _, a), Type::Of(y, _, b)) => {
            x == y && a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| says_no_more(a, b))
        }
        (a, b) => a == b,
    }
}

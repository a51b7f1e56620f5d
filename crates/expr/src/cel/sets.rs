//! The sets library (`sets.contains`, `sets.equivalent`, `sets.intersects`) of cel-go's `ext.Sets`.

use cel::common::types::{CelBool, CelList};
use cel::{DeclarationError, Env, add_overload};

/// Declares the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn contains: (CelList<'_>, CelList<'_>) -> CelBool, name = "sets.contains")?;
    add_overload!(env, fn equivalent: (CelList<'_>, CelList<'_>) -> CelBool, name = "sets.equivalent")?;
    add_overload!(env, fn intersects: (CelList<'_>, CelList<'_>) -> CelBool, name = "sets.intersects")
}

fn subset(inner: &CelList<'_>, outer: &CelList<'_>) -> bool {
    inner.inner().iter().all(|a| outer.inner().iter().any(|b| a.equals(b.as_ref())))
}

fn contains(outer: &CelList<'_>, inner: &CelList<'_>) -> CelBool {
    subset(inner, outer).into()
}

fn equivalent(a: &CelList<'_>, b: &CelList<'_>) -> CelBool {
    (subset(a, b) && subset(b, a)).into()
}

fn intersects(a: &CelList<'_>, b: &CelList<'_>) -> CelBool {
    a.inner().iter().any(|x| b.inner().iter().any(|y| x.equals(y.as_ref()))).into()
}

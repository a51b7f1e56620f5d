//! Strategic merge as kustomize does it.
//!
//! Not as the API server does it: kustomize walks target and patch together, by the schema that it has built in, and
//!
//! - maps merge key by key, a null removes its key, scalars and lists without merge keys are replaced;
//! - lists that the schema merges (`containers` by `name`, `ports` by `containerPort` and `protocol`, `finalizers` by
//!   value) take the patch's items first, in its order, then the target's others (where several keys pair the items,
//!   those that both have keep the target's order, behind the patch's new ones); an empty list clears nothing;
//! - `$patch: delete | replace | merge` works in maps, in items of merged lists, and as an item of its own for its
//!   list; `$setElementOrder`, `$retainKeys` and `$deleteFromPrimitiveList` mean nothing and stay;
//! - lists of kinds without schema (custom resources) are replaced;
//! - the walk visits the whole target: keys without any value (`a:`) vanish, items of merged lists with equal keys
//!   become one.
//!
//! The walk shares nodes between target, patch and result, and changes them in place; what it makes of odd input
//! (items without their key, replaced items) follows from that sharing. So it works here on an [`arena`](arena::Arena)
//! in which nodes have identity, rather than on owned trees.

mod arena;
mod lists;
mod walk;

use sluice_yaml::Node;

use crate::error::Error;
use crate::schema::Schema;

/// Merges a patch into a target by the schema. `None` if the patch deletes the target.
pub fn merge(target: &Node, patch: &Node, schema: &Schema) -> Result<Option<Node>, Error> {
    walk::merge(target, patch, schema)
}

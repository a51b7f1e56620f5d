//! Each write of each action, and how it ends when the controller is killed before it: what is stored, and the value in
//! the cluster. A number is a revision: what was cut off is marked as failed, and is gone on with by the next one.

pub type Outcomes = &'static [(&'static str, &'static str)];

/// With a hook before and one behind it.
pub const INSTALL: Outcomes = &[
    ("status after a pass", "1 deployed; first"),
    ("status before a step", "1 deployed; first"),
    ("create release", "1 deployed; first"),
    ("delete object", "1 superseded, 2 deployed; first"),
    ("update release", "1 superseded, 2 deployed; first"),
    ("apply object", "1 superseded, 2 deployed; first"),
    ("apply object", "1 superseded, 2 deployed; first"),
    ("delete object", "1 superseded, 2 deployed; first"),
    ("update release", "1 superseded, 2 deployed; first"),
    ("apply object", "1 superseded, 2 deployed; first"),
    ("update release", "1 superseded, 2 deployed; first"),
    ("status after a step", "1 deployed; first"),
    ("status after a pass", "1 deployed; first"),
];

/// With a hook before and one behind it.
pub const UPGRADE: Outcomes = &[
    ("status before a step", "1 superseded, 2 deployed; changed"),
    ("create release", "1 superseded, 2 deployed; changed"),
    ("delete object", "1 superseded, 2 failed, 3 deployed; changed"),
    ("update release", "1 superseded, 2 failed, 3 deployed; changed"),
    ("apply object", "1 superseded, 2 failed, 3 deployed; changed"),
    ("apply object", "1 superseded, 2 failed, 3 deployed; changed"),
    ("delete object", "1 superseded, 2 failed, 3 deployed; changed"),
    ("update release", "1 superseded, 2 failed, 3 deployed; changed"),
    ("apply object", "1 superseded, 2 failed, 3 deployed; changed"),
    ("update release", "1 superseded, 2 failed, 3 deployed; changed"),
    ("update release", "1 superseded, 2 superseded, 3 deployed; changed"),
    ("status after a step", "1 superseded, 2 deployed; changed"),
    ("status after a pass", "1 superseded, 2 deployed; changed"),
];

/// An upgrade that fails, and the rollback, with a hook before it.
pub const ROLLBACK: Outcomes = &[
    ("status before a step", "1 superseded, 2 failed, 3 deployed; first"),
    ("create release", "1 superseded, 2 failed, 3 deployed; first"),
    ("apply object", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("apply object", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("update release", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("update release", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("status after a step", "1 superseded, 2 failed, 3 deployed; first"),
    ("status before a step", "1 superseded, 2 failed, 3 deployed; first"),
    ("create release", "1 superseded, 2 failed, 3 deployed; first"),
    ("delete object", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("update release", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("apply object", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("apply object", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("update release", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("update release", "1 superseded, 2 failed, 3 failed, 4 deployed; first"),
    ("status after a pass", "1 superseded, 2 failed, 3 deployed; first"),
];

/// One test.
pub const TEST: Outcomes = &[
    ("status before a step", "1 deployed; first"),
    ("delete object", "1 deployed; first"),
    ("update release", "1 deployed; first"),
    ("apply object", "1 deployed; first"),
    ("update release", "1 deployed; first"),
    ("status after a step", "1 deployed; first"),
    ("status after a pass", "1 deployed; first"),
];

/// With a hook before and one behind it.
pub const UNINSTALL: Outcomes = &[
    ("delete object", "nothing; gone"),
    ("update release", "nothing; gone"),
    ("apply object", "nothing; gone"),
    ("update release", "nothing; gone"),
    ("delete object", "nothing; gone"),
    ("delete object", "nothing; gone"),
    ("update release", "nothing; gone"),
    ("apply object", "nothing; gone"),
    ("delete release", "nothing; gone"),
    ("status after a pass", "nothing; gone"),
];

/// An install that fails, and its uninstallation. Cut off, an install is gone on with as an upgrade, whose own rules keep
/// what failed.
pub const REMEDY: Outcomes = &[
    ("status after a pass", "nothing; gone"),
    ("status before a step", "nothing; gone"),
    ("create release", "nothing; gone"),
    ("apply object", "1 failed, 2 failed; first"),
    ("apply object", "1 failed, 2 failed; first"),
    ("update release", "1 failed, 2 failed; first"),
    ("status after a step", "nothing; gone"),
    ("status before a step", "nothing; gone"),
    ("update release", "nothing; gone"),
    ("delete object", "nothing; gone"),
    ("delete object", "nothing; gone"),
    ("delete release", "nothing; gone"),
    ("status after a pass", "nothing; gone"),
];

//! `notification.toolkit.fluxcd.io/v1`.

mod receiver;

pub use receiver::{
    OidcProvider, OidcValidation, OidcVariable, Receiver, ReceiverResource, ReceiverSpec, ReceiverStatus,
    ReceiverType,
};

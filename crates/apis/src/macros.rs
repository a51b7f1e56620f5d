//! The two patterns that every API type repeats.

/// Defines an enumeration of words (an OpenAPI string with `enum`) that also holds any other word.
///
/// The API server checks the words against the CRD; an unknown one can only come from a newer CRD and must not make
/// the whole object (or the list it came in) unreadable.
macro_rules! vocabulary {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            /// The words that the schema allows.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it stands in the API.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|word| Self::from(word.as_str()))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

/// Implements [`ConditionedObject`](crate::conditions::ConditionedObject) for a kind whose status has `conditions`,
/// `observed_generation` and `last_handled_reconcile_at`.
macro_rules! conditioned {
    ($kind:ident) => {
        impl crate::conditions::ConditionedObject for $kind {
            fn conditions(&self) -> &[crate::k8s::Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }

            fn conditions_mut(&mut self) -> &mut Vec<crate::k8s::Condition> {
                &mut self.status.get_or_insert_default().conditions
            }

            fn observed_generation(&self) -> i64 {
                self.status.as_ref().map_or(0, |status| status.observed_generation)
            }

            fn set_observed_generation(&mut self, generation: i64) {
                self.status.get_or_insert_default().observed_generation = generation;
            }

            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.status.as_ref()?.last_handled_reconcile_at.as_deref()
            }

            fn set_last_handled_reconcile_at(&mut self, token: &str) {
                self.status.get_or_insert_default().last_handled_reconcile_at =
                    (!token.is_empty()).then(|| token.to_owned());
            }
        }
    };
}

/// Implements [`Suspendable`](crate::conditions::Suspendable) for a kind with `spec.suspend`.
macro_rules! suspendable {
    ($kind:ident) => {
        impl crate::conditions::Suspendable for $kind {
            fn suspended(&self) -> bool {
                self.spec.suspend
            }
        }
    };
}

//! Optional features, switched by `--feature-gates`.

use std::collections::BTreeMap;

use crate::flags::{FlagError, parse_bool};

/// The features that a controller knows, each on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureGates {
    enabled: BTreeMap<&'static str, bool>,
}

impl FeatureGates {
    /// Reads `Name=true,Other=false` over the defaults of `known` features.
    pub fn parse(text: &str, known: &[(&'static str, bool)]) -> Result<Self, FlagError> {
        let mut enabled: BTreeMap<_, _> = known.iter().copied().collect();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, value) = item
                .split_once('=')
                .ok_or_else(|| FlagError::FeatureGates(format!("missing bool value for '{item}'")))?;
            let state = enabled
                .get_mut(name.trim())
                .ok_or_else(|| FlagError::FeatureGates(format!("unrecognized feature gate '{name}'")))?;
            *state = parse_bool(value.trim())
                .map_err(|problem| FlagError::FeatureGates(format!("'{item}': {problem}")))?;
        }
        Ok(Self { enabled })
    }

    /// Whether a feature is on. Features that the controller did not declare are off.
    pub fn enabled(&self, name: &str) -> bool {
        self.enabled.get(name).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, bool)] = &[("Strict", true), ("Cache", false)];

    #[test]
    fn overrides_defaults() {
        let gates = FeatureGates::parse(" Cache=true ,", KNOWN).unwrap();
        assert!(gates.enabled("Strict") && gates.enabled("Cache") && !gates.enabled("Other"));
        assert!(!FeatureGates::parse("Strict=f", KNOWN).unwrap().enabled("Strict"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (text, problem) in [
            ("Other=true", "unable to load feature gates: unrecognized feature gate 'Other'"),
            ("Cache", "unable to load feature gates: missing bool value for 'Cache'"),
            ("Cache=maybe", "unable to load feature gates: 'Cache=maybe': neither true nor false"),
        ] {
            assert_eq!(FeatureGates::parse(text, KNOWN).unwrap_err().to_string(), problem);
        }
    }
}

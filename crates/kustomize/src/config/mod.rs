//! Which fields the transformers change: the built-in tables and what `configurations` and `crds` add.

mod crds;
mod defaults;
mod names;

use std::rc::Rc;

use serde_json::Value;

pub(crate) use crds::from_crds;

use crate::Dialect;
use crate::error::Error;
use crate::fieldspec::{FieldSpec, merge_all};
use crate::ids::Gvk;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields};
use crate::kustomization::set_gvk;
use crate::order::sort_key;

/// The fields that each transformer changes. The lists are sorted, the more specific kinds first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TransformerConfig {
    /// Merging it with nothing changes nothing.
    settled: bool,
    pub(crate) name_prefix: Vec<FieldSpec>,
    pub(crate) name_suffix: Vec<FieldSpec>,
    pub(crate) namespace: Vec<FieldSpec>,
    pub(crate) common_labels: Vec<FieldSpec>,
    pub(crate) labels: Vec<FieldSpec>,
    pub(crate) template_labels: Vec<FieldSpec>,
    pub(crate) volume_claim_template_labels: Vec<FieldSpec>,
    pub(crate) common_annotations: Vec<FieldSpec>,
    pub(crate) name_reference: Vec<NameReference>,
    pub(crate) var_reference: Vec<FieldSpec>,
    pub(crate) images: Vec<FieldSpec>,
    pub(crate) replicas: Vec<FieldSpec>,
}

/// The fields that hold names of resources of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameReference {
    pub(crate) gvk: Gvk,
    pub(crate) referrers: Vec<FieldSpec>,
}

impl Fields for NameReference {
    const TYPE: &'static str = "NameBackReferences";
    const FIELDS: &'static [&'static str] = &["group", "version", "kind", "fieldSpecs"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "fieldSpecs" => self.referrers = Decode::decode(value, at)?,
            other => set_gvk(&mut self.gvk, other, value, at)?,
        }
        Ok(())
    }
}

impl Fields for TransformerConfig {
    const TYPE: &'static str = "TransformerConfig";
    const FIELDS: &'static [&'static str] = &[
        "namePrefix",
        "nameSuffix",
        "namespace",
        "commonLabels",
        "labels",
        "templateLabels",
        "volumeClaimTemplateLabels",
        "commonAnnotations",
        "nameReference",
        "varReference",
        "images",
        "replicas",
    ];

    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        let specs = match field {
            "nameReference" => {
                self.name_reference = Decode::decode(value, at)?;
                return Ok(());
            }
            "namePrefix" => &mut self.name_prefix,
            "nameSuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonLabels" => &mut self.common_labels,
            "labels" => &mut self.labels,
            "templateLabels" => &mut self.template_labels,
            "volumeClaimTemplateLabels" => &mut self.volume_claim_template_labels,
            "commonAnnotations" => &mut self.common_annotations,
            "varReference" => &mut self.var_reference,
            "images" => &mut self.images,
            _ => &mut self.replicas,
        };
        *specs = Decode::decode(value, at)?;
        Ok(())
    }

    fn has(field: &str, dialect: Dialect) -> bool {
        field != "volumeClaimTemplateLabels" || dialect == Dialect::Latest
    }
}

impl TransformerConfig {
    /// The built-in tables.
    pub(crate) fn builtin(dialect: Dialect) -> Self {
        let mut config = defaults::config(dialect);
        config.sort();
        config.settled = true;
        config
    }

    /// What a kustomization starts with: the tables merged with nothing. A spec for any kind gets lost on the way
    /// behind one for a certain kind, which is how `configurations` narrow the built-in tables.
    pub(crate) fn settle(this: &Rc<Self>) -> Result<Rc<Self>, Error> {
        if this.settled {
            return Ok(Rc::clone(this));
        }
        let mut settled = Self::default();
        settled.merge(this)?;
        settled.settled = true;
        Ok(Rc::new(settled))
    }

    fn sort(&mut self) {
        for specs in [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.volume_claim_template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ] {
            specs.sort_by_cached_key(|spec| sort_key(&spec.gvk));
        }
        self.name_reference.sort_by_cached_key(|reference| sort_key(&reference.gvk));
    }

    /// Reads a file of `configurations`.
    pub(crate) fn parse(content: &[u8], dialect: Dialect) -> Result<Self, Error> {
        let text = sluice_yaml::decode(content)?;
        let Some(node) = sluice_yaml::parse_first(&text)? else { return Ok(Self::default()) };
        let options =
            sluice_yaml::JsonOptions { version: sluice_yaml::Version::V2, strict: true, rewritten: false };
        let json = node.to_json_with(options)?;
        if json.is_null() {
            return Ok(Self::default());
        }
        let mut config = <Self as Decode>::decode(&json, &At::top(true, dialect))?;
        config.sort();
        Ok(config)
    }

    /// Adds what another one has more.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let failed = |what: &str| {
            let context = format!("failed to merge {what} fieldSpec");
            move |source: Error| source.within(context)
        };
        merge_all(&mut self.name_prefix, &other.name_prefix).map_err(failed("NamePrefix"))?;
        merge_all(&mut self.name_suffix, &other.name_suffix).map_err(failed("NameSuffix"))?;
        merge_all(&mut self.namespace, &other.namespace).map_err(failed("NameSpace"))?;
        merge_all(&mut self.common_annotations, &other.common_annotations)
            .map_err(failed("CommonAnnotations"))?;
        merge_all(&mut self.common_labels, &other.common_labels).map_err(failed("CommonLabels"))?;
        merge_all(&mut self.labels, &other.labels).map_err(failed("Labels"))?;
        merge_all(&mut self.template_labels, &other.template_labels).map_err(failed("TemplateLabels"))?;
        merge_all(&mut self.volume_claim_template_labels, &other.volume_claim_template_labels)
            .map_err(failed("VolumeClaimTemplateLabels"))?;
        merge_all(&mut self.var_reference, &other.var_reference).map_err(failed("VarReference"))?;
        for reference in &other.name_reference {
            self.add_name_reference(reference).map_err(failed("NameReference"))?;
        }
        merge_all(&mut self.images, &other.images).map_err(failed("Images"))?;
        merge_all(&mut self.replicas, &other.replicas).map_err(failed("Replicas"))?;
        self.sort();
        self.settled = false;
        Ok(())
    }

    /// Adds the fields of one kind.
    pub(crate) fn add_name_reference(&mut self, incoming: &NameReference) -> Result<(), Error> {
        let Some(have) = self.name_reference.iter_mut().find(|have| have.gvk == incoming.gvk) else {
            self.name_reference.push(incoming.clone());
            return Ok(());
        };
        merge_all(&mut have.referrers, &incoming.referrers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_the_same_changes_nothing() {
        for dialect in [Dialect::V5_8_1, Dialect::Latest] {
            let builtin = Rc::new(TransformerConfig::builtin(dialect));
            let mut unsettled = TransformerConfig::clone(&builtin);
            unsettled.merge(&builtin).unwrap();
            assert_eq!(TransformerConfig::settle(&Rc::new(unsettled)).unwrap(), builtin);
        }
    }

    #[test]
    fn reads_configurations() {
        let text = b"nameReference:\n- kind: Bee\n  fieldSpecs:\n  - {path: spec/bee, kind: Hive}\n";
        let config = TransformerConfig::parse(text, Dialect::Latest).unwrap();
        assert_eq!(config.name_reference[0].referrers[0].path, "spec/bee");
        assert!(TransformerConfig::parse(b"nope: []\n", Dialect::Latest).is_err());
        assert!(TransformerConfig::parse(b"volumeClaimTemplateLabels: []\n", Dialect::V5_8_1).is_err());
    }
}

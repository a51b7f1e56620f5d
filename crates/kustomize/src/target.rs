//! One directory with a kustomization: gathers its resources and changes them.

use std::rc::Rc;
use std::sync::Arc;

use crate::accumulator::Accumulator;
use crate::charts;
use crate::config::{self, TransformerConfig};
use crate::error::Error;
use crate::fs::FsError;
use crate::kustomization::{COMPONENT, FILE_NAMES, GeneratorOptions, Kustomization};
use crate::loader::{Context, Loader};
use crate::origin::Origin;
use crate::plugins;
use crate::remote::{RemoteError, is_file_url, redact};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::settings;
use crate::transform::{self, Step};
use crate::{generate, parse};

/// A kustomization in its directory.
pub(crate) struct Target<'a> {
    pub(crate) kustomization: Kustomization,
    pub(crate) loader: Loader<'a>,
    file: &'static str,
    /// Where it is, if the build is to note origins.
    origin: Option<Origin>,
    /// What the root asks for, for the whole build.
    build_metadata: Rc<Vec<String>>,
    builtin: Rc<TransformerConfig>,
    /// The namespace that charts are told if nothing nearer says one: of the kustomizations that lead here.
    chart_namespace: Rc<str>,
}

/// The one kustomization file of a directory.
pub(crate) fn find_file(loader: &Loader<'_>) -> Result<Option<(&'static str, Vec<u8>)>, Error> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        match loader.load(name) {
            Ok(content) => found.push((name, content)),
            Err(Error::Fs(FsError::NotFound { .. } | FsError::IsDirectory { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    if found.len() > 1 {
        let directory = loader.root().to_owned();
        let found = found.into_iter().map(|(name, _)| name.to_owned()).collect();
        return Err(Error::MultipleKustomizations { directory, found });
    }
    Ok(found.pop())
}

/// Decodes a kustomization file and moves deprecated fields.
fn decode(loader: &Loader<'_>, file: &str, content: &[u8]) -> Result<Kustomization, Error> {
    let mut kustomization = decode_unfixed(loader, file, content, true)?;
    kustomization.fix();
    Ok(kustomization)
}

/// Decodes a kustomization file as it is.
pub(crate) fn decode_unfixed(
    loader: &Loader<'_>,
    file: &str,
    content: &[u8],
    strict: bool,
) -> Result<Kustomization, Error> {
    let path = || loader.root().join(file);
    let bad_yaml = |source| Error::KustomizationYaml { file: path(), source: Box::new(source) };
    let text = sluice_yaml::decode(content).map_err(bad_yaml)?;
    let node = sluice_yaml::parse_first(&text).map_err(bad_yaml)?.unwrap_or_default();
    let json = node.to_json(sluice_yaml::Version::V2).map_err(bad_yaml)?;
    let dialect = loader.context.options.dialect;
    Kustomization::decode(&json, strict, dialect)
        .map_err(|source| Error::Kustomization { file: path(), source: Box::new(source) })
}

impl<'a> Target<'a> {
    /// Reads the root's kustomization.
    pub(crate) fn load(loader: Loader<'a>) -> Result<Self, Error> {
        let Some((file, content)) = find_file(&loader)? else {
            return Err(Error::MissingKustomization { directory: loader.root().to_owned() });
        };
        let kustomization = decode(&loader, file, &content)?;
        Self::with(loader, file, kustomization)
    }

    /// Takes the root's kustomization as given.
    pub(crate) fn with(
        loader: Loader<'a>,
        file: &'static str,
        kustomization: Kustomization,
    ) -> Result<Self, Error> {
        let dialect = loader.context.options.dialect;
        let mut target = Self {
            kustomization,
            loader,
            file,
            origin: None,
            build_metadata: Rc::default(),
            builtin: Rc::new(TransformerConfig::builtin(dialect)),
            chart_namespace: Rc::from(""),
        };
        target.check()?;
        target.build_metadata = Rc::new(target.kustomization.build_metadata.clone());
        target.origin = (!target.build_metadata.is_empty()).then(Origin::default);
        target.load_schema(true)?;
        Ok(target)
    }

    fn check(&self) -> Result<(), Error> {
        let directory = || self.loader.root().to_owned();
        for warning in self.kustomization.warnings() {
            let file = self.loader.root().join(self.file);
            self.context().warn(&warning, || format!("{warning} (first in {})", file.display()));
        }
        if self.kustomization.is_empty() {
            return Err(Error::EmptyKustomization);
        }
        let reasons = self.kustomization.type_errors();
        if !reasons.is_empty() {
            return Err(Error::KustomizationType { directory: directory(), reasons });
        }
        Ok(())
    }

    /// Takes in the OpenAPI schema that the kustomization names; below the root only if none is set yet.
    fn load_schema(&self, root: bool) -> Result<(), Error> {
        let content = match self.kustomization.openapi.get("path") {
            Some(path) => Some(self.loader.load(path)?),
            None => None,
        };
        let version = self.kustomization.openapi.get("version").map(String::as_str);
        let mode = self.context().options.openapi;
        self.context().schema.borrow_mut().set(version, content.as_deref(), root, mode)
    }

    pub(crate) fn context(&self) -> &'a Context<'a> {
        self.loader.context
    }

    /// Whether the root asks for this `buildMetadata`.
    pub(crate) fn has_metadata(&self, name: &str) -> bool {
        self.build_metadata.iter().any(|have| have == name)
    }

    /// Gathers and changes everything, from nothing.
    pub(crate) fn accumulate(&self) -> Result<Accumulator, Error> {
        self.accumulate_onto(Accumulator::default())
    }

    /// Gathers and changes everything; a component starts with what its user has gathered.
    fn accumulate_onto(&self, mut gathered: Accumulator) -> Result<Accumulator, Error> {
        let kustomization = &self.kustomization;
        self.accumulate_resources(&mut gathered, &kustomization.resources)
            .map_err(|source| source.within("accumulating resources"))?;
        gathered.merge_config(&self.configuration()?)?;
        for path in &kustomization.crds {
            let content = self.loader.load(path).map_err(|source| source.within("loading CRDs"))?;
            let config = config::from_crds(&content).map_err(|source| {
                source.within(format!("loading CRDs: unable to parse open API definition from '{path}'"))
            })?;
            gathered.merge_config(&Rc::new(config))?;
        }
        self.generate(&mut gathered)?;
        for path in &kustomization.components {
            gathered = self
                .accumulate_component(gathered, path)
                .map_err(|source| source.within("accumulating components"))?;
        }
        self.transform(&mut gathered)?;
        self.validate(&mut gathered)?;
        gathered.merge_vars(&kustomization.vars).map_err(|source| source.within("merging vars"))?;
        Ok(gathered)
    }

    fn configuration(&self) -> Result<Rc<TransformerConfig>, Error> {
        if self.kustomization.configurations.is_empty() {
            return Ok(Rc::clone(&self.builtin));
        }
        let mut config = TransformerConfig::clone(&self.builtin);
        for path in &self.kustomization.configurations {
            let content = self.loader.load(path)?;
            let dialect = self.context().options.dialect;
            let parsed = TransformerConfig::parse(&content, dialect).map_err(|source| source.within(path))?;
            config.merge(&parsed).map_err(|source| source.within(path))?;
        }
        Ok(Rc::new(config))
    }

    /// Adds files with resources and bases.
    fn accumulate_resources(&self, gathered: &mut Accumulator, paths: &[String]) -> Result<(), Error> {
        for path in paths {
            let Err(not_a_file) = self.accumulate_file(gathered, path) else { continue };
            // No base would mend these.
            if let Error::Limit(_)
            | Error::RemoteRefused { .. }
            | Error::Fetch { source: RemoteError::Status { .. }, .. } = not_a_file.root()
            {
                return Err(not_a_file);
            }
            let base = match self.loader.descend(path) {
                Ok(loader) => self.accumulate_base(gathered, loader, path),
                // What is no YAML is a file all the same; a page of a server says nothing about a repository.
                Err(_) if not_a_file.is_malformed_yaml() && !is_file_url(path) => return Err(not_a_file),
                Err(error) => Err(error),
            };
            base.map_err(|directory| match directory.root() {
                // Which limit was passed matters more than the way there.
                Error::Limit(_) => directory,
                _ => Error::Accumulation { file: Box::new(not_a_file), directory: Box::new(directory) },
            })?;
        }
        Ok(())
    }

    fn accumulate_file(&self, gathered: &mut Accumulator, path: &str) -> Result<(), Error> {
        let shown = redact(path);
        let content = self.loader.load(path);
        let mut resources = content
            .and_then(|content| parse::resources(&content, &shown))
            .and_then(ResMap::from_resources)
            .map_err(|source| source.within(format!("accumulating resources from '{shown}'")))?
            .into_resources();
        let schema = self.context().schema.borrow();
        for resource in &resources {
            schema.note_kind(resource.api_version(), resource.kind());
        }
        if let Some(origin) = &self.origin {
            let origin = Arc::new(origin.join(path));
            for resource in &mut resources {
                resource.memory.origin = Some(origin.clone());
            }
        }
        gathered
            .map
            .append_all(resources)
            .map_err(|source| source.within(format!("merging resources from '{shown}'")))
    }

    /// The kustomization in another directory, as part of this build.
    fn sub_target(&self, loader: Loader<'a>, path: &str) -> Result<Self, Error> {
        let at = loader.root().to_owned();
        let within =
            |source: Error| source.within(format!("couldn't make target for path '{}'", at.display()));
        let Some((file, content)) = find_file(&loader).map_err(within)? else {
            return Err(within(Error::MissingKustomization { directory: at.clone() }));
        };
        let kustomization = decode(&loader, file, &content).map_err(within)?;
        let target = Self {
            kustomization,
            loader,
            file,
            origin: self.origin.as_ref().map(|origin| origin.join(path)),
            build_metadata: Rc::clone(&self.build_metadata),
            builtin: Rc::clone(&self.builtin),
            chart_namespace: match self.kustomization.namespace.as_str() {
                "" => Rc::clone(&self.chart_namespace),
                own => own.into(),
            },
        };
        target.check().map_err(within)?;
        target.load_schema(false)?;
        Ok(target)
    }

    fn accumulate_base(
        &self,
        gathered: &mut Accumulator,
        loader: Loader<'a>,
        path: &str,
    ) -> Result<(), Error> {
        let base = self.sub_target(loader, path)?;
        let at = base.loader.root();
        if base.kustomization.kind == COMPONENT {
            return Err(Error::ComponentInResources { path: at.to_owned() });
        }
        let accumulated = base
            .accumulate()
            .map_err(|source| source.within(format!("recursed accumulation of path '{}'", at.display())))?;
        gathered
            .merge(accumulated)
            .map_err(|source| source.within(format!("recursed merging from path '{}'", at.display())))
    }

    fn accumulate_component(&self, gathered: Accumulator, path: &str) -> Result<Accumulator, Error> {
        let loader = self.loader.descend(path).map_err(|source| Error::Component(Box::new(source)))?;
        self.accumulate_component_at(loader, gathered, path)
            .map_err(|source| Error::InComponent(Box::new(source)))
    }

    fn accumulate_component_at(
        &self,
        loader: Loader<'a>,
        gathered: Accumulator,
        path: &str,
    ) -> Result<Accumulator, Error> {
        let component = self.sub_target(loader, path)?;
        let at = component.loader.root();
        if component.kustomization.kind != COMPONENT {
            let kind = component.kustomization.kind.clone();
            return Err(Error::NotAComponent { path: at.to_owned(), kind });
        }
        let accumulated = component
            .accumulate_onto(gathered)
            .map_err(|source| source.within(format!("recursed accumulation of path '{}'", at.display())))?;
        // Starting anew checks the ids again, and narrows the field tables.
        let mut merged = Accumulator::default();
        merged
            .merge(accumulated)
            .map_err(|source| source.within(format!("recursed merging from path '{}'", at.display())))?;
        Ok(merged)
    }

    /// The origin of what a built-in generator or transformer of this kustomization makes.
    fn builtin_origin(&self, kind: &str) -> Option<Arc<Origin>> {
        self.origin.as_ref().map(|origin| Arc::new(origin.builtin(self.file, kind)))
    }

    fn generate(&self, gathered: &mut Accumulator) -> Result<(), Error> {
        let kustomization = &self.kustomization;
        let globals = kustomization.helm_globals.clone().unwrap_or_default();
        let namespace = match kustomization.namespace.as_str() {
            "" => &self.chart_namespace,
            own => own,
        };
        if let Some(chart) =
            kustomization.helm_charts.first().filter(|_| self.context().environment.charts.is_none())
        {
            let refuse = settings::refused("HelmChartInflationGenerator", || {
                settings::chart(chart, &globals, namespace)
            });
            return Err(refuse(Error::Helm { chart: chart.name.clone() }));
        }
        let global = kustomization.generator_options.as_ref();
        let loading = |source: Error| source.within("loading generator plugins");
        let plugins = self.plugin_resources(&kustomization.generators, "generator").map_err(loading)?;
        let plugins = plugins::generators(&plugins, &self.loader).map_err(loading)?;
        for args in &kustomization.config_map_generator {
            let mut args = args.clone();
            args.options = GeneratorOptions::merge_global(args.options, global);
            let made = generate::config_map(&args, &self.loader)?;
            self.absorb(gathered, made, self.builtin_origin("ConfigMapGenerator"))?;
        }
        for secret in &kustomization.secret_generator {
            let mut secret = secret.clone();
            secret.args.options = GeneratorOptions::merge_global(secret.args.options, global);
            let made = generate::secret(&secret, &self.loader)?;
            self.absorb(gathered, made, self.builtin_origin("SecretGenerator"))?;
        }
        for chart in &kustomization.helm_charts {
            for made in charts::inflate(chart, &globals, namespace, &self.loader)? {
                self.absorb(gathered, made, self.builtin_origin("HelmChartInflationGenerator"))?;
            }
        }
        for plugin in plugins {
            for made in plugin.generate(&self.loader)? {
                self.absorb(gathered, made, plugin.origin().cloned())?;
            }
        }
        Ok(())
    }

    fn absorb(
        &self,
        gathered: &mut Accumulator,
        mut made: Resource,
        origin: Option<Arc<Origin>>,
    ) -> Result<(), Error> {
        made.memory.origin = origin;
        made.source = Some(self.file.into());
        gathered.map.absorb(vec![made]).map_err(|source| source.within("merging from generator"))
    }

    /// The configurations of plugins: given in the kustomization itself, in files, or made by kustomizations.
    fn plugin_resources(&self, entries: &[String], what: &str) -> Result<Vec<Resource>, Error> {
        let mut gathered = Accumulator::default();
        let mut paths = Vec::new();
        for entry in entries {
            let Ok(mut inline) =
                parse::resources(entry.as_bytes(), self.file).and_then(ResMap::from_resources)
            else {
                paths.push(entry.clone());
                continue;
            };
            if let Some(origin) = &self.origin {
                let origin = Arc::new(origin.join(self.file));
                inline.memories_mut().for_each(|memory| memory.origin = Some(Arc::clone(&origin)));
            }
            gathered
                .map
                .append_all(inline.into_resources())
                .map_err(|source| source.within(format!("configuring external {what}")))?;
        }
        self.accumulate_resources(&mut gathered, &paths)?;
        Ok(gathered.map.into_resources())
    }

    fn transform(&self, gathered: &mut Accumulator) -> Result<(), Error> {
        let mut steps = transform::builtin_steps(&self.kustomization, &gathered.config, &self.loader)?;
        for step in &mut steps {
            step.origin = self.builtin_origin(step.kind);
        }
        let plugins = self.plugin_resources(&self.kustomization.transformers, "transformer")?;
        steps.extend(plugins::transformers(&plugins, &self.loader)?);
        for step in &steps {
            run(step, &mut gathered.map)?;
        }
        Ok(())
    }

    fn validate(&self, gathered: &mut Accumulator) -> Result<(), Error> {
        let plugins = self.plugin_resources(&self.kustomization.validators, "transformer")?;
        for step in plugins::transformers(&plugins, &self.loader)? {
            let mut copy = gathered.map.clone();
            step.transformer.transform(&mut copy)?;
            let same = copy.len() == gathered.map.len()
                && copy.iter().zip(gathered.map.iter()).all(|(after, before)| after.node() == before.node());
            if !same {
                return Err(Error::Usage("validator shouldn't modify the resource map".to_owned()));
            }
        }
        Ok(())
    }
}

/// Runs a transformer, and notes that it ran if origins are to be noted.
fn run(step: &Step, map: &mut ResMap) -> Result<(), Error> {
    step.transformer.transform(map)?;
    if let Some(origin) = &step.origin {
        for resource in map.resources_mut() {
            // The note is an annotation: with it all others become texts.
            resource.set_annotations(&resource.annotations());
            let memory = &mut resource.memory;
            if memory.origin.is_none() {
                // Nobody else made it, so the transformer did.
                memory.origin = Some(origin.clone());
            } else {
                memory.transformations.push(origin.clone());
            }
        }
    }
    map.drop_empties();
    Ok(())
}

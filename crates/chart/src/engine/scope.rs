//! What each template sees: its chart's values, metadata and files.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use sluice_gotmpl::value::{Map, Named, Object, Type, Value};
use sluice_gotmpl::{FuncError, Function};

use super::files::Files;
use super::{Settings, metadata};
use crate::chart::Chart;
use crate::values::tables;

/// One template.
pub(super) struct Template {
    pub(super) text: Arc<[u8]>,
    /// The dot: shared by all templates of a chart, so that what one sets the next one sees.
    pub(super) scope: Map,
    /// The folder of the chart's templates.
    pub(super) base_path: String,
}

/// All templates by their path.
pub(super) struct Templates(Vec<(String, Template)>);

impl Templates {
    pub(super) fn collect(chart: &Chart, values: &Map, settings: &Settings<'_>) -> Self {
        let release = Map::new();
        release.insert("Name", settings.release.name.as_str());
        release.insert("Namespace", settings.release.namespace.as_str());
        release.insert("IsUpgrade", settings.release.is_upgrade);
        release.insert("IsInstall", !settings.release.is_upgrade);
        release.insert("Revision", Value::int(settings.release.revision));
        release.insert("Service", "Helm");
        let mut collector =
            Collector { templates: HashMap::new(), release, capabilities: settings.capabilities.to_value() };
        collector.chart(chart, chart.name(), values, true);
        let mut templates: Vec<_> = collector.templates.into_iter().collect();
        // The deepest first, so that what a parent defines replaces what its dependencies do.
        templates.sort_by_cached_key(|(path, _)| Reverse((path.matches('/').count(), path.clone())));
        Self(templates)
    }

    /// In the order in which they are parsed and executed.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(path, template)| (path.as_str(), template))
    }
}

struct Collector {
    templates: HashMap<String, Template>,
    release: Map,
    capabilities: Value,
}

impl Collector {
    fn chart(&mut self, chart: &Chart, path: &str, values: &Map, is_root: bool) -> Map {
        let scope = Map::new();
        let subcharts = Map::new();
        let about = metadata::to_map(&chart.metadata);
        about.insert("IsRoot", is_root);
        scope.insert("Chart", about);
        scope.insert("Files", Value::object(Files::of(&chart.files)));
        scope.insert("Release", self.release.clone());
        scope.insert("Capabilities", self.capabilities.clone());
        scope.insert("Values", Value::object(GoValues(values.clone())));
        scope.insert("Subcharts", subcharts.clone());
        for subchart in &chart.dependencies {
            let values = tables::table(values, subchart.name()).unwrap_or_default();
            let path = format!("{path}/charts/{}", subchart.name());
            let scope = self.chart(subchart, &path, &values, false);
            subcharts.insert(subchart.name(), scope);
        }
        let is_library = chart.metadata.is_library();
        for file in &chart.templates {
            let is_partial = file.name.rsplit('/').next().is_some_and(|name| name.starts_with('_'));
            if is_library && !is_partial {
                continue;
            }
            let template = Template {
                text: file.data.shared(),
                scope: scope.clone(),
                base_path: format!("{path}/templates"),
            };
            self.templates.insert(format!("{path}/{}", file.name), template);
        }
        scope
    }
}

/// Go's `common.Values`: a map with a name and methods.
pub(super) struct GoValues(pub(super) Map);

static VALUES: Named = Named { name: "common.Values", underlying: Type::ANY_MAP, methods: METHODS };

const METHODS: &[Function] = &[
    Function::new("AsMap", &[], |_, args| Ok(Value::Map(receiver(args)))),
    Function::new("Encode", &[Type::Any], |_, _| Err("values can't be encoded by a template".into())),
    Function::new("PathValue", &[Type::String], |_, args| {
        let path = argument(args);
        let fault = || FuncError::new(format!("{} is not a value", crate::gotext::quote(last_part(&path))));
        tables::path_value(&receiver(args), &path).ok_or_else(fault)
    }),
    Function::new("Table", &[Type::String], |_, args| {
        let table = tables::table(&receiver(args), &argument(args)).map_err(FuncError::new)?;
        Ok(Value::object(GoValues(table)))
    }),
    Function::new("YAML", &[], |_, args| Ok(yaml(args))),
];

fn receiver(args: &[Value]) -> Map {
    match args.first().map(Value::underlying) {
        Some(Value::Map(map)) => map,
        _ => Map::new(),
    }
}

fn argument(args: &[Value]) -> String {
    args.get(1).and_then(Value::as_str).map(ToString::to_string).unwrap_or_default()
}

fn last_part(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn yaml(args: &[Value]) -> Value {
    let json = serde_json::Value::Object(tables::to_json(&receiver(args)));
    sluice_yaml::to_yaml(&json).into()
}

impl Object for GoValues {
    fn ty(&self) -> Type {
        Type::Named(&VALUES)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::Map(self.0.clone()))
    }

    fn with_underlying(&self, value: Value) -> Option<Value> {
        match value {
            Value::Map(map) => Some(Value::object(Self(map))),
            _ => None,
        }
    }
}

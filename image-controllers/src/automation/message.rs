//! The message of a commit, from its template.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::image::v1::{CommitSpec, ImageUpdateAutomation};
use sluice_gotmpl::value::Named;
use sluice_gotmpl::{
    Budget, FuncMap, Function, Limits, List, Map, Object, Scope, Set, Str, Type, Value, sprig,
};
use sluice_image::setters::Object as Manifest;

use super::edit::Change;
use crate::failure::{Failure, reasons};

/// The message where no template is given.
const DEFAULT: &str = "Update from image update automation";
/// Where people are told how to write templates.
const GUIDE: &str = "See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template";
/// Functions whose result depends on where and when they are called.
const NOT_HERMETIC: &[&str] = &[
    "date",
    "date_in_zone",
    "date_modify",
    "now",
    "htmlDate",
    "htmlDateInZone",
    "dateInZone",
    "dateModify",
    "randAlphaNum",
    "randAlpha",
    "randAscii",
    "randNumeric",
    "randBytes",
    "uuidv4",
    "env",
    "expandenv",
    "getHostByName",
];

/// What a template can show.
struct Data<'a> {
    namespace: &'a str,
    name: &'a str,
    changes: &'a [Change],
    values: &'a BTreeMap<String, String>,
}

/// Why there is no message.
#[derive(Debug, PartialEq, Eq)]
enum MessageError {
    /// The template uses what former versions had.
    Removed(String),
    /// The template is malformed or fails.
    Template(String),
}

/// Renders a template of an automation's spec.
pub(super) fn of(
    object: &ImageUpdateAutomation,
    template: &str,
    changes: &[Change],
) -> Result<String, Failure> {
    let none = CommitSpec::default();
    let spec = object.spec.git.as_ref().map_or(&none, |git| &git.commit);
    let meta = &object.metadata;
    let data = Data {
        namespace: meta.namespace.as_deref().unwrap_or_default(),
        name: meta.name.as_deref().unwrap_or_default(),
        changes,
        values: &spec.message_template_values,
    };
    render(template, &data).map_err(|error| match error {
        MessageError::Removed(text) => Failure::stall(reasons::REMOVED_TEMPLATE_FIELD, text),
        MessageError::Template(text) => {
            Failure::retry(reasons::GIT_OPERATION_FAILED, format!("failed to update source: {text}"))
        }
    })
}

/// Renders the message; an empty template is the default one.
fn render(template: &str, data: &Data<'_>) -> Result<String, MessageError> {
    const NAME: &str = "commit message";
    if template.is_empty() {
        return Ok(DEFAULT.to_owned());
    }
    let mut set = Set::new(NAME, Arc::new(functions()));
    set.parse(NAME, template.as_bytes()).map_err(|error| {
        MessageError::Template(format!("unable to create commit message template from spec: {error}"))
    })?;
    let _scope = Scope::enter();
    let root = Value::object(TemplateData::of(data));
    let limits = Limits {
        depth: 1000,
        output: 1 << 20,
        steps: 1 << 24,
        memory: 64 << 20,
        time: Some(Duration::from_secs(10)),
    };
    let output = Arc::new(set).execute(NAME, root, &Budget::new(limits), &());
    let output = output.map_err(|error| failed(&error.to_string()))?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn failed(error: &str) -> MessageError {
    for (words, field, instead) in [
        ("can't evaluate field Updated in type source.TemplateData", ".Updated", "'.Changed'"),
        (
            "can't evaluate field ImageResult in type update.Result",
            ".Changed.ImageResult",
            "'.Changed.FileChanges' or '.Changed.Objects'",
        ),
    ] {
        if error.contains(words) {
            let text =
                format!("template uses removed '{field}' field. Please use {instead} instead. {GUIDE}");
            return MessageError::Removed(text);
        }
    }
    MessageError::Template(format!("failed to run template from spec: {error}"))
}

fn functions() -> FuncMap {
    let mut functions = sprig::functions();
    for name in NOT_HERMETIC {
        functions.remove(name);
    }
    functions
}

/// The changes of each object.
type ByObject = BTreeMap<Key, Vec<Change>>;

/// An object, in the order in which Go ranges over them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    api_version: String,
    kind: String,
    name: String,
    namespace: String,
}

impl Key {
    fn of(object: &Manifest) -> Self {
        Self {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            name: object.name.clone(),
            namespace: object.namespace.clone(),
        }
    }
}

fn by_object<'c>(changes: impl IntoIterator<Item = &'c Change>) -> ByObject {
    let mut objects = ByObject::new();
    for change in changes {
        objects.entry(Key::of(&change.object)).or_default().push(change.clone());
    }
    objects
}

/// A struct with a Go name and fixed fields.
struct Struct {
    named: &'static Named,
    fields: Vec<(&'static str, Value)>,
    /// Fields of the structs that are embedded in it.
    promoted: Vec<(&'static str, Value)>,
    text: Option<String>,
}

impl Struct {
    fn new(named: &'static Named, fields: Vec<(&'static str, Value)>) -> Self {
        Self { named, fields, promoted: Vec::new(), text: None }
    }
}

impl Object for Struct {
    fn ty(&self) -> Type {
        Type::Named(self.named)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Value> {
        let mut fields = self.fields.iter().chain(&self.promoted);
        fields.find(|(field, _)| *field == name).map(|(_, value)| value.clone())
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }

    fn text(&self) -> Option<Str> {
        self.text.as_deref().map(Str::from)
    }
}

static TEMPLATE_DATA: Named = Named { name: "source.TemplateData", underlying: Type::Struct, methods: &[] };
static NAMESPACED_NAME: Named = Named {
    name: "types.NamespacedName",
    underlying: Type::Struct,
    methods: &[Function::new("String", &[], |_, args| {
        let text = args.first().and_then(Value::downcast::<Struct>).and_then(Object::text);
        Ok(Value::Str(text.unwrap_or(Str::EMPTY)))
    })],
};
static CHANGE: Named = Named { name: "update.Change", underlying: Type::Struct, methods: &[] };
static IDENTIFIER: Named = Named { name: "update.ObjectIdentifier", underlying: Type::Struct, methods: &[] };
static RESOURCE: Named = Named { name: "yaml.ResourceIdentifier", underlying: Type::Struct, methods: &[] };
static TYPE_META: Named = Named { name: "yaml.TypeMeta", underlying: Type::Struct, methods: &[] };
static NAME_META: Named = Named { name: "yaml.NameMeta", underlying: Type::Struct, methods: &[] };
static OBJECT_CHANGES: Named =
    Named { name: "update.ObjectChanges", underlying: Type::Map(&CHANGES_TYPE), methods: &[] };
static CHANGE_TYPE: Type = Type::Named(&CHANGE);
static CHANGES_TYPE: Type = Type::Slice(&CHANGE_TYPE);
static OBJECT_CHANGES_TYPE: Type = Type::Named(&OBJECT_CHANGES);
static RESULT: Named = Named {
    name: "update.Result",
    underlying: Type::Struct,
    methods: &[
        Function::new("Changes", &[], |_, args| Ok(result(args, |result| changes(&result.distinct())))),
        Function::new("Objects", &[], |_, args| {
            Ok(result(args, |result| Value::object(ObjectChanges(by_object(&result.0)))))
        }),
    ],
};

fn result(args: &[Value], of: impl FnOnce(&UpdateResult) -> Value) -> Value {
    args.first().and_then(Value::downcast::<UpdateResult>).map_or(Value::Nil, of)
}

fn text(text: &str) -> Value {
    Value::str(text)
}

struct TemplateData;

impl TemplateData {
    fn of(data: &Data<'_>) -> Struct {
        let fields = vec![("Namespace", text(data.namespace)), ("Name", text(data.name))];
        let mut object = Struct::new(&NAMESPACED_NAME, fields);
        object.text = Some(format!("{}/{}", data.namespace, data.name));
        let values = data.values.iter().map(|(key, value)| (Str::from(key.as_str()), text(value)));
        let values = Map::with_entries(Type::STRING_MAP, values);
        let fields = vec![
            ("AutomationObject", Value::object(object)),
            ("Changed", Value::object(UpdateResult(data.changes.to_vec()))),
            ("Values", Value::Map(values)),
        ];
        Struct::new(&TEMPLATE_DATA, fields)
    }
}

/// `.Changed`
struct UpdateResult(Vec<Change>);

impl UpdateResult {
    /// What changed, each once, in the order of the files and of what stands in them.
    fn distinct(&self) -> Vec<Change> {
        let mut seen = BTreeSet::new();
        let mut changes: Vec<_> = self.0.iter().collect();
        changes.sort_by_key(|change| change.file.as_str());
        changes.retain(|change| seen.insert((&change.old, &change.new, &change.setter)));
        changes.into_iter().cloned().collect()
    }
}

impl Object for UpdateResult {
    fn ty(&self) -> Type {
        Type::Named(&RESULT)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let mut files: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in &self.0 {
            files.entry(&change.file).or_default().push(change);
        }
        let files = files
            .into_iter()
            .map(|(file, changes)| (Str::from(file), Value::object(ObjectChanges(by_object(changes)))));
        vec![("FileChanges", Value::Map(Map::with_entries(Type::Map(&OBJECT_CHANGES_TYPE), files)))]
    }
}

/// A map from objects to what changed in them.
struct ObjectChanges(ByObject);

impl Object for ObjectChanges {
    fn ty(&self) -> Type {
        Type::Named(&OBJECT_CHANGES)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn pairs(&self) -> Option<Vec<(Value, Value)>> {
        Some(self.0.iter().map(|(key, of)| (Value::object(identifier(key)), changes(of))).collect())
    }
}

fn identifier(key: &Key) -> Struct {
    let type_meta = vec![("APIVersion", text(&key.api_version)), ("Kind", text(&key.kind))];
    let name_meta = vec![("Name", text(&key.name)), ("Namespace", text(&key.namespace))];
    let promoted: Vec<_> = type_meta.iter().chain(&name_meta).cloned().collect();
    let embedded = vec![
        ("TypeMeta", Value::object(Struct::new(&TYPE_META, type_meta))),
        ("NameMeta", Value::object(Struct::new(&NAME_META, name_meta))),
    ];
    let mut resource = Struct::new(&RESOURCE, embedded.clone());
    resource.promoted.clone_from(&promoted);
    let mut identifier = Struct::new(&IDENTIFIER, vec![("ResourceIdentifier", Value::object(resource))]);
    identifier.promoted = promoted.into_iter().chain(embedded).collect();
    identifier
}

fn changes(changes: &[Change]) -> Value {
    let items = changes.iter().map(|change| {
        let fields = vec![
            ("OldValue", text(&change.old)),
            ("NewValue", text(&change.new)),
            ("Setter", text(&change.setter)),
        ];
        Value::object(Struct::new(&CHANGE, fields))
    });
    Value::List(List::typed(CHANGES_TYPE, items.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(file: &str, name: &str, old: &str, new: &str) -> Change {
        let object = Manifest {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        let setter = "ns:app".to_owned();
        Change { file: file.to_owned(), object, old: old.to_owned(), new: new.to_owned(), setter }
    }

    fn rendered(template: &str) -> Result<String, MessageError> {
        let changes = [
            change("b.yaml", "web", "app:1", "app:2"),
            change("a.yaml", "api", "app:0", "app:2"),
            change("a.yaml", "web", "app:1", "app:2"),
        ];
        let values = BTreeMap::from([("cluster".to_owned(), "prod".to_owned())]);
        render(template, &Data { namespace: "ns", name: "all", changes: &changes, values: &values })
    }

    #[test]
    fn the_template_of_the_guide() {
        let template = r"Automation: {{ .AutomationObject }} {{ .AutomationObject.Name }}
{{ range $filename, $objects := .Changed.FileChanges -}}
- File: {{ $filename }}
{{ range $object, $changes := $objects -}}
{{ $object.Kind }}/{{ $object.Namespace }}/{{ $object.Name }}:{{ range $_, $change := $changes }} {{ $change.OldValue }} -> {{ $change.NewValue }} ({{ $change.Setter }}){{ end }}
{{ end }}{{ end -}}
Cluster: {{ .Values.cluster }}";
        let expected = "Automation: ns/all all
- File: a.yaml
Deployment/shop/api: app:0 -> app:2 (ns:app)
Deployment/shop/web: app:1 -> app:2 (ns:app)
- File: b.yaml
Deployment/shop/web: app:1 -> app:2 (ns:app)
Cluster: prod";
        assert_eq!(rendered(template).unwrap(), expected);
    }

    #[test]
    fn changes_and_objects() {
        let each = |template: &str| rendered(template).unwrap();
        assert_eq!(
            each("{{ range .Changed.Changes }}{{ print .OldValue \"->\" .NewValue }},{{ end }}"),
            "app:0->app:2,app:1->app:2,"
        );
        assert_eq!(each("{{ len .Changed.Objects }} {{ len .Changed.Changes }}"), "2 2");
        assert_eq!(
            each(
                "{{ range $k, $v := .Changed.Objects }}{{ $k.ResourceIdentifier.NameMeta.Name }}={{ len $v }} {{ end }}"
            ),
            "api=1 web=2 "
        );
        assert_eq!(each("{{ if .Changed.Objects }}yes{{ end }}"), "yes");
        assert_eq!(each(""), DEFAULT);
        assert_eq!(each("{{ .Values.cluster | upper }}"), "PROD");
    }

    #[test]
    fn what_is_gone_is_named() {
        let removed = |template: &str| match rendered(template) {
            Err(MessageError::Removed(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            removed("{{ range .Updated.Images }}{{ end }}"),
            "template uses removed '.Updated' field. Please use '.Changed' instead. See: https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
        );
        assert!(
            removed("{{ .Changed.ImageResult }}").contains("'.Changed.FileChanges' or '.Changed.Objects'")
        );
    }

    #[test]
    fn bad_templates_fail() {
        for (template, words) in [
            ("{{ .Other }}", "failed to run template from spec: "),
            ("{{", "unable to create commit message template from spec: "),
            ("{{ now }}", "function \"now\" not defined"),
            ("{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}", "failed to run template"),
        ] {
            match rendered(template) {
                Err(MessageError::Template(text)) => assert!(text.contains(words), "{template}: {text}"),
                other => panic!("{template}: {other:?}"),
            }
        }
    }
}

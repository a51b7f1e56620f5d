//! The charts of the tests.

/// Files of a chart: path and text.
pub type Files = Vec<(&'static str, String)>;

const CONFIG_MAP: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}'}
data: {value: '{{ .Values.value }}', second: '{{ .Values.second }}'}
";

/// A Service that the API server refuses, if the values want one.
const BAD: &str = "{{ if .Values.bad }}
apiVersion: v1
kind: Service
metadata: {name: '{{ .Release.Name }}-bad'}
spec: {ports: [{port: 99999}]}
{{ end }}
";

/// One ConfigMap, and on demand a Service that no API server accepts.
pub fn tiny() -> Files {
    vec![
        ("values.yaml", "{value: first, second: '', bad: false}\n".to_owned()),
        ("templates/config.yaml", CONFIG_MAP.to_owned()),
        ("templates/bad.yaml", BAD.to_owned()),
    ]
}

/// As [`tiny`], with a hook for each of these events.
pub fn hooked(events: &[&str]) -> Files {
    let mut files = tiny();
    let hooks: Vec<String> = events.iter().map(|event| hook(event)).collect();
    files.push(("templates/hooks.yaml", hooks.join("---\n")));
    files
}

/// As [`tiny`], with a test that never ends if the values say so.
pub fn testable() -> Files {
    let mut files = tiny();
    files.push(("templates/test.yaml", TEST.to_owned()));
    files
}

const TEST: &str = "{{ if .Values.failing }}
apiVersion: v1
kind: Pod
metadata: {name: '{{ .Release.Name }}-test', annotations: {helm.sh/hook: test}}
spec:
  nodeSelector: {nowhere: 'true'}
  containers: [{name: c, image: example.com/c}]
{{ else }}
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}-test', annotations: {helm.sh/hook: test}}
{{ end }}
";

fn hook(event: &str) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: '{{{{ .Release.Name }}}}-{event}'
  annotations: {{helm.sh/hook: {event}}}
"
    )
}

/// The archive of a chart.
pub fn archive(name: &str, version: &str, files: &Files) -> Vec<u8> {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n");
    let all: Files = [("Chart.yaml", metadata)].into_iter().chain(files.clone()).collect();
    packed(name, &all)
}

/// A gzipped tar with these files below a folder.
pub fn packed(name: &str, files: &Files) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

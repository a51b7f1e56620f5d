//! The types of events of `CDEvents` 0.4, and what their subjects hold.

use self::Field::{Object, Purl, Required, RequiredObject, RequiredPurl, RequiredWord, Text, Texts, Word};

/// A type of events.
pub struct Event {
    /// Subject, predicate and version of the type.
    pub name: &'static str,
    /// The type of the subject.
    pub subject: &'static str,
    /// Fields of the subject's content.
    pub content: &'static [(&'static str, Field)],
}

/// What a field holds.
pub enum Field {
    /// A string.
    Text,
    /// A string that must be there and not empty.
    Required,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, which must be there.
    RequiredWord(&'static [&'static str]),
    /// A package URL.
    Purl,
    /// A package URL that must be there.
    RequiredPurl,
    /// A list of strings.
    Texts,
    /// An object.
    Object(&'static [(&'static str, Field)]),
    /// An object that must be there.
    RequiredObject(&'static [(&'static str, Field)]),
}

const OUTCOMES: &[&str] = &["pass", "fail", "cancel", "error"];
const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const TRIGGERS: &[&str] = &["manual", "pipeline", "event", "schedule", "other"];
const OUTPUTS: &[&str] = &["report", "video", "image", "log", "other"];
const TEST_TYPES: &[&str] =
    &["performance", "functional", "unit", "security", "compliance", "integration", "e2e", "other"];

const REFERENCE: &[(&str, Field)] = &[("id", Required), ("source", Text)];
const BILL: &[(&str, Field)] = &[("uri", Required)];
const TRIGGER: &[(&str, Field)] = &[("type", Word(TRIGGERS)), ("uri", Text)];
const TEST_CASE: &[(&str, Field)] =
    &[("id", Required), ("version", Text), ("name", Text), ("type", Word(TEST_TYPES)), ("uri", Text)];
const TEST_SUITE: &[(&str, Field)] = &[("id", Required), ("version", Text), ("name", Text), ("uri", Text)];

const fn event(
    name: &'static str,
    subject: &'static str,
    content: &'static [(&'static str, Field)],
) -> Event {
    Event { name, subject, content }
}

/// All types.
pub const EVENTS: &[Event] = &[
    event("artifact.deleted.0.1.0", "artifact", &[("user", Text)]),
    event("artifact.downloaded.0.1.0", "artifact", &[("user", Text)]),
    event(
        "artifact.packaged.0.2.0",
        "artifact",
        &[("change", RequiredObject(REFERENCE)), ("sbom", Object(BILL))],
    ),
    event("artifact.published.0.2.0", "artifact", &[("sbom", Object(BILL)), ("user", Text)]),
    event("artifact.signed.0.2.0", "artifact", &[("signature", Required)]),
    event("branch.created.0.2.0", "branch", &[("repository", Object(REFERENCE))]),
    event("branch.deleted.0.2.0", "branch", &[("repository", Object(REFERENCE))]),
    event("build.finished.0.2.0", "build", &[("artifactId", Purl)]),
    event("build.queued.0.2.0", "build", &[]),
    event("build.started.0.2.0", "build", &[]),
    event("change.abandoned.0.2.0", "change", &[("repository", Object(REFERENCE))]),
    event("change.created.0.3.0", "change", &[("description", Text), ("repository", Object(REFERENCE))]),
    event("change.merged.0.2.0", "change", &[("repository", Object(REFERENCE))]),
    event("change.reviewed.0.2.0", "change", &[("repository", Object(REFERENCE))]),
    event("change.updated.0.2.0", "change", &[("repository", Object(REFERENCE))]),
    event("environment.created.0.2.0", "environment", &[("name", Text), ("url", Text)]),
    event("environment.deleted.0.2.0", "environment", &[("name", Text)]),
    event("environment.modified.0.2.0", "environment", &[("name", Text), ("url", Text)]),
    event(
        "incident.detected.0.2.0",
        "incident",
        &[
            ("description", Text),
            ("environment", RequiredObject(REFERENCE)),
            ("service", Object(REFERENCE)),
            ("artifactId", Purl),
        ],
    ),
    event(
        "incident.reported.0.2.0",
        "incident",
        &[
            ("description", Text),
            ("environment", RequiredObject(REFERENCE)),
            ("ticketURI", Required),
            ("service", Object(REFERENCE)),
            ("artifactId", Purl),
        ],
    ),
    event(
        "incident.resolved.0.2.0",
        "incident",
        &[
            ("description", Text),
            ("environment", RequiredObject(REFERENCE)),
            ("service", Object(REFERENCE)),
            ("artifactId", Purl),
        ],
    ),
    event(
        "pipelinerun.finished.0.2.0",
        "pipelineRun",
        &[("pipelineName", Text), ("url", Text), ("outcome", Text), ("errors", Text)],
    ),
    event("pipelinerun.queued.0.2.0", "pipelineRun", &[("pipelineName", Text), ("url", Text)]),
    event("pipelinerun.started.0.2.0", "pipelineRun", &[("pipelineName", Text), ("url", Text)]),
    event(
        "repository.created.0.2.0",
        "repository",
        &[("name", Required), ("owner", Text), ("url", Required), ("viewUrl", Text)],
    ),
    event(
        "repository.deleted.0.2.0",
        "repository",
        &[("name", Text), ("owner", Text), ("url", Text), ("viewUrl", Text)],
    ),
    event(
        "repository.modified.0.2.0",
        "repository",
        &[("name", Text), ("owner", Text), ("url", Text), ("viewUrl", Text)],
    ),
    event(
        "service.deployed.0.2.0",
        "service",
        &[("environment", RequiredObject(REFERENCE)), ("artifactId", RequiredPurl)],
    ),
    event("service.published.0.2.0", "service", &[("environment", Object(REFERENCE))]),
    event("service.removed.0.2.0", "service", &[("environment", Object(REFERENCE))]),
    event(
        "service.rolledback.0.2.0",
        "service",
        &[("environment", RequiredObject(REFERENCE)), ("artifactId", RequiredPurl)],
    ),
    event(
        "service.upgraded.0.2.0",
        "service",
        &[("environment", RequiredObject(REFERENCE)), ("artifactId", RequiredPurl)],
    ),
    event(
        "taskrun.finished.0.2.0",
        "taskRun",
        &[
            ("taskName", Text),
            ("url", Text),
            ("pipelineRun", Object(REFERENCE)),
            ("outcome", Text),
            ("errors", Text),
        ],
    ),
    event(
        "taskrun.started.0.2.0",
        "taskRun",
        &[("taskName", Text), ("url", Text), ("pipelineRun", Object(REFERENCE))],
    ),
    event(
        "testcaserun.finished.0.2.0",
        "testCaseRun",
        &[
            ("outcome", RequiredWord(OUTCOMES)),
            ("severity", Word(SEVERITIES)),
            ("reason", Text),
            ("environment", RequiredObject(REFERENCE)),
            ("testSuiteRun", Object(REFERENCE)),
            ("testCase", Object(TEST_CASE)),
        ],
    ),
    event(
        "testcaserun.queued.0.2.0",
        "testCaseRun",
        &[
            ("trigger", Object(TRIGGER)),
            ("environment", RequiredObject(REFERENCE)),
            ("testSuiteRun", Object(REFERENCE)),
            ("testCase", Object(TEST_CASE)),
        ],
    ),
    event(
        "testcaserun.skipped.0.1.0",
        "testCaseRun",
        &[
            ("reason", Text),
            ("environment", Object(REFERENCE)),
            ("testSuiteRun", Object(REFERENCE)),
            ("testCase", Object(TEST_CASE)),
        ],
    ),
    event(
        "testcaserun.started.0.2.0",
        "testCaseRun",
        &[
            ("trigger", Object(TRIGGER)),
            ("environment", RequiredObject(REFERENCE)),
            ("testSuiteRun", Object(REFERENCE)),
            ("testCase", Object(TEST_CASE)),
        ],
    ),
    event(
        "testoutput.published.0.2.0",
        "testOutput",
        &[
            ("outputType", RequiredWord(OUTPUTS)),
            ("format", Text),
            ("uri", Text),
            ("testCaseRun", Object(REFERENCE)),
        ],
    ),
    event(
        "testsuiterun.finished.0.2.0",
        "testSuiteRun",
        &[
            ("environment", RequiredObject(REFERENCE)),
            ("testSuite", Object(TEST_SUITE)),
            ("outcome", RequiredWord(OUTCOMES)),
            ("severity", Word(SEVERITIES)),
            ("reason", Text),
        ],
    ),
    event(
        "testsuiterun.queued.0.2.0",
        "testSuiteRun",
        &[
            ("trigger", Object(TRIGGER)),
            ("environment", RequiredObject(REFERENCE)),
            ("testSuite", Object(&[("id", Required), ("version", Text), ("name", Text), ("url", Text)])),
        ],
    ),
    event(
        "testsuiterun.started.0.2.0",
        "testSuiteRun",
        &[
            ("trigger", Object(TRIGGER)),
            ("environment", RequiredObject(REFERENCE)),
            ("testSuite", Object(TEST_SUITE)),
        ],
    ),
    event(
        "ticket.closed.0.1.0",
        "ticket",
        &[
            ("summary", Text),
            ("ticketType", Text),
            ("group", Text),
            ("creator", Text),
            ("assignees", Texts),
            ("priority", Text),
            ("labels", Texts),
            ("milestone", Text),
            ("uri", Required),
            ("resolution", Required),
            ("updatedBy", Text),
        ],
    ),
    event(
        "ticket.created.0.1.0",
        "ticket",
        &[
            ("summary", Text),
            ("ticketType", Text),
            ("group", Text),
            ("creator", Required),
            ("assignees", Texts),
            ("priority", Text),
            ("labels", Texts),
            ("milestone", Text),
            ("uri", Required),
        ],
    ),
    event(
        "ticket.updated.0.1.0",
        "ticket",
        &[
            ("summary", Text),
            ("ticketType", Text),
            ("group", Text),
            ("creator", Text),
            ("assignees", Texts),
            ("priority", Text),
            ("labels", Texts),
            ("milestone", Text),
            ("updatedBy", Text),
            ("uri", Required),
        ],
    ),
];

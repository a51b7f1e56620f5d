//! `Provider`: where events are sent.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use crate::meta::{Duration, LocalObjectReference, is_false};
use crate::schema::{DURATION_PATTERN, TIMEOUT_PATTERN};

vocabulary! {
    /// The service that events are sent to.
    pub enum ProviderType {
        /// Slack.
        Slack = "slack",
        /// Discord.
        Discord = "discord",
        /// Microsoft Teams.
        MsTeams = "msteams",
        /// Rocket.Chat.
        Rocket = "rocket",
        /// A webhook that takes the event as it is.
        Generic = "generic",
        /// The same with a signature.
        GenericHmac = "generic-hmac",
        /// GitHub commit status.
        GitHub = "github",
        /// GitLab commit status.
        GitLab = "gitlab",
        /// Gitea commit status.
        Gitea = "gitea",
        /// Comment on a Gitea pull request.
        GiteaPullRequestComment = "giteapullrequestcomment",
        /// Bitbucket Server commit status.
        BitbucketServer = "bitbucketserver",
        /// Bitbucket commit status.
        Bitbucket = "bitbucket",
        /// Azure `DevOps` commit status.
        AzureDevOps = "azuredevops",
        /// Google Chat.
        GoogleChat = "googlechat",
        /// Google Pub/Sub.
        GooglePubSub = "googlepubsub",
        /// Webex.
        Webex = "webex",
        /// Sentry.
        Sentry = "sentry",
        /// Azure Event Hubs.
        AzureEventHub = "azureeventhub",
        /// Telegram.
        Telegram = "telegram",
        /// Lark.
        Lark = "lark",
        /// Matrix.
        Matrix = "matrix",
        /// Opsgenie.
        Opsgenie = "opsgenie",
        /// Prometheus Alertmanager.
        Alertmanager = "alertmanager",
        /// Grafana annotations.
        Grafana = "grafana",
        /// GitHub repository dispatch.
        GitHubDispatch = "githubdispatch",
        /// Comment on a GitHub pull request.
        GitHubPullRequestComment = "githubpullrequestcomment",
        /// Comment on a GitLab merge request.
        GitLabMergeRequestComment = "gitlabmergerequestcomment",
        /// `PagerDuty`.
        PagerDuty = "pagerduty",
        /// Datadog.
        DataDog = "datadog",
        /// NATS.
        Nats = "nats",
        /// Zulip.
        Zulip = "zulip",
        /// An OpenTelemetry collector.
        Otel = "otel",
        /// Zoom.
        Zoom = "zoom",
        /// incident.io.
        IncidentIo = "incident.io",
    }
}

/// The desired state of a `Provider`.
#[derive(Clone, CustomResource, Debug, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1beta3",
    kind = "Provider",
    plural = "providers",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    namespaced,
    derive = "PartialEq",
    doc = "A service that events are sent to.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(concat!(
    "self.type == 'github' || self.type == 'gitlab' || self.type == 'gitea' || self.type == 'bitbucketserver'",
    " || self.type == 'bitbucket' || self.type == 'azuredevops' || !has(self.commitStatusExpr)"
)).message(concat!(
    "spec.commitStatusExpr is only supported for the 'github', 'gitlab', 'gitea', 'bitbucketserver', 'bitbucket',",
    " 'azuredevops' provider types"
)))]
pub struct ProviderSpec {
    /// The service.
    #[serde(rename = "type")]
    pub type_: ProviderType,
    /// Kept for compatibility, without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Option<Duration>,
    /// Where in the service: channel, room, project.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub channel: Option<String>,
    /// Name of the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub username: Option<String>,
    /// Address of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub address: Option<String>,
    /// How long sending may take; 15 seconds when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = TIMEOUT_PATTERN))]
    pub timeout: Option<Duration>,
    /// HTTP(S) address of a proxy; the Secret of `proxySecretRef` is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^(http|https)://.*$"))]
    pub proxy: Option<String>,
    /// Secret with the address and credentials of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Secret with the credentials, and the address if it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose identity is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with a CA (`ca.crt`) and a client certificate (`tls.crt`, `tls.key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Whether sending is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// CEL expression over `event`, `alert` and `provider` that gives the id of a commit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_status_expr: Option<String>,
}

suspendable!(Provider);

//! `create image policy`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::meta::Duration;

use super::super::{Meta, Words, fields, nothing, put};
use crate::context::Context;
use crate::kinds::IMAGE_POLICY;

/// Arguments of `create image policy`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Name of the `ImageRepository`
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    image_ref: String,
    /// Range of versions
    #[arg(long, value_name = "RANGE")]
    select_semver: Option<String>,
    /// By alphabet: the last (asc) or the first (desc)
    #[arg(long, value_name = "ORDER")]
    select_alpha: Option<String>,
    /// By number: the greatest (asc) or the least (desc)
    #[arg(long, value_name = "ORDER")]
    select_numeric: Option<String>,
    /// Regular expression that tags must match
    #[arg(long, value_name = "REGEX")]
    filter_regex: Option<String>,
    /// What of a tag is compared, with $name for groups of the expression
    #[arg(long, value_name = "TEMPLATE")]
    filter_extract: Option<String>,
    /// When to look up digests: Never, `IfNotPresent` or Always
    #[arg(long, value_name = "POLICY")]
    reflect_digest: Option<String>,
    /// How often to look up digests
    #[arg(long)]
    interval: Option<Duration>,
    /// How long a tag must have been known before it is selected (of Sluice, not of Flux)
    #[arg(long, value_name = "DURATION")]
    min_age: Option<Duration>,
}

const WORDS: Words = Words {
    noun: "ImagePolicy",
    ready: |_| "ImagePolicy reconciliation completed".to_owned(),
    result: nothing,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &IMAGE_POLICY, &arguments.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    if arguments.image_ref.is_empty() {
        bail!("the name of an ImageRepository in the namespace is required (--image-ref)");
    }
    let reflection = arguments.reflect_digest.as_deref();
    if reflection.is_some_and(|policy| !["Never", "IfNotPresent", "Always"].contains(&policy)) {
        bail!("invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'");
    }
    if arguments.interval.is_some() && reflection != Some("Always") {
        bail!(
            "the --interval flag can only be used with the 'Always' digest reflection policy, use --reflect-digest=Always"
        );
    }
    let mut policy = choice(arguments)?;
    if let Some(age) = arguments.min_age {
        if age.is_zero() {
            bail!("--min-age must be longer than no time at all");
        }
        policy["minAge"] = json!(age);
    }
    Ok(fields([
        ("imageRepositoryRef", Some(json!({ "name": arguments.image_ref }))),
        ("policy", Some(policy)),
        ("filterTags", filter(arguments)?),
        ("digestReflectionPolicy", reflection.map(Value::from)),
        ("interval", arguments.interval.map(|interval| json!(interval))),
    ]))
}

fn choice(arguments: &Arguments) -> Result<Value> {
    let order = |flag: &str, order: &str| match order {
        "asc" | "desc" => Ok(json!({ "order": order })),
        _ => bail!("{flag} must be one of [\"asc\", \"desc\"]"),
    };
    Ok(match (&arguments.select_semver, &arguments.select_alpha, &arguments.select_numeric) {
        (Some(range), None, None) => json!({ "semver": { "range": range } }),
        (None, Some(alpha), None) => json!({ "alphabetical": order("--select-alpha", alpha)? }),
        (None, None, Some(numeric)) => json!({ "numerical": order("--select-numeric", numeric)? }),
        (None, None, None) => {
            bail!("a policy must be provided with either --select-semver, --select-alpha or --select-numeric")
        }
        _ => bail!("only one of --select-semver, --select-alpha or --select-numeric can be specified"),
    })
}

fn filter(arguments: &Arguments) -> Result<Option<Value>> {
    let extract = arguments.filter_extract.as_deref().filter(|extract| !extract.is_empty());
    let Some(pattern) = arguments.filter_regex.as_deref().filter(|pattern| !pattern.is_empty()) else {
        if extract.is_some() {
            bail!("cannot specify --filter-extract without specifying --filter-regex");
        }
        return Ok(None);
    };
    let Ok(regex) = regex::Regex::new(pattern) else { bail!("--filter-regex is an invalid regex pattern") };
    if let Some(extract) = extract {
        let groups: Vec<&str> = regex.capture_names().flatten().collect();
        check_extract(extract, &groups)?;
    }
    Ok(Some(Value::Object(fields([
        ("pattern", Some(json!(pattern))),
        ("extract", extract.map(Value::from)),
    ]))))
}

/// Whether all groups that a template names are there.
fn check_extract(template: &str, groups: &[&str]) -> Result<()> {
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(literal) = after.strip_prefix('$') {
            rest = literal;
            continue;
        }
        let (braced, name_on) = after.strip_prefix('{').map_or((false, after), |inner| (true, inner));
        let end = name_on.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name_on.len());
        let (name, behind) = name_on.split_at(end);
        if name.is_empty() || braced && !behind.starts_with('}') {
            bail!("--filter-extract is malformed");
        }
        if !name.bytes().all(|byte| byte.is_ascii_digit()) && !groups.contains(&name) {
            bail!("capture group ${name} used in --filter-extract not found in --filter-regex");
        }
        rest = behind;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut Arguments)) -> Result<Value, String> {
        let mut arguments = Arguments { image_ref: "app".to_owned(), ..Arguments::default() };
        change(&mut arguments);
        spec(&arguments).map(Value::Object).map_err(|error| error.to_string())
    }

    #[allow(clippy::unnecessary_wraps, reason = "what arguments hold")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn specs_hold_what_is_given() {
        let numeric = of(|arguments| {
            arguments.select_numeric = text("asc");
            arguments.filter_regex = text("^main-(?P<ts>[0-9]+)$");
            arguments.filter_extract = text("$ts");
        });
        let expected = json!({
            "imageRepositoryRef": {"name": "app"}, "policy": {"numerical": {"order": "asc"}},
            "filterTags": {"pattern": "^main-(?P<ts>[0-9]+)$", "extract": "$ts"},
        });
        assert_eq!(numeric, Ok(expected));
        let aged = of(|arguments| {
            arguments.select_semver = text("1.x");
            arguments.min_age = Some(Duration::from_secs(72 * 3600));
        });
        let expected = json!({
            "imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}, "minAge": "72h0m0s"},
        });
        assert_eq!(aged, Ok(expected));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |change: fn(&mut Arguments)| of(change).unwrap_err();
        assert!(error(|_| {}).starts_with("a policy must be provided"));
        assert!(error(|arguments| arguments.image_ref.clear()).starts_with("the name of an ImageRepository"));
        let both = error(|arguments| {
            arguments.select_semver = text("1.x");
            arguments.select_alpha = text("asc");
        });
        assert!(both.starts_with("only one of"));
        assert_eq!(
            error(|arguments| arguments.select_alpha = text("up")),
            "--select-alpha must be one of [\"asc\", \"desc\"]"
        );
        let young = error(|arguments| {
            arguments.select_alpha = text("asc");
            arguments.min_age = Some(Duration::ZERO);
        });
        assert_eq!(young, "--min-age must be longer than no time at all");
        let group = error(|arguments| {
            arguments.select_alpha = text("asc");
            arguments.filter_regex = text("x(?P<a>.)");
            arguments.filter_extract = text("$a${b}");
        });
        assert_eq!(group, "capture group $b used in --filter-extract not found in --filter-regex");
    }
}

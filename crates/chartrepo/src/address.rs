//! The addresses of repositories and of charts in them.

use url::Url;

/// What addresses of registries begin with.
pub const OCI: &str = "oci://";

/// Whether a repository is served by a registry.
pub fn is_oci(url: &str) -> bool {
    url.starts_with(OCI)
}

/// A repository's address in the form in which two can be compared: with one slash at the end, or with none for
/// registries.
pub fn normalize(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if let Some(name) = text.strip_prefix(OCI) {
        return Ok(format!("{OCI}{}", name.trim_end_matches('/')));
    }
    let mut url = parse(text)?;
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url.into())
}

/// Reads an address; the error repeats it without credentials.
pub fn parse(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| format!("parse {:?}: {error}", sluice_http::redact(text)))
}

/// The index of a repository.
pub fn index_of(repository: &Url) -> Url {
    let mut url = repository.clone();
    let path = format!("{}/index.yaml", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// Where a chart is that an index names: at an address, or at a path below the repository. The query of the
/// repository's address, which may hold a signature, goes along with paths.
pub fn chart_of(repository: &Url, reference: &str) -> Result<Url, String> {
    if let Ok(url) = Url::parse(reference) {
        return Ok(url);
    }
    let mut base = repository.clone();
    let path = format!("{}/", base.path().trim_end_matches('/'));
    base.set_path(&path);
    let mut url =
        base.join(reference).map_err(|error| format!("failed to parse {reference:?} as URL: {error}"))?;
    if url.query().is_none() {
        url.set_query(repository.query());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_repositories_can_be_compared() {
        for (text, normal) in [
            ("", ""),
            ("https://charts.example.com", "https://charts.example.com/"),
            ("https://charts.example.com/stable//", "https://charts.example.com/stable/"),
            ("https://charts.example.com/?a=b", "https://charts.example.com/?a=b"),
            ("oci://ghcr.io/charts/", "oci://ghcr.io/charts"),
        ] {
            assert_eq!(normalize(text).unwrap(), normal);
        }
        assert!(!normalize("https://user:hunter2@:x/").unwrap_err().contains("hunter2"));
    }

    #[test]
    fn charts_are_below_the_repository_or_elsewhere() {
        let repository = Url::parse("https://charts.example.com/stable?sig=x").unwrap();
        assert_eq!(index_of(&repository).as_str(), "https://charts.example.com/stable/index.yaml?sig=x");
        for (reference, url) in [
            ("app-1.0.0.tgz", "https://charts.example.com/stable/app-1.0.0.tgz?sig=x"),
            ("/app-1.0.0.tgz", "https://charts.example.com/app-1.0.0.tgz?sig=x"),
            ("charts/app-1.0.0.tgz?a=b", "https://charts.example.com/stable/charts/app-1.0.0.tgz?a=b"),
            ("https://cdn.example.com/app.tgz", "https://cdn.example.com/app.tgz"),
        ] {
            assert_eq!(chart_of(&repository, reference).unwrap().as_str(), url);
        }
    }
}

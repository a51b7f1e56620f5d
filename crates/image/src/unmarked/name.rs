//! Names of images, which can be short.

/// The host that short names are of.
const DOCKER: &str = "index.docker.io";

/// The whole name: `nginx` is `index.docker.io/library/nginx`.
pub(super) fn canonical(name: &str) -> String {
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (DOCKER, name),
    };
    let host = if matches!(host, "docker.io" | "registry-1.docker.io") { DOCKER } else { host };
    let library = if host == DOCKER && !path.contains('/') { "library/" } else { "" };
    format!("{host}/{library}{path}")
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn short_names_are_docker_hub() {
        for name in ["nginx", "library/nginx", "docker.io/nginx", "index.docker.io/library/nginx"] {
            assert_eq!(canonical(name), "index.docker.io/library/nginx", "{name}");
        }
        assert_eq!(canonical("org/app"), "index.docker.io/org/app");
        assert_eq!(canonical("localhost/app"), "localhost/app");
        assert_eq!(canonical("localhost:5000/app"), "localhost:5000/app");
        assert_eq!(canonical("ghcr.io/a/b/c"), "ghcr.io/a/b/c");
    }
}

//! The canonical form of paths.

/// Where a request for this path is sent instead: to the path without empty and dot segments, or with the slash at the
/// end that makes it one that is served. `None` if it is canonical.
pub fn redirect(path: &str, serves: impl Fn(&str) -> bool) -> Option<String> {
    let clean = clean(path);
    let with_slash = format!("{clean}/");
    if !serves(&clean) && serves(&with_slash) {
        return Some(with_slash);
    }
    (clean != path).then_some(clean)
}

fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        let all = |_: &str| true;
        for path in ["/", "/a", "/a/", "/a/b", "/hook/..a"] {
            assert_eq!(redirect(path, all), None, "{path}");
        }
        for (path, clean) in [
            ("//", "/"),
            ("/a//b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../a", "/a"),
            ("/a/.", "/a"),
            ("/a/./", "/a/"),
            ("/a//", "/a/"),
            ("", "/"),
            ("/a/..", "/"),
        ] {
            assert_eq!(redirect(path, all).as_deref(), Some(clean), "{path}");
        }
    }

    #[test]
    fn a_folder_is_served_with_its_slash() {
        let hook = |path: &str| path.starts_with("/hook/");
        assert_eq!(redirect("/hook", hook).as_deref(), Some("/hook/"));
        assert_eq!(redirect("/other", hook), None);
        assert_eq!(redirect("/hook/x", hook), None);
    }
}

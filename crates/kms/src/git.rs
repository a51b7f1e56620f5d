//! Credentials for the Git servers of the clouds.

use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use crate::aws;

/// What a Git server is shown.
#[derive(Clone)]
pub enum GitLogin {
    /// A user and a password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A bearer token.
    Bearer(Zeroizing<String>),
}

/// What Azure's tokens must be good for to open Azure DevOps.
pub const AZURE_DEV_OPS: &str = "499b84ac-1321-427f-aa17-267ca6975798/.default";

/// The region of a URL such as `https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app`.
pub fn code_commit_region(url: &Url) -> Result<&str, String> {
    if url.scheme() != "https" {
        return Err("AWS CodeCommit authentication requires an HTTPS Git URL".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let region = || {
        let rest =
            host.strip_prefix("git-codecommit.").or_else(|| host.strip_prefix("git-codecommit-fips."))?;
        let region =
            rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
        (!region.is_empty() && !region.contains('.')).then_some(region)
    };
    region().ok_or_else(|| format!("invalid AWS CodeCommit Git URL: {host}"))
}

/// Signs the URL of a repository of Amazon's `CodeCommit` in a region: the password is a signature that the server takes
/// for a quarter of an hour.
pub fn code_commit(credentials: &aws::Credentials, region: &str, url: &Url) -> GitLogin {
    let (username, password) = aws::sign_git(url, region, credentials, Timestamp::now());
    GitLogin::Basic { username, password: Zeroizing::new(password) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_code_commit_tell_the_region() {
        let region = |url: &str| code_commit_region(&Url::parse(url).unwrap()).map(ToOwned::to_owned);
        let repository = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app";
        assert_eq!(region(repository), Ok("eu-west-1".to_owned()));
        assert_eq!(
            region("https://git-codecommit-fips.us-east-1.amazonaws.com/x"),
            Ok("us-east-1".to_owned())
        );
        assert_eq!(
            region("https://git-codecommit.cn-north-1.amazonaws.com.cn/x"),
            Ok("cn-north-1".to_owned())
        );
        for bad in [
            "http://git-codecommit.eu-west-1.amazonaws.com/x",
            "https://git-codecommit.eu-west-1.amazonaws.com.evil.example/x",
            "https://evil.example/git-codecommit.eu-west-1.amazonaws.com",
        ] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }
}

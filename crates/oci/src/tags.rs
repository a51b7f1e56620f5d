//! The tags of a repository, page by page.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::LINK;
use serde::Deserialize;
use url::Url;

use crate::Error;
use crate::client::within;
use crate::retry::Attempts;
use crate::transport::{Answer, Ask, Transport};

/// Longest page in bytes: registries that don't page send everything at once.
const MAX_PAGE: u64 = 32 << 20;
/// Most pages, which bounds what a registry can make us ask.
const MAX_PAGES: usize = 10_000;

/// The tags of a repository, in the order of the registry.
pub struct Tags {
    transport: Transport,
    timeout: Duration,
    next: Option<String>,
    /// The pages that were asked for.
    asked: HashSet<String>,
}

impl Tags {
    pub(crate) fn new(transport: Transport, timeout: Duration) -> Self {
        let first = format!("/v2/{}/tags/list?n=1000", transport.repository().path());
        Self { transport, timeout, next: Some(first), asked: HashSet::new() }
    }

    /// The next page; None after the last. A page may be empty.
    pub async fn next(&mut self) -> Result<Option<Vec<String>>, Error> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let Some(path) = self.next.take() else { return Ok(None) };
        let ask = Ask::new(Method::GET, "application/json");
        let page = async {
            let answer = self.transport.send(&ask, &path, Attempts::several()).await?;
            let (next, request) = (next_page(&answer)?, answer.request());
            let body = answer.read(MAX_PAGE).await?;
            let page: Page = serde_json::from_slice(&body).map_err(|error| Error::Protocol {
                request,
                reason: format!("invalid list of tags: {error}"),
            })?;
            Ok((page.tags.unwrap_or_default(), next))
        };
        let (tags, next) = within(self.timeout, &path, &self.transport, page).await?;
        self.asked.insert(path.clone());
        if next.as_ref().is_some_and(|next| self.asked.len() >= MAX_PAGES || self.asked.contains(next)) {
            return Err(Error::Protocol {
                request: path,
                reason: "the list of tags does not end".to_owned(),
            });
        }
        self.next = next;
        Ok(Some(tags))
    }

    /// All that are left.
    pub async fn all(mut self) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }
}

/// Path and query of the page that `Link` says is next (RFC 8288). It must be of the same server.
pub(crate) fn next_page(answer: &Answer) -> Result<Option<String>, Error> {
    let link = answer.headers().get(LINK).and_then(|value| value.to_str().ok());
    let bad = |reason: &str| Error::Protocol { request: answer.request(), reason: reason.to_owned() };
    link.map_or(Ok(None), |link| target(link, answer.url()).map_err(bad))
}

fn target(link: &str, current: &Url) -> Result<Option<String>, &'static str> {
    for entry in link.split(',') {
        let Some((address, parameters)) =
            entry.trim().strip_prefix('<').and_then(|rest| rest.split_once('>'))
        else {
            return Err("failed to parse link header: no address in '<' and '>'");
        };
        let is_next = |parameter: &str| {
            let relation = parameter.trim().strip_prefix("rel=");
            relation.is_some_and(|relation| relation.trim_matches('"').eq_ignore_ascii_case("next"))
        };
        // Some registries leave the relation out.
        let related = parameters.contains("rel=");
        if related && !parameters.split(';').any(is_next) || address.is_empty() {
            continue;
        }
        let next = current.join(address).map_err(|_| "failed to parse link header: no URL")?;
        if next.origin() != current.origin() {
            return Err("pagination URL host does not match registry host");
        }
        let query = next.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Ok(Some(format!("{}{query}", next.path())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_of_the_same_registry() {
        let current = Url::parse("https://r.io/v2/app/tags/list?n=2").unwrap();
        let next = |link: &str| target(link, &current);
        let second = Ok(Some("/v2/app/tags/list?n=2&last=b".to_owned()));
        assert_eq!(next("</v2/app/tags/list?n=2&last=b>; rel=\"next\""), second);
        assert_eq!(next("<https://r.io/v2/app/tags/list?n=2&last=b>; rel=next"), second);
        assert_eq!(next("<list?n=2&last=b>"), second);
        assert_eq!(next("</first>; rel=\"first\", </v2/app/tags/list?n=2&last=b>; rel=\"next\""), second);
        assert_eq!(next("</first>; rel=\"first\""), Ok(None));
        assert_eq!(next("<>"), Ok(None));
        for bad in
            ["</x", "x", "<https://evil.example/v2/app/tags/list>; rel=next", "<http://r.io/x>; rel=next"]
        {
            assert!(next(bad).is_err(), "{bad}");
        }
    }
}

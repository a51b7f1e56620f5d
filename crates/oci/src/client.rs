//! The operations on one repository.

use std::io::SeekFrom;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sluice_archive::{Algorithm, Digest};
use sluice_http::{Proxy, Settings, Tls};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::blob::{Blob, Progress};
use crate::manifest::ACCEPT;
use crate::retry::Attempts;
use crate::tags::next_page;
use crate::transport::{Ask, Transport};
use crate::{
    Credentials, Descriptor, Error, ImageIndex, ImageManifest, Manifest, Registries, Repository, Tags,
    Version, digest,
};

/// Longest manifest in bytes; registries take up to 4 MiB.
const MAX_MANIFEST: u64 = 8 << 20;
/// How many indexes may be nested.
const MAX_DEPTH: usize = 3;
/// Most pages of referrers.
const MAX_PAGES: usize = 100;
/// How often an interrupted transfer is resumed.
const MAX_RESUMES: usize = 3;
/// Flux's name: registries know it.
const USER_AGENT: &str = "flux/v2";

/// How to get at a repository.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who we are.
    pub credentials: Credentials,
    /// Trust and client identity.
    pub tls: Tls,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// How long one question (digest, manifest, page of tags) may take, attempts included. A transfer of content
    /// may take longer, as long as it does not stop for that time or trickle.
    pub timeout: Duration,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            credentials: Credentials::default(),
            tls: Tls::default(),
            proxy: None,
            timeout: Duration::from_mins(1),
        }
    }
}

/// A client of one repository.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    timeout: Duration,
}

/// One image or artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The digest of its own manifest: of the platform's, when it was found through an index.
    pub digest: String,
    /// The manifest.
    pub manifest: ImageManifest,
}

impl Client {
    /// Asks nothing yet; fails if certificates or proxy are unusable.
    pub fn new(registries: &Registries, repository: Repository, access: Access) -> Result<Self, Error> {
        let Access { credentials, tls, proxy, timeout } = access;
        let settings = Settings { tls, proxy, user_agent: USER_AGENT };
        Ok(Self { transport: Transport::new(registries, repository, credentials, settings)?, timeout })
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        self.transport.repository()
    }

    /// The digest that a tag has now, by one `HEAD`, or by a `GET` where that does not tell. A digest is not asked
    /// about.
    pub async fn resolve(&self, version: &Version) -> Result<String, Error> {
        version.check()?;
        if let Version::Digest(digest) = version {
            return Ok(digest.clone());
        }
        let path = self.manifest_path(version);
        let work = async {
            match self.head(&path).await? {
                Some(digest) => Ok(digest),
                None => Ok(self.get(&path, None).await?.0),
            }
        };
        within(self.timeout, &path, &self.transport, work).await
    }

    /// The manifest of a tag or digest, and its digest.
    pub async fn manifest(&self, version: &Version) -> Result<(String, Manifest), Error> {
        version.check()?;
        let wanted = match version {
            Version::Digest(text) => Some(digest::parse(text)?),
            Version::Tag(_) => None,
        };
        let path = self.manifest_path(version);
        let work = self.get(&path, wanted.as_ref());
        let (digest, body) = within(self.timeout, &path, &self.transport, work).await?;
        Ok((digest, Manifest::parse(&body, &path)?))
    }

    /// How many bytes the manifest of a digest has.
    pub async fn manifest_size(&self, digest: &str) -> Result<u64, Error> {
        let wanted = digest::parse(digest)?;
        let path = self.manifest_path(&Version::Digest(digest.to_owned()));
        let work = self.get(&path, Some(&wanted));
        let (_, body) = within(self.timeout, &path, &self.transport, work).await?;
        Ok(body.len() as u64)
    }

    /// The image that a digest names; that of linux/amd64, where it names several.
    pub async fn image(&self, digest: &str) -> Result<Image, Error> {
        let mut digest = digest.to_owned();
        for _ in 0..=MAX_DEPTH {
            let (found, manifest) = self.manifest(&Version::Digest(digest.clone())).await?;
            match manifest {
                Manifest::Image(manifest) => return Ok(Image { digest: found, manifest: *manifest }),
                Manifest::Index(index) => {
                    let child = index
                        .default_platform()
                        .ok_or_else(|| self.broken(&found, "no child with platform linux/amd64 in index"))?;
                    digest.clone_from(&child.digest);
                }
            }
        }
        Err(self.broken(&digest, "indexes are nested too deeply"))
    }

    /// All tags, page by page.
    pub fn tags(&self) -> Tags {
        Tags::new(self.transport.clone(), self.timeout)
    }

    /// What refers to a manifest (signatures, for instance), of one artifact type if it is given. Registries that do
    /// not know the question are asked for the tag that stands in for it.
    pub async fn referrers(
        &self,
        digest: &str,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        digest::parse(digest)?;
        let mut found = Vec::new();
        let filter = artifact_type.map(|wanted| {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("artifactType", wanted)
                .finish();
            format!("?{query}")
        });
        let mut next = Some(format!(
            "/v2/{}/referrers/{digest}{}",
            self.repository().path(),
            filter.unwrap_or_default()
        ));
        for page in 0..MAX_PAGES {
            let Some(path) = next.take() else { break };
            match within(self.timeout, &path, &self.transport, self.index(&path)).await {
                Ok((index, following)) => {
                    found.extend(index.manifests);
                    next = following;
                }
                Err(error) if page == 0 && error.is_not_found() => {
                    found = self.referrers_by_tag(digest).await?;
                }
                Err(error) => return Err(error),
            }
        }
        found.retain(|entry| artifact_type.is_none_or(|wanted| entry.artifact_type == wanted));
        Ok(found)
    }

    async fn referrers_by_tag(&self, digest: &str) -> Result<Vec<Descriptor>, Error> {
        match self.manifest(&Version::Tag(digest.replace(':', "-"))).await {
            Ok((_, Manifest::Index(index))) => Ok(index.manifests),
            Ok((_, Manifest::Image(_))) => Ok(Vec::new()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Content in pieces, verified at its end.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<Blob, Error> {
        self.transfer(descriptor, Progress::new(descriptor)?).await
    }

    /// Content of at most `limit` bytes as a whole.
    pub async fn read(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        if descriptor.size > limit {
            return Err(Error::TooLarge { request: self.blob_path(descriptor), limit });
        }
        let mut blob = self.blob(descriptor).await?;
        let mut content = Vec::new();
        while let Some(chunk) = blob.chunk().await? {
            content.extend_from_slice(&chunk);
        }
        Ok(content)
    }

    /// Content into a file that is open for writing, replacing what is in it. An interrupted transfer is resumed
    /// where it stopped. The content is verified when this returns without an error.
    pub async fn download(&self, descriptor: &Descriptor, file: &mut File) -> Result<(), Error> {
        let mut progress = Progress::new(descriptor)?;
        let mut resumes = 0;
        loop {
            if progress.received() == 0 {
                file.set_len(0).await.map_err(Error::store)?;
                file.seek(SeekFrom::Start(0)).await.map_err(Error::store)?;
            }
            let before = progress.received();
            let mut blob = self.transfer(descriptor, progress).await?;
            let error = match copy(&mut blob, file).await {
                Ok(()) => return file.flush().await.map_err(Error::store),
                Err(error) => error,
            };
            let rest = blob.into_progress().filter(|rest| rest.received() > before);
            match rest {
                Some(rest) if error.is_interruption() && resumes < MAX_RESUMES => {
                    tracing::debug!(%error, received = rest.received(), "resuming a transfer");
                    progress = rest;
                    resumes += 1;
                }
                _ => return Err(error),
            }
        }
    }

    async fn transfer(&self, descriptor: &Descriptor, progress: Progress) -> Result<Blob, Error> {
        let path = self.blob_path(descriptor);
        let mut ask = Ask::new(Method::GET, "*/*");
        ask.from = progress.received();
        let send = self.transport.send(&ask, &path, Attempts::several());
        let answer = within(self.timeout, &path, &self.transport, send).await?;
        if ask.from > 0 && answer.response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(Error::Truncated {
                request: answer.request(),
                received: ask.from,
                expected: descriptor.size,
            });
        }
        Ok(Blob::new(answer, progress, self.timeout))
    }

    /// What `HEAD` says; None where it says nothing useful.
    async fn head(&self, path: &str) -> Result<Option<String>, Error> {
        let ask = Ask::new(Method::HEAD, ACCEPT);
        match self.transport.send(&ask, path, Attempts::one()).await {
            Ok(answer) => {
                let header =
                    answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
                Ok(header.filter(|text| digest::parse(text).is_ok()).map(ToOwned::to_owned))
            }
            // A second question would make it worse.
            Err(error) if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) => Err(error),
            // The answer to `GET` tells why, or is better.
            Err(Error::Status(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A manifest and its digest, which must be `wanted` if that is given.
    async fn get(&self, path: &str, wanted: Option<&Digest>) -> Result<(String, Vec<u8>), Error> {
        let answer = self.transport.send(&Ask::new(Method::GET, ACCEPT), path, Attempts::several()).await?;
        let request = answer.request();
        let body = answer.read(MAX_MANIFEST).await?;
        let algorithm = wanted.map_or(Algorithm::Sha256, Digest::algorithm);
        let mut hasher = algorithm.hasher();
        hasher.update(&body);
        let actual = hasher.finish();
        match wanted {
            Some(wanted) if *wanted != actual => Err(Error::Protocol {
                request,
                reason: format!(
                    "manifest digest: \"{actual}\" does not match requested digest: \"{wanted}\""
                ),
            }),
            _ => Ok((actual.to_string(), body)),
        }
    }

    async fn index(&self, path: &str) -> Result<(ImageIndex, Option<String>), Error> {
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        let ask = Ask::new(Method::GET, INDEX);
        let answer = self.transport.send(&ask, path, Attempts::several()).await?;
        let (next, request) = (next_page(&answer)?, answer.request());
        let body = answer.read(MAX_MANIFEST).await?;
        match Manifest::parse(&body, &request)? {
            Manifest::Index(index) => Ok((index, next)),
            // Where nothing refers, some registries write no list.
            Manifest::Image(empty) if empty.media_type == INDEX && empty.layers.is_empty() => {
                Ok((ImageIndex::default(), next))
            }
            Manifest::Image(_) => {
                Err(Error::Protocol { request, reason: "the answer is no image index".to_owned() })
            }
        }
    }

    fn manifest_path(&self, version: &Version) -> String {
        format!("/v2/{}/manifests/{}", self.repository().path(), version.in_path())
    }

    fn blob_path(&self, descriptor: &Descriptor) -> String {
        format!("/v2/{}/blobs/{}", self.repository().path(), descriptor.digest)
    }

    fn broken(&self, digest: &str, what: &str) -> Error {
        Error::Protocol { request: format!("{}@{digest}", self.repository()), reason: what.to_owned() }
    }
}

async fn copy(blob: &mut Blob, file: &mut File) -> Result<(), Error> {
    while let Some(chunk) = blob.chunk().await? {
        file.write_all(&chunk).await.map_err(Error::store)?;
    }
    Ok(())
}

/// Bounds the time of a question.
pub(crate) async fn within<T>(
    after: Duration,
    path: &str,
    transport: &Transport,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(after, work).await.unwrap_or_else(|_| {
        let request = format!("Get \"{}{path}\"", transport.repository().registry());
        Err(Error::Timeout { request, after })
    })
}

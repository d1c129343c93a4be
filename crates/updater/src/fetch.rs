//! From a request to the bytes: which server or folder, how often, and what counts as unchanged.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pellucid_feeds::Request;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, OnceCell};

use crate::archive::{ArchiveLimits, MemberSink, MembersError, members};
use crate::http::{self, Download, Get};
use crate::mirror::{Located, Login, MANIFEST, MANIFEST_LIMIT, Mirror, Place, Root};
use crate::unpack::{UnpackError, unpack};
use crate::validators::Validators;
use crate::{FetchError, FetchOptions, UpdateError, UpdateProgress};

/// Fetches files as one set of options says.
pub(crate) struct Fetcher<'a> {
    options: &'a FetchOptions,
    progress: &'a dyn UpdateProgress,
    /// Made when the first URL is fetched, so that folders and offline runs make none.
    client: OnceCell<reqwest::Client>,
    /// By where they are, as they are asked for.
    mirrors: Mutex<HashMap<String, Arc<Mirror>>>,
}

/// A file and what it was asked for as.
#[derive(Debug)]
pub(crate) struct FetchedFile {
    pub(crate) request: Request,
    /// Where upstream serves it: its URL, or the other that answered.
    url: String,
    download: Download,
    located: Located,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Got {
    /// It is as it was.
    Unchanged,
    File(Box<FetchedFile>),
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(options: &'a FetchOptions, progress: &'a dyn UpdateProgress) -> Self {
        Self {
            options,
            progress,
            client: OnceCell::new(),
            mirrors: Mutex::default(),
        }
    }

    /// Fetches a file, from where it is, as often as it takes.
    pub(crate) async fn fetch(
        &self,
        key: &str,
        request: &Request,
        previous: Option<&Validators>,
    ) -> Result<Got, FetchError> {
        let mirror = self.mirror(key).await?;
        let mut first_error: Option<FetchError> = None;
        let same = request.alternatives.iter().map(|url| (url, false));
        let less = request.instead.iter().map(|url| (url, true));
        for (url, says_less) in std::iter::once((&request.url, false))
            .chain(same)
            .chain(less)
        {
            if says_less && !first_error.as_ref().is_none_or(FetchError::is_absence) {
                break;
            }
            let located = match &mirror {
                Some(mirror) => mirror.locate(url),
                None => Ok(Located::at(Place::Url(url.clone()))),
            };
            let login = mirror.as_ref().and_then(|mirror| mirror.login());
            let got = match located {
                Ok(located) => {
                    self.fetch_from(key, request, url, located, login, previous)
                        .await
                }
                Err(error) => Err(error),
            };
            match got {
                Ok(got) => {
                    if says_less {
                        let wanted = &request.url;
                        tracing::info!(feed.key = key, "{url} is read, as there is no {wanted}");
                    }
                    return Ok(got);
                }
                // That a server fails says more than that another has no such file.
                Err(error) => match &first_error {
                    Some(first) if !first.is_absence() || error.is_absence() => {}
                    _ => first_error = Some(error),
                },
            }
        }
        Err(first_error.unwrap_or(FetchError::Offline {
            url: request.url.clone(),
        }))
    }

    /// Fetches a file whatever is known of it.
    pub(crate) async fn fetch_now(
        &self,
        key: &str,
        request: &Request,
    ) -> Result<FetchedFile, FetchError> {
        match self.fetch(key, request, None).await? {
            Got::File(file) => Ok(*file),
            Got::Unchanged => Err(FetchError::Status {
                url: request.url.clone(),
                status: 304,
            }),
        }
    }

    async fn fetch_from(
        &self,
        key: &str,
        request: &Request,
        upstream: &str,
        located: Located,
        login: Option<&Login>,
        previous: Option<&Validators>,
    ) -> Result<Got, FetchError> {
        let sha256 = located
            .sha256
            .as_ref()
            .or(request.sha256.as_ref())
            .map(String::as_str);
        let download = match &located.place {
            Place::File(path) => {
                Some(open(path, sha256, request.limit).map_err(|error| {
                    match (&error, self.options.mirror_of(key)) {
                        (FetchError::Io { source, .. }, Some(mirror))
                            if source.kind() == std::io::ErrorKind::NotFound =>
                        {
                            let (url, mirror) = (request.url.clone(), mirror.to_owned());
                            FetchError::NotInMirror { url, mirror }
                        }
                        _ => error,
                    }
                })?)
            }
            Place::Url(url) => {
                // Tags of another server, or of another copy on this one, mean nothing.
                let tags = previous.filter(|previous| previous.from == *url);
                let get = Get {
                    url,
                    login,
                    previous: tags,
                    sha256,
                    limit: request.limit,
                };
                self.get(key, &request.name, &get).await?
            }
        };
        let same = |download: &Download| {
            previous.is_some_and(|previous| previous.sha256 == download.validators.sha256)
        };
        Ok(match download.filter(|download| !same(download)) {
            None => Got::Unchanged,
            Some(download) => Got::File(Box::new(FetchedFile {
                request: request.clone(),
                url: upstream.to_owned(),
                download,
                located,
            })),
        })
    }

    /// Tries until it works or trying again makes no sense.
    async fn get(
        &self,
        key: &str,
        name: &str,
        get: &Get<'_>,
    ) -> Result<Option<Download>, FetchError> {
        if self.options.offline {
            return Err(FetchError::Offline {
                url: get.url.to_owned(),
            });
        }
        let https = get.url.starts_with("https:");
        let client = self
            .client
            .get_or_try_init(async || http::client(self.options, https))
            .await?;
        let progress = |bytes, total| self.progress.downloading(key, name, bytes, total);
        let mut pause = self.options.first_wait;
        let mut attempt = 1;
        loop {
            let failure = match get.send(client, self.options, &progress).await {
                Ok(download) => return Ok(download),
                Err(failure) => failure,
            };
            if !failure.error.may_pass() || attempt >= self.options.attempts {
                return Err(failure.error);
            }
            let wait = match failure.retry_after {
                Some(pause) if pause > self.options.longest_wait => {
                    return Err(FetchError::ComeBackLater {
                        url: get.url.to_owned(),
                        pause,
                    });
                }
                Some(pause) => pause,
                None => shortened(pause.min(self.options.longest_wait)),
            };
            tracing::debug!(
                feed.key = key,
                url = get.url,
                attempt,
                "try failed: {}",
                failure.error
            );
            self.progress
                .waiting(key, name, &failure.error.to_string(), wait);
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
            attempt += 1;
        }
    }

    /// The mirror of a key; its list is read once. `None` if upstream itself is asked.
    async fn mirror(&self, key: &str) -> Result<Option<Arc<Mirror>>, FetchError> {
        let text = self.options.mirror_of(key).unwrap_or_default();
        // Held while the list is fetched: several feeds want the same one.
        let mut mirrors = self.mirrors.lock().await;
        if let Some(mirror) = mirrors.get(text) {
            return Ok(Some(Arc::clone(mirror)));
        }
        let Some(mirror) = self.open_mirror(key).await?.map(Arc::new) else {
            return Ok(None);
        };
        mirrors.insert(text.to_owned(), Arc::clone(&mirror));
        Ok(Some(mirror))
    }

    async fn open_mirror(&self, key: &str) -> Result<Option<Mirror>, FetchError> {
        let as_of = self.options.as_of.as_deref();
        let Some(text) = self.options.mirror_of(key) else {
            return match as_of {
                None => Ok(None),
                Some(_) => {
                    let what = "only a mirror has data as of a date".to_owned();
                    Err(FetchError::Usage { what })
                }
            };
        };
        let root = Root::new(text)?;
        let body = match root.join(MANIFEST) {
            Place::File(path) => match open(&path, None, MANIFEST_LIMIT) {
                Ok(download) => Some((path.display().to_string(), download)),
                Err(FetchError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound =>
                {
                    None
                }
                Err(error) => return Err(error),
            },
            Place::Url(url) => {
                let get = Get {
                    url: &url,
                    login: root.login(),
                    previous: None,
                    sha256: None,
                    limit: MANIFEST_LIMIT,
                };
                match self.get(key, MANIFEST, &get).await {
                    Ok(download) => download.map(|download| (url, download)),
                    Err(FetchError::Status {
                        status: 404 | 410, ..
                    }) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        let Some((manifest, download)) = body else {
            return Mirror::new(root, None, as_of).map(Some);
        };
        let body = read(download, &manifest, MANIFEST_LIMIT)?;
        let text = String::from_utf8(body).map_err(|_| FetchError::Manifest {
            manifest,
            what: "it is not text".to_owned(),
        })?;
        Mirror::new(root, Some(&text), as_of).map(Some)
    }
}

impl FetchedFile {
    /// The bytes as upstream means them: unpacked and restored. Reads the whole file.
    pub(crate) fn into_body(self) -> Result<(Request, Vec<u8>), FetchError> {
        let Self {
            request,
            download,
            located,
            ..
        } = self;
        let body = read(download, &located.place.to_string(), request.limit)?;
        Ok((request, located.restore(body)))
    }

    /// The members of an archive, one at a time.
    ///
    /// # Errors
    /// The archive is damaged or too large, or the sink wants no more.
    pub(crate) fn members<S: MemberSink<Error = UpdateError>>(
        self,
        member_limit: u64,
        sink: &mut S,
    ) -> Result<(), UpdateError> {
        let limits = ArchiveLimits {
            whole: self.request.limit,
            member: member_limit,
        };
        let url = self.located.place.to_string();
        members(self.download.file, limits, sink).map_err(|error| match error {
            MembersError::Archive(error) => unpack_error(error, &url, limits.whole).into(),
            MembersError::Sink(error) => error,
        })
    }

    /// Where upstream serves it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is that was read because upstream has no such file as was asked for.
    pub(crate) fn instead(&self) -> Option<&str> {
        let is_instead = self.request.instead.contains(&self.url);
        is_instead.then_some(self.url.as_str())
    }

    /// The bytes as they came.
    pub(crate) fn raw(&self) -> std::io::Result<File> {
        let mut file = self.download.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// The bytes as upstream serves them, where the mirror that they are from has others.
    pub(crate) fn restored(&self) -> Result<Option<Vec<u8>>, FetchError> {
        if self.located.base.is_none() {
            return Ok(None);
        }
        let url = self.located.place.to_string();
        let damaged = |source| FetchError::Damaged {
            url: url.clone(),
            source,
        };
        let limit = self.request.limit;
        let body = unpack(self.raw().map_err(damaged)?, self.download.bytes, limit);
        let body = body.map_err(|error| unpack_error(error, &url, limit))?;
        Ok(Some(self.located.restore(body)))
    }

    /// What to remember of it.
    pub(crate) fn validators(&self) -> Validators {
        self.download.validators.clone()
    }

    /// What it was asked for as.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Bytes as they came.
    pub(crate) fn bytes(&self) -> u64 {
        self.download.bytes
    }

    /// Date of the data, in seconds since the epoch: as the mirror's list has it, or the server.
    pub(crate) fn as_of(&self) -> Option<i64> {
        self.located.as_of.or(self.download.modified)
    }
}

/// The bytes of a file as upstream means them.
pub(crate) fn read(download: Download, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
    unpack(download.file, download.bytes, limit).map_err(|error| unpack_error(error, url, limit))
}

fn unpack_error(error: UnpackError, url: &str, limit: u64) -> FetchError {
    match error {
        UnpackError::TooLarge => FetchError::TooLarge {
            url: url.to_owned(),
            limit,
        },
        UnpackError::Damaged(source) => FetchError::Damaged {
            url: url.to_owned(),
            source,
        },
    }
}

/// A file of a folder, hashed.
///
/// # Errors
/// It cannot be read, is larger than the limit, or has another digest.
pub(crate) fn open(path: &Path, sha256: Option<&str>, limit: u64) -> Result<Download, FetchError> {
    let io = |source| FetchError::Io {
        path: path.to_owned(),
        source,
    };
    let url = || path.display().to_string();
    let mut file = File::open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut hash = Sha256::new();
    let mut bytes = 0_u64;
    let mut buffer = vec![0; 128 << 10];
    loop {
        let read = file.read(&mut buffer).map_err(io)?;
        let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        hash.update(chunk);
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(FetchError::TooLarge { url: url(), limit });
        }
    }
    file.rewind().map_err(io)?;
    let found = hex::encode(hash.finalize());
    if let Some(expected) = sha256.filter(|expected| *expected != found) {
        return Err(FetchError::Checksum {
            url: url(),
            found,
            expected: expected.to_owned(),
        });
    }
    let validators = Validators {
        from: url(),
        sha256: found,
        ..Validators::default()
    };
    Ok(Download {
        file,
        bytes,
        validators,
        modified: None,
    })
}

/// A pause made shorter by up to half, so that many who failed together do not come back together.
fn shortened(pause: Duration) -> Duration {
    // The hasher's keys are the one source of chance in the standard library.
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    pause.mul_f64(0.5 + chance / 2.0)
}

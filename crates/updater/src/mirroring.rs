//! The files of upstream themselves, copied into a folder that is a mirror afterwards.
//!
//! Nothing is parsed but the index files that say what else there is. A file is written beside its
//! place and renamed; `MANIFEST.tsv` is replaced when all are there, so that whoever reads the mirror
//! meanwhile sees the old files' list and refuses a file that is newer than it, by its digest. Files
//! are asked for anew with what the list remembers of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use pellucid_feeds::{FeedError, FeedState, IndexFile, Plan, Request, feed_of};
use sha2::{Digest as _, Sha256};

use crate::fetch::{FetchedFile, Fetcher};
use crate::mirror::MANIFEST;
use crate::{FetchError, FetchOptions, UpdateError, UpdateProgress};

/// Rounds of index files before a feed must know what to read.
const ROUNDS: usize = 8;
const HEADING: &str = "url\tfile\tas_of\tsize\tsha256";

/// What became of a feed's files.
#[derive(Debug)]
pub struct Copied {
    /// Key of the snapshot that they are for.
    pub key: String,
    /// How many files and bytes were copied; after an error those of before stay.
    pub result: Result<(u64, u64), UpdateError>,
}

/// A file of the mirror, as its list has it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    file: String,
    as_of: Option<String>,
    size: u64,
    sha256: String,
}

type Rows = BTreeMap<String, Row>;

/// Copies every file that the snapshots of these keys are made of into a folder, which is made if it
/// is not there. One outcome a key, in the order of the keys. Needs a tokio runtime.
///
/// # Errors
/// The folder or its list cannot be read or written. A feed that fails is no error here.
pub async fn mirror(
    keys: &[String],
    folder: &Path,
    options: &FetchOptions,
    progress: &dyn UpdateProgress,
) -> Result<Vec<Copied>, FetchError> {
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let list = folder.join(MANIFEST);
    let mut rows = match fs::read_to_string(&list) {
        Ok(text) => read(&text).ok_or_else(|| FetchError::Manifest {
            manifest: list.display().to_string(),
            what: "it is not one that pellucid wrote".to_owned(),
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Rows::new(),
        Err(error) => return Err(io_error(&list)(error)),
    };
    let fetcher = Fetcher::new(options, progress);
    let copies: Vec<_> = keys.iter().map(|key| copy(key, folder, &fetcher)).collect();
    let copied: Vec<_> = futures_util::stream::iter(copies)
        .buffered(options.parallel.max(1))
        .collect()
        .await;
    let outcomes = keys
        .iter()
        .zip(copied)
        .map(|(key, copied)| Copied {
            key: key.clone(),
            result: copied.map(|more| {
                let bytes = more.values().map(|row| row.size).sum();
                let files = more.len() as u64;
                rows.extend(more);
                (files, bytes)
            }),
        })
        .collect();
    write(&list, shown(&rows).as_bytes())?;
    Ok(outcomes)
}

/// The files of one key.
async fn copy(key: &str, folder: &Path, fetcher: &Fetcher<'_>) -> Result<Rows, UpdateError> {
    let feed = feed_of(key).ok_or_else(|| FeedError::UnknownKey {
        key: key.chars().take(80).collect(),
    })?;
    let mut rows = Rows::new();
    let mut indexes: Vec<IndexFile> = Vec::new();
    for _ in 0..ROUNDS {
        let state = FeedState {
            mark: None,
            indexes: &indexes,
        };
        match feed.plan(key, &state)? {
            Plan::Index(requests) => {
                for request in requests {
                    let body = match get(key, &request, fetcher).await? {
                        Some(file) => {
                            let kept = keep(&file, folder)?;
                            let (_, body) = file.into_body()?;
                            rows.extend(kept);
                            body
                        }
                        None => Vec::new(),
                    };
                    indexes.push(IndexFile { request, body });
                }
            }
            Plan::Advisories { requests, .. } => {
                for request in &requests {
                    if let Some(file) = get(key, request, fetcher).await? {
                        rows.extend(keep(&file, folder)?);
                    }
                }
                return Ok(rows);
            }
            _ => break,
        }
    }
    Err(UpdateError::EndlessPlan)
}

/// A file; `None` if upstream does not have it and need not.
async fn get(
    key: &str,
    request: &Request,
    fetcher: &Fetcher<'_>,
) -> Result<Option<FetchedFile>, UpdateError> {
    match fetcher
        .fetch_now(key, request)
        .await
        .map_err(UpdateError::from)
    {
        Ok(file) => Ok(Some(file)),
        Err(error) if request.may_be_absent && error.is_absence() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a file in its place, under the URL that answered.
fn keep(file: &FetchedFile, folder: &Path) -> Result<Option<(String, Row)>, FetchError> {
    let url = file.url();
    let name = name_of(url).ok_or_else(|| FetchError::Usage {
        what: format!("{url} has no place in a mirror"),
    })?;
    let path = folder.join(&name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_error(parent))?;
    }
    let mut from = file.raw().map_err(io_error(&path))?;
    let partial = partial(&path);
    let mut copy = || -> io::Result<(u64, String)> {
        let mut to = Hashing {
            file: File::create(&partial)?,
            hash: Sha256::new(),
        };
        let size = io::copy(&mut from, &mut to)?;
        to.file.sync_all()?;
        fs::rename(&partial, &path)?;
        Ok((size, hex::encode(to.hash.finalize())))
    };
    let (size, sha256) = copy().map_err(io_error(&path))?;
    // Both handles have one position, and an index file is read next.
    from.rewind().map_err(io_error(&path))?;
    let as_of = file
        .as_of()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let row = Row {
        file: name,
        as_of: as_of.map(|time| time.strftime("%Y-%m-%d").to_string()),
        size,
        sha256,
    };
    Ok(Some((url.to_owned(), row)))
}

struct Hashing {
    file: File,
    hash: Sha256,
}

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        if let Some(bytes) = bytes.get(..written) {
            self.hash.update(bytes);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// `host/path` of a URL, if that stays inside of a folder; what stands behind a question mark becomes
/// part of the name.
fn name_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let name = rest.replace(['?', '#', ':'], "_");
    let normal = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
    let fits = !name.contains(['\\', '\t', '\n', '\r']) && name.contains('/');
    (fits && Path::new(&name).components().all(normal) && !name.ends_with('/')).then_some(name)
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    let partial = partial(path);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(io_error(path))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io {
        path: path.clone(),
        source,
    }
}

fn shown(rows: &Rows) -> String {
    let mut text = format!("{HEADING}\n");
    let mut files = BTreeSet::new();
    for (url, row) in rows {
        if files.insert(&row.file) {
            let as_of = row.as_of.as_deref().unwrap_or("-");
            let Row {
                file, size, sha256, ..
            } = row;
            text.push_str(&format!("{url}\t{file}\t{as_of}\t{size}\t{sha256}\n"));
        }
    }
    text
}

/// The rows of a list that this room wrote.
fn read(text: &str) -> Option<Rows> {
    let mut lines = text.lines();
    (lines.next()? == HEADING).then_some(())?;
    lines
        .map(|line| {
            let [url, file, as_of, size, sha256] =
                line.split('\t').collect::<Vec<_>>().try_into().ok()?;
            let row = Row {
                file: file.to_owned(),
                as_of: Some(as_of.to_owned()).filter(|date| date != "-"),
                size: size.parse().ok()?,
                sha256: sha256.to_owned(),
            };
            Some((url.to_owned(), row))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_place_inside_the_mirror_or_none() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(name_of(url).as_deref(), expected, "{url}");
        };
        check("https://a.example/x/y.json", Some("a.example/x/y.json"));
        check("http://127.0.0.1:80/x?a=b", Some("127.0.0.1_80/x_a=b"));
        check("https://a.example/../../etc/passwd", None);
        check("https://a.example/x/", None);
        check("https://a.example", None);
        check("nonsense", None);
    }
}

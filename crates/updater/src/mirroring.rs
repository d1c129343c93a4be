//! The files of upstream themselves, copied into a folder that is a mirror afterwards.
//!
//! Nothing is parsed but the index files that say what else there is. A file is written beside its
//! place and renamed; `MANIFEST.tsv` is replaced when all are there, so that whoever reads the mirror
//! meanwhile sees the old files' list and refuses a file that is newer than it, by its digest. What the
//! list remembers of a file is sent along when it is asked for anew, if the file is still what the list
//! says; where nothing has changed nothing is written, neither file nor list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use pellucid_feeds::{FeedError, FeedState, IndexFile, Plan, Request, feed_of};
use sha2::{Digest as _, Sha256};

use crate::fetch::{FetchedFile, Fetcher, Got, open, read};
use crate::http::Download;
use crate::mirror::{MANIFEST, without_login};
use crate::validators::Validators;
use crate::{FetchError, FetchOptions, UpdateError, UpdateProgress};

/// Rounds of index files before a feed must know what to read.
const ROUNDS: usize = 8;
const HEADING: &str = "url\tfile\tas_of\tsize\tsha256\tfrom\tetag\tlast_modified";
/// What a list without the last three columns begins with.
const OLD_HEADING: &str = "url\tfile\tas_of\tsize\tsha256";

/// What became of a feed's files.
#[derive(Debug)]
pub struct Copied {
    /// Key of the snapshot that they are for.
    pub key: String,
    /// The files; after an error those of before stay.
    pub result: Result<FileCount, UpdateError>,
}

/// The files of a feed in a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileCount {
    /// How many.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many of them were fetched, because they were not there or not as they are now.
    pub new: u64,
}

/// A file of the mirror, as its list has it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    file: String,
    as_of: Option<String>,
    size: u64,
    sha256: String,
    /// Where it was fetched from, and the tags that it had there.
    from: Option<String>,
    etag: Option<String>,
    last_modified: Option<String>,
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
    let before = match fs::read_to_string(&list) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error(&list)(error)),
    };
    let rows = before
        .as_deref()
        .map(listed)
        .unwrap_or_else(|| Some(Rows::new()));
    let mut rows = rows.ok_or_else(|| FetchError::Manifest {
        manifest: list.display().to_string(),
        what: "it is not one that pellucid wrote".to_owned(),
    })?;
    let fetcher = Fetcher::new(options, progress);
    let copied: Vec<_> = {
        let place = Copier {
            folder,
            rows: &rows,
            fetcher: &fetcher,
        };
        let copies: Vec<_> = keys.iter().map(|key| place.copy(key)).collect();
        futures_util::stream::iter(copies)
            .buffered(options.parallel.max(1))
            .collect()
            .await
    };
    let outcomes = keys
        .iter()
        .zip(copied)
        .map(|(key, copied)| Copied {
            key: key.clone(),
            result: copied.map(|(more, new)| {
                let count = FileCount {
                    files: more.len() as u64,
                    bytes: more.values().map(|row| row.size).sum(),
                    new,
                };
                rows.extend(more);
                count
            }),
        })
        .collect();
    let after = shown(&rows);
    if before.as_ref() != Some(&after) {
        write(&list, after.as_bytes())?;
    }
    Ok(outcomes)
}

/// What copies files, and what is there.
struct Copier<'a> {
    folder: &'a Path,
    rows: &'a Rows,
    fetcher: &'a Fetcher<'a>,
}

impl Copier<'_> {
    /// The files of one key, and how many of them were fetched.
    async fn copy(&self, key: &str) -> Result<(Rows, u64), UpdateError> {
        let feed = feed_of(key).ok_or_else(|| FeedError::UnknownKey {
            key: key.chars().take(80).collect(),
        })?;
        let (mut rows, mut new) = (Rows::new(), 0);
        let mut indexes: Vec<IndexFile> = Vec::new();
        for _ in 0..ROUNDS {
            let state = FeedState {
                mark: None,
                indexes: &indexes,
            };
            match feed.plan(key, &state)? {
                Plan::Index(requests) => {
                    for request in requests {
                        let body = match self.get(key, &request).await? {
                            Some((url, row, file)) => {
                                new += u64::from(file.is_some());
                                let body = match file {
                                    Some(file) => file.into_body()?.1,
                                    None => self.body(&row, &request)?,
                                };
                                rows.insert(url, row);
                                body
                            }
                            None => Vec::new(),
                        };
                        indexes.push(IndexFile { request, body });
                    }
                }
                Plan::Advisories { requests, .. } => {
                    for request in &requests {
                        if let Some((url, row, file)) = self.get(key, request).await? {
                            new += u64::from(file.is_some());
                            rows.insert(url, row);
                        }
                    }
                    return Ok((rows, new));
                }
                _ => break,
            }
        }
        Err(UpdateError::EndlessPlan)
    }

    /// Brings a file up to date: its URL and row, and what was fetched, if it had to be; `None` if
    /// upstream does not have it and need not.
    async fn get(
        &self,
        key: &str,
        request: &Request,
    ) -> Result<Option<(String, Row, Option<FetchedFile>)>, UpdateError> {
        let known = self.known(request);
        let previous = known.map(|(_, row)| Validators {
            from: row.from.clone().unwrap_or_default(),
            etag: row.etag.clone(),
            last_modified: row.last_modified.clone(),
            sha256: row.sha256.clone(),
        });
        let got = self.fetcher.fetch(key, request, previous.as_ref()).await;
        match (got.map_err(UpdateError::from), known) {
            (Ok(Got::File(file)), _) => {
                let (url, row) = keep(&file, self.folder)?;
                Ok(Some((url, row, Some(*file))))
            }
            (Ok(Got::Unchanged), Some((url, row))) => Ok(Some((url.to_owned(), row.clone(), None))),
            (Ok(Got::Unchanged), None) => Err(UpdateError::Fetch(FetchError::Status {
                url: request.url.clone(),
                status: 304,
            })),
            (Err(error), _) if request.may_be_absent && error.is_absence() => Ok(None),
            // The copy that is there, or none: as an update goes on without it, so does its mirror.
            (Err(error), known) if request.may_fail => {
                let name = &request.name;
                tracing::warn!(
                    feed.key = key,
                    "mirrored without a new {name}: {}",
                    error.chain()
                );
                Ok(known.map(|(url, row)| (url.to_owned(), row.clone(), None)))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The copy of a request's file, if it is there as the list says.
    fn known<'r>(&'r self, request: &'r Request) -> Option<(&'r str, &'r Row)> {
        let mut urls = std::iter::once(&request.url)
            .chain(&request.alternatives)
            .chain(&request.instead);
        urls.find_map(|url| {
            let row = self.rows.get(url)?;
            self.open(row, request).ok()?;
            Some((url.as_str(), row))
        })
    }

    /// The bytes of a copy as upstream means them.
    fn body(&self, row: &Row, request: &Request) -> Result<Vec<u8>, FetchError> {
        let path = self.folder.join(&row.file).display().to_string();
        read(self.open(row, request)?, &path, request.limit)
    }

    fn open(&self, row: &Row, request: &Request) -> Result<Download, FetchError> {
        open(
            &self.folder.join(&row.file),
            Some(&row.sha256),
            request.limit,
        )
    }
}

/// Puts a file in its place, under the URL that answered.
fn keep(file: &FetchedFile, folder: &Path) -> Result<(String, Row), FetchError> {
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
    let validators = file.validators();
    // A field of the list is one line without tabs; what is none cannot be asked with.
    let text = |text: Option<String>| text.filter(|text| !text.contains(char::is_control));
    let row = Row {
        file: name,
        as_of: as_of.map(|time| time.strftime("%Y-%m-%d").to_string()),
        size,
        sha256,
        from: text(Some(validators.from)),
        etag: text(validators.etag),
        last_modified: text(validators.last_modified),
    };
    Ok((url.to_owned(), row))
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
            let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let fields = [
                url.clone(),
                row.file.clone(),
                known(&row.as_of),
                row.size.to_string(),
                row.sha256.clone(),
                known(&row.from),
                known(&row.etag),
                known(&row.last_modified),
            ];
            text.push_str(&fields.join("\t"));
            text.push('\n');
        }
    }
    text
}

/// The rows of a list that this room wrote.
fn listed(text: &str) -> Option<Rows> {
    let mut lines = text.lines();
    let heading = lines.next()?;
    [HEADING, OLD_HEADING].contains(&heading).then_some(())?;
    lines
        .map(|line| {
            let known = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
            let mut fields = line.split('\t');
            let url = fields.next()?.to_owned();
            let row = Row {
                file: fields.next()?.to_owned(),
                as_of: known(fields.next()?),
                size: fields.next()?.parse().ok()?,
                sha256: fields.next()?.to_owned(),
                // Lists that were written before had the password of a mirror there.
                from: fields
                    .next()
                    .and_then(known)
                    .map(|from| without_login(&from)),
                etag: fields.next().and_then(known),
                last_modified: fields.next().and_then(known),
            };
            fields.next().is_none().then_some((url, row))
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

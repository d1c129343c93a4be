//! The files of upstream themselves, copied into a folder that is a mirror afterwards.
//!
//! Nothing is parsed but the index files that say what else there is. The files of a key wait beside
//! the mirror until all of them are there; then they take their places and `MANIFEST.tsv` is replaced,
//! so that a key that fails, or a run that ends early, leaves the mirror as it was. Whoever reads it
//! in the moment between sees the old files' list and refuses a file that is newer than it, by its
//! digest. Files that a key no longer names go when its new ones are in place. What the list remembers
//! of a file is sent along when it is asked for anew, if the file is still what the list says; where
//! nothing has changed nothing is written, neither file nor list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt as _;
use pellucid_feeds::{FeedError, FeedState, IndexFile, Plan, Request, feed_of};
use sha2::{Digest as _, Sha256};

use crate::fetch::{FetchedFile, Fetcher, Got, open, read};
use crate::mirror::{MANIFEST, is_inside, without_login};
use crate::validators::Validators;
use crate::{FetchError, FetchOptions, UpdateError, UpdateProgress};

/// Rounds of index files before a feed must know what to read.
const ROUNDS: usize = 8;
const HEADING: &str = "url\tfile\tas_of\tsize\tsha256\tfrom\tetag\tlast_modified\tkeys";
/// What lists of earlier releases begin with, which have fewer columns.
const OLD_HEADINGS: &[&str] = &[
    "url\tfile\tas_of\tsize\tsha256\tfrom\tetag\tlast_modified",
    "url\tfile\tas_of\tsize\tsha256",
];
/// The folder in which files wait.
const WAITING: &str = ".partial";

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
    /// Keys that read it; none where an earlier release wrote the row.
    keys: BTreeSet<String>,
}

type Rows = BTreeMap<String, Row>;

/// Copies every file that the snapshots of these keys are made of into a folder, which is made if it
/// is not there. One outcome a key, in the order of the keys, however often one is named. Needs a
/// tokio runtime.
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
    let rows = rows.ok_or_else(|| FetchError::Manifest {
        manifest: list.display().to_string(),
        what: "it is not one that pellucid wrote".to_owned(),
    })?;
    // What a run that was interrupted left.
    let waiting = folder.join(WAITING);
    remove_folder(&waiting)?;
    let fetcher = Fetcher::new(options, progress);
    let place = Copier {
        folder,
        list: Mutex::new(List {
            rows,
            written: before,
        }),
        fetcher: &fetcher,
    };
    let mut seen = BTreeSet::new();
    let copies: Vec<_> = keys
        .iter()
        .filter(|key| seen.insert(*key))
        .map(|key| async {
            let result = place.copy(key).await;
            let key = key.clone();
            Copied { key, result }
        })
        .collect();
    let copied = futures_util::stream::iter(copies)
        .buffered(options.parallel.max(1))
        .collect()
        .await;
    remove_folder(&waiting)?;
    // A mirror of nothing has a list too: it says that nothing is there.
    place.list().write(folder)?;
    Ok(copied)
}

/// Removes a folder and what is in it, if it is there.
fn remove_folder(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(folder)(error)),
        _ => Ok(()),
    }
}

/// The list of a mirror's files.
struct List {
    rows: Rows,
    /// The list as it is on the disk.
    written: Option<String>,
}

/// A file that a key is made of.
struct Needed {
    row: Row,
    /// Where it waits, if it was fetched.
    waits: Option<PathBuf>,
}

type AllNeeded = BTreeMap<String, Needed>;

impl List {
    /// Puts a key's files in their places, and takes away those that only its earlier plan named.
    fn take(&mut self, key: &str, needed: AllNeeded, folder: &Path) -> Result<(), FetchError> {
        // Another key may have found since that nobody needs a file that this one left alone.
        let lost = |(url, needed): (&String, &Needed)| {
            (needed.waits.is_none() && !self.rows.contains_key(url)).then(|| url.clone())
        };
        if let Some(url) = needed.iter().find_map(lost) {
            let mirror = folder.display().to_string();
            return Err(FetchError::NotInMirror { url, mirror });
        }
        for Needed { row, waits } in needed.values() {
            if let Some(from) = waits {
                let path = folder.join(&row.file);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(io_error(parent))?;
                }
                fs::rename(from, &path).map_err(io_error(&path))?;
            }
        }
        let mut gone = Vec::new();
        self.rows.retain(|url, row| {
            let goes = !needed.contains_key(url) && row.keys.remove(key) && row.keys.is_empty();
            if goes {
                gone.push(row.file.clone());
            }
            !goes
        });
        for (url, Needed { row, waits }) in needed {
            let mut row = match self.rows.remove(&url) {
                Some(known) if waits.is_none() => known,
                Some(known) => Row {
                    keys: known.keys,
                    ..row
                },
                None => row,
            };
            row.keys.insert(key.to_owned());
            self.rows.insert(url, row);
        }
        self.write(folder)?;
        for file in gone {
            if self.rows.values().all(|row| row.file != file) {
                remove(folder, &file)?;
            }
        }
        Ok(())
    }

    /// Writes the list, if it is not as it is on the disk.
    fn write(&mut self, folder: &Path) -> Result<(), FetchError> {
        let text = shown(&self.rows);
        if self.written.as_ref() != Some(&text) {
            write(&folder.join(MANIFEST), text.as_bytes())?;
            self.written = Some(text);
        }
        Ok(())
    }
}

/// Removes a file of the mirror, and the folders that are empty then.
fn remove(folder: &Path, file: &str) -> Result<(), FetchError> {
    let path = folder.join(file);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(&path)(error));
        }
        _ => {}
    }
    let parents = path.ancestors().skip(1);
    for parent in parents.take_while(|parent| *parent != folder) {
        // One with something in it stays.
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

/// What copies files, and what is there.
struct Copier<'a> {
    folder: &'a Path,
    list: Mutex<List>,
    fetcher: &'a Fetcher<'a>,
}

/// Where a key's files wait; what has not taken its place by the end goes.
struct Waiting(PathBuf);

impl Drop for Waiting {
    fn drop(&mut self) {
        // Best effort: the next run begins with it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Copier<'_> {
    fn list(&self) -> std::sync::MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of one key.
    async fn copy(&self, key: &str) -> Result<FileCount, UpdateError> {
        let waiting = Waiting(self.folder.join(WAITING).join(key.replace(['/', ':'], "_")));
        let needed = self.needed(key, &waiting.0).await?;
        let count = FileCount {
            files: needed.len() as u64,
            bytes: needed.values().map(|needed| needed.row.size).sum(),
            new: needed.values().filter(|one| one.waits.is_some()).count() as u64,
        };
        self.list().take(key, needed, self.folder)?;
        Ok(count)
    }

    /// Brings all files of a key here; those that were fetched are in the folder where they wait.
    async fn needed(&self, key: &str, waiting: &Path) -> Result<AllNeeded, UpdateError> {
        let feed = feed_of(key).ok_or_else(|| FeedError::UnknownKey {
            key: key.chars().take(80).collect(),
        })?;
        let mut all = AllNeeded::new();
        let mut indexes: Vec<IndexFile> = Vec::new();
        for _ in 0..ROUNDS {
            let state = FeedState {
                mark: None,
                indexes: &indexes,
            };
            match feed.plan(key, &state)? {
                Plan::Index(requests) => {
                    for request in requests {
                        let body = match self.get(key, &request, waiting, true).await? {
                            Some((url, needed)) => {
                                let body = self.body(&needed, &request)?;
                                all.insert(url, needed);
                                body
                            }
                            None => Vec::new(),
                        };
                        indexes.push(IndexFile { request, body });
                    }
                }
                Plan::Advisories { requests, .. } => {
                    for request in &requests {
                        all.extend(self.get(key, request, waiting, false).await?);
                    }
                    return Ok(all);
                }
                _ => break,
            }
        }
        Err(UpdateError::EndlessPlan)
    }

    /// Brings a file up to date: its URL and row, and where it waits, if it had to be fetched; `None`
    /// if upstream does not have it and need not.
    async fn get(
        &self,
        key: &str,
        request: &Request,
        waiting: &Path,
        is_index: bool,
    ) -> Result<Option<(String, Needed)>, UpdateError> {
        let known = self.known(request);
        let previous = known.as_ref().map(|(_, row)| Validators {
            from: row.from.clone().unwrap_or_default(),
            etag: row.etag.clone(),
            last_modified: row.last_modified.clone(),
            sha256: row.sha256.clone(),
        });
        let as_it_is = |(url, row)| (url, Needed { row, waits: None });
        let got = self.fetcher.fetch(key, request, previous.as_ref()).await;
        match (got.map_err(UpdateError::from), known) {
            (Ok(Got::File(file)), _) => Ok(Some(keep(&file, waiting)?)),
            (Ok(Got::Unchanged), Some(known)) => Ok(Some(as_it_is(known))),
            (Ok(Got::Unchanged), None) => Err(UpdateError::Fetch(FetchError::Status {
                url: request.url.clone(),
                status: 304,
            })),
            (Err(error), known)
                if request.may_be_absent && error.is_absence() && (is_index || known.is_none()) =>
            {
                Ok(None)
            }
            // The copy that is there, or none: as an update goes on without it, so does its mirror. A
            // file with advisories that was there yesterday is missing, whoever may say that it
            // never was.
            (Err(error), known)
                if request.may_fail || request.may_be_absent && error.is_absence() =>
            {
                let name = &request.name;
                tracing::warn!(
                    feed.key = key,
                    "mirrored without a new {name}: {}",
                    error.chain()
                );
                Ok(known.map(as_it_is))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The copy of a request's file, if it is there as the list says.
    fn known(&self, request: &Request) -> Option<(String, Row)> {
        let list = self.list();
        let mut urls = std::iter::once(&request.url)
            .chain(&request.alternatives)
            .chain(&request.instead);
        urls.find_map(|url| {
            let row = list.rows.get(url)?;
            let path = self.folder.join(&row.file);
            open(&path, Some(&row.sha256), request.limit).ok()?;
            Some((url.clone(), row.clone()))
        })
    }

    /// The bytes of a copy as upstream means them.
    fn body(&self, needed: &Needed, request: &Request) -> Result<Vec<u8>, FetchError> {
        let place = self.folder.join(&needed.row.file);
        let path = needed.waits.as_deref().unwrap_or(&place);
        let copy = open(path, Some(&needed.row.sha256), request.limit)?;
        read(copy, &path.display().to_string(), request.limit)
    }
}

/// Puts a file where it waits, under the URL that answered.
fn keep(file: &FetchedFile, waiting: &Path) -> Result<(String, Needed), FetchError> {
    let url = file.url();
    let name = name_of(url).ok_or_else(|| FetchError::Usage {
        what: format!("{url} has no place in a mirror"),
    })?;
    let path = waiting.join(&name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_error(parent))?;
    }
    let mut from: Box<dyn io::Read> = match file.restored()? {
        Some(body) => Box::new(io::Cursor::new(body)),
        None => Box::new(file.raw().map_err(io_error(&path))?),
    };
    let mut copy = || -> io::Result<(u64, String)> {
        let mut to = Hashing {
            file: File::create(&path)?,
            hash: Sha256::new(),
        };
        let size = io::copy(&mut from, &mut to)?;
        to.file.sync_all()?;
        Ok((size, hex::encode(to.hash.finalize())))
    };
    let (size, sha256) = copy().map_err(io_error(&path))?;
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
        keys: BTreeSet::new(),
    };
    let waits = Some(path);
    Ok((url.to_owned(), Needed { row, waits }))
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
            let keys: Vec<&str> = row.keys.iter().map(String::as_str).collect();
            let fields = [
                url.clone(),
                row.file.clone(),
                known(&row.as_of),
                row.size.to_string(),
                row.sha256.clone(),
                known(&row.from),
                known(&row.etag),
                known(&row.last_modified),
                known(&Some(keys.join(",")).filter(|keys| !keys.is_empty())),
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
    (heading == HEADING || OLD_HEADINGS.contains(&heading)).then_some(())?;
    lines
        .map(|line| {
            let known = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
            let mut fields = line.split('\t');
            let url = fields.next()?.to_owned();
            let row = Row {
                // What the list names is replaced, and may be removed.
                file: fields
                    .next()
                    .filter(|file| is_inside(file))
                    .map(str::to_owned)?,
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
                keys: fields
                    .next()
                    .and_then(known)
                    .map(|keys| keys.split(',').map(str::to_owned).collect())
                    .unwrap_or_default(),
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

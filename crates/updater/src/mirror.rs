//! A mirror: one folder or URL that stands in for every upstream host.
//!
//! With a `MANIFEST.tsv` at its root (tab-separated, a header line names the columns; `url`, `file`,
//! and if known `decode`, `as_of`, `sha256`) a file is where the list says, and has the digest it
//! says. One URL may have several dated copies: the newest counts, or the newest that is not younger
//! than a given date. Without a list, `https://host/path` is at `<mirror>/host/path`.
//!
//! `decode` tells how the copy differs from what upstream serves: `xz` and `gz` need no telling, the
//! bytes show it; `base-subst` puts the upstream host in place of `@BASE@`. A work tree that was
//! packed into one archive stands for its repository's URL; a remark in brackets behind a URL is no
//! part of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::FetchError;

/// Name of the list.
pub(crate) const MANIFEST: &str = "MANIFEST.tsv";
/// The largest list that is read, in bytes.
pub(crate) const MANIFEST_LIMIT: u64 = 64 << 20;

/// What a base-subst file has where the host's name belongs.
const BASE: &str = "@BASE@";

/// Where everything comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    Folder(PathBuf),
    Url {
        /// Without a slash at its end, and without user and password: it is printed, logged and
        /// remembered.
        url: String,
        login: Option<Login>,
    },
}

/// A mirror's user and password, as they stand in a URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login(String);

impl Login {
    /// A URL of the mirror, with them in it.
    pub(crate) fn put_into(&self, url: &str) -> String {
        url.replacen("://", &format!("://{}@", self.0), 1)
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("***")
    }
}

impl Root {
    /// A URL with `http` or `https`, or else a path.
    pub(crate) fn new(text: &str) -> Result<Self, FetchError> {
        let usage = |what: String| FetchError::Usage { what };
        if text.starts_with("http://") || text.starts_with("https://") {
            let mut url = reqwest::Url::parse(text)
                .map_err(|error| usage(format!("the mirror's URL is none: {error}")))?;
            let login = match (url.username(), url.password()) {
                ("", None) => None,
                (user, password) => Some(Login(format!("{user}:{}", password.unwrap_or_default()))),
            };
            // Neither fails for a URL with a host, which these have.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            let url = url.as_str().trim_end_matches('/').to_owned();
            return Ok(Self::Url { url, login });
        }
        let folder = PathBuf::from(text.strip_prefix("file://").unwrap_or(text));
        if !folder.is_dir() {
            let text = without_login(text);
            return Err(usage(format!(
                "the mirror {text} is neither a folder nor an http(s) URL"
            )));
        }
        Ok(Self::Folder(folder))
    }

    /// A file of the mirror, by its path with slashes.
    pub(crate) fn join(&self, file: &str) -> Place {
        match self {
            Self::Folder(folder) => Place::File(folder.join(file)),
            Self::Url { url, .. } => Place::Url(format!("{url}/{file}")),
        }
    }

    /// What to tell the server that has it.
    pub(crate) const fn login(&self) -> Option<&Login> {
        match self {
            Self::Folder(_) => None,
            Self::Url { login, .. } => login.as_ref(),
        }
    }
}

/// A URL without user and password.
pub(crate) fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|host| host.rfind('@')) {
        Some(at) => format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Url { url, .. } => f.pad(url),
        }
    }
}

/// Where a file really is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Url(String),
    File(PathBuf),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => f.pad(url),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Where a file is and what is known of it beforehand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Located {
    pub(crate) place: Place,
    /// SHA-256 of the bytes as they are there, in lower-case hex.
    pub(crate) sha256: Option<String>,
    /// Date of the data, in seconds since the epoch.
    pub(crate) as_of: Option<i64>,
    /// What to put for `@BASE@` in it.
    pub(crate) base: Option<String>,
}

impl Located {
    /// The file itself, nothing known.
    pub(crate) const fn at(place: Place) -> Self {
        Self {
            place,
            sha256: None,
            as_of: None,
            base: None,
        }
    }

    /// The bytes as upstream would serve them.
    pub(crate) fn restore(&self, body: Vec<u8>) -> Vec<u8> {
        match (&self.base, std::str::from_utf8(&body)) {
            (Some(base), Ok(text)) if text.contains(BASE) => text.replace(BASE, base).into_bytes(),
            _ => body,
        }
    }
}

/// One place for all hosts.
#[derive(Debug)]
pub(crate) struct Mirror {
    root: Root,
    copies: Option<HashMap<String, Vec<Copy>>>,
    as_of: Option<Date>,
}

#[derive(Debug)]
struct Copy {
    file: String,
    decode: String,
    as_of: Option<Date>,
    sha256: Option<String>,
}

impl Mirror {
    /// A mirror with the text of its list, if it has one.
    pub(crate) fn new(
        root: Root,
        manifest: Option<&str>,
        as_of: Option<&str>,
    ) -> Result<Self, FetchError> {
        let as_of = match as_of {
            Some(text) => Some(text.parse().map_err(|_| FetchError::Usage {
                what: format!("{text:?} is no date; write YYYY-MM-DD"),
            })?),
            None => None,
        };
        let copies = match manifest {
            Some(text) => Some(read(text).map_err(|what| FetchError::Manifest {
                manifest: root.join(MANIFEST).to_string(),
                what,
            })?),
            None => None,
        };
        Ok(Self {
            root,
            copies,
            as_of,
        })
    }

    /// What to tell the server that has it.
    pub(crate) const fn login(&self) -> Option<&Login> {
        self.root.login()
    }

    /// Where the mirror has the file of an upstream URL.
    pub(crate) fn locate(&self, url: &str) -> Result<Located, FetchError> {
        let missing = || FetchError::NotInMirror {
            url: url.to_owned(),
            mirror: self.root.to_string(),
        };
        let Some(copies) = &self.copies else {
            let (_, path) = url.split_once("://").ok_or_else(missing)?;
            let path = path.split(['?', '#']).next().unwrap_or_default();
            if !is_inside(path) {
                return Err(missing());
            }
            return Ok(Located::at(self.root.join(path)));
        };
        // An archive of a repository, made by its host, is the repository's work tree.
        let of_github = url
            .split_once("/archive/")
            .map(|(repository, _)| repository)
            .filter(|repository| repository.starts_with("https://github.com/"));
        // cgit's, as Gentoo has it.
        let of_cgit = url
            .split_once("/snapshot/")
            .map(|(repository, _)| repository)
            .filter(|repository| repository.ends_with(".git"));
        let repository = of_github.or(of_cgit);
        let copy = copies
            .get(url)
            .or_else(|| copies.get(repository?))
            .into_iter()
            .flatten()
            .filter(|copy| match (self.as_of, copy.as_of) {
                (Some(latest), Some(date)) => date <= latest,
                _ => true,
            })
            // Of equal dates the first in the list counts.
            .reduce(|best, copy| if copy.as_of > best.as_of { copy } else { best })
            .ok_or_else(missing)?;
        Ok(Located {
            place: self.root.join(&copy.file),
            sha256: copy.sha256.clone(),
            as_of: copy.as_of.and_then(|date| {
                Some(
                    Offset::UTC
                        .to_timestamp(date.at(0, 0, 0, 0))
                        .ok()?
                        .as_second(),
                )
            }),
            base: (copy.decode == "base-subst").then(|| base_of(url, &copy.file)),
        })
    }
}

/// Reads a list. A line that cannot be meant is an error: a mirror with holes answers wrongly.
fn read(text: &str) -> Result<HashMap<String, Vec<Copy>>, String> {
    let mut lines = text.lines().enumerate();
    let (_, header) = lines.next().ok_or("it is empty")?;
    let columns: Vec<_> = header.split('\t').map(str::trim).collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let (Some(url_at), Some(file_at)) = (column("url"), column("file")) else {
        return Err("its first line does not name the columns url and file".to_owned());
    };
    let (decode_at, as_of_at, sha256_at) = (column("decode"), column("as_of"), column("sha256"));
    let mut copies: HashMap<String, Vec<Copy>> = HashMap::new();
    for (number, line) in lines {
        let fields: Vec<_> = line.split('\t').map(str::trim).collect();
        let field = |at: Option<usize>| {
            at.and_then(|at| fields.get(at))
                .copied()
                .filter(|field| !matches!(*field, "" | "-"))
        };
        let (Some(url), Some(file)) = (field(Some(url_at)), field(Some(file_at))) else {
            continue;
        };
        let wrong = |what: &str| format!("line {}: {what}", number + 1);
        if !is_inside(file) {
            return Err(wrong("the file is not inside the mirror"));
        }
        let as_of = match field(as_of_at) {
            Some(date) => Some(date.parse().map_err(|_| wrong("as_of is no date"))?),
            None => None,
        };
        let sha256 = field(sha256_at).map(str::to_ascii_lowercase);
        if sha256
            .as_ref()
            .is_some_and(|sum| sum.len() != 64 || hex::decode(sum).is_err())
        {
            return Err(wrong("sha256 is not 64 hex digits"));
        }
        let url = match url.split_once(" (") {
            Some((url, remark)) if remark.ends_with(')') => url,
            _ => url,
        };
        copies.entry(url.to_owned()).or_default().push(Copy {
            file: file.to_owned(),
            decode: field(decode_at).unwrap_or_default().to_owned(),
            as_of,
            sha256,
        });
    }
    Ok(copies)
}

/// Whether a path with slashes stays below where it starts.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\\')
        && Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// The upstream URL without what it has in common with the file's path at the end.
fn base_of(url: &str, file: &str) -> String {
    let mut base = url;
    for part in file.rsplit('/') {
        match base
            .strip_suffix(part)
            .and_then(|rest| rest.strip_suffix('/'))
        {
            Some(rest) if !rest.ends_with('/') => base = rest,
            _ => break,
        }
    }
    base.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "url\tfile\tdecode\tkind\tas_of\tsize\tunpacked_size\tsha256\n\
        https://a.example/x\ta/snapshots/2024-10-17/x.xz\txz\treal\t2024-10-17\t1\t2\t-\n\
        https://a.example/x\ta/snapshots/2025-02-12/x.xz\txz\treal\t2025-02-12\t1\t2\t-\n\
        https://c.example/2/core/mirror.list\tamazon/2/core/mirror.list\tbase-subst\treal\t-\t1\t1\t-\n\
        https://a.example/git (work tree)\ta/tree.tar.xz\tuntar-xz\treal\t-\t1\t1\t-\n\
        https://a.example/x/c.git (work tree)\tc/tree.tar.xz\tuntar-xz\treal\t-\t1\t1\t-\n\
        https://github.com/a/b (work tree)\tb/tree.tar.xz\tuntar-xz\treal\t-\t1\t1\t-\n\
        -\ta/README\t-\tgenerated\t-\t1\t1\t-\n";

    fn mirror(list: Option<&str>, as_of: Option<&str>) -> Result<Mirror, FetchError> {
        Mirror::new(Root::new("http://127.0.0.1:1/m/")?, list, as_of)
    }

    fn place(mirror: &Mirror, url: &str) -> Option<String> {
        mirror
            .locate(url)
            .ok()
            .map(|located| located.place.to_string())
    }

    #[test]
    fn user_and_password_are_not_part_of_the_place() {
        for (text, url, sent) in [
            (
                "https://me:secret@a.example/m/",
                "https://a.example/m",
                "https://me:secret@a.example/m",
            ),
            (
                "http://me:p%40ss@a.example:81",
                "http://a.example:81",
                "http://me:p%40ss@a.example:81",
            ),
            (
                "http://me@a.example",
                "http://a.example",
                "http://me:@a.example",
            ),
            (
                "http://a.example/x@y",
                "http://a.example/x@y",
                "http://a.example/x@y",
            ),
        ] {
            let root = Root::new(text).unwrap();
            assert_eq!(root.to_string(), url);
            let with = root
                .login()
                .map_or_else(|| url.to_owned(), |login| login.put_into(url));
            assert_eq!(with, sent);
            assert!(!format!("{root:?}").contains("secret"), "{root:?}");
            assert_eq!(without_login(text).trim_end_matches('/'), url);
        }
        for text in ["https://me:secret@", "ftp://me:secret@a.example/x"] {
            let error = Root::new(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_newest_copy_counts_unless_a_date_is_given() {
        let at = |as_of| place(&mirror(Some(LIST), as_of).unwrap(), "https://a.example/x");
        assert_eq!(
            at(None).unwrap(),
            "http://127.0.0.1:1/m/a/snapshots/2025-02-12/x.xz"
        );
        assert_eq!(
            at(Some("2025-01-01")).unwrap(),
            "http://127.0.0.1:1/m/a/snapshots/2024-10-17/x.xz"
        );
        assert_eq!(at(Some("2024-01-01")), None);
        assert!(mirror(Some(LIST), Some("yesterday")).is_err());
    }

    #[test]
    fn what_is_not_listed_is_not_there() {
        let listed = mirror(Some(LIST), None).unwrap();
        assert_eq!(place(&listed, "https://b.example/x"), None);
        assert_eq!(
            place(&listed, "https://a.example/git").unwrap(),
            "http://127.0.0.1:1/m/a/tree.tar.xz"
        );
        assert_eq!(
            place(
                &listed,
                "https://github.com/a/b/archive/refs/heads/main.tar.gz"
            )
            .unwrap(),
            "http://127.0.0.1:1/m/b/tree.tar.xz"
        );
        assert_eq!(
            place(
                &listed,
                "https://a.example/x/c.git/snapshot/c-master.tar.gz"
            )
            .unwrap(),
            "http://127.0.0.1:1/m/c/tree.tar.xz"
        );
        let bare = mirror(None, None).unwrap();
        assert_eq!(
            place(&bare, "https://b.example/x/y?z").unwrap(),
            "http://127.0.0.1:1/m/b.example/x/y"
        );
        assert_eq!(place(&bare, "https://b.example/../../etc/passwd"), None);
    }

    #[test]
    fn a_copy_with_a_base_speaks_of_the_upstream_host() {
        let located = mirror(Some(LIST), None)
            .unwrap()
            .locate("https://c.example/2/core/mirror.list");
        let located = located.unwrap();
        assert_eq!(located.base.as_deref(), Some("https://c.example"));
        assert_eq!(
            located.restore(b"@BASE@/2/core/guid\n".to_vec()),
            b"https://c.example/2/core/guid\n"
        );
    }

    #[test]
    fn a_list_that_cannot_be_meant_is_refused() {
        for list in [
            "",
            "something else\n",
            "url\tfile\nhttps://a.example/x\t../x\n",
            "url\tfile\nhttps://a.example/x\t/etc/passwd\n",
            "url\tfile\tas_of\nhttps://a.example/x\tx\tsoon\n",
            "url\tfile\tsha256\nhttps://a.example/x\tx\tabc\n",
        ] {
            assert!(mirror(Some(list), None).is_err(), "{list:?}");
        }
    }
}

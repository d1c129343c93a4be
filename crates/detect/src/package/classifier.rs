//! Software known by its binary: runtimes and servers that images ship without a package manager.
//!
//! One row of [`ROWS`] a product: the names its files have, and the text that stands before or
//! behind the version in them. The texts are what the programs print for `--version` or send as
//! their banner. A binary is searched once, window by window, in linear time; the first version that
//! has the product's shape counts. Programs in Go say what they are by their build information, and
//! Java's runtimes by their `release` file: both are other detectors'.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use pellucid_image::Want;
use pellucid_model::PackageKind;

use super::named;
use crate::DetectError;
use crate::binary;
use crate::detector::{Candidate, Class, DetectFile, Detected, Detector, Trigger};
use crate::path::split;
use crate::region::Region;

/// The detector.
pub(crate) struct Classifier;

/// A product.
struct Row {
    product: &'static str,
    /// Names of files; a star at the end stands for anything.
    files: &'static [&'static str],
    texts: &'static [Text],
}

/// Where a version stands.
enum Text {
    /// Behind this text. `%` is the version in the file's own name and begins the version.
    Behind(&'static str, Shape),
    /// Before this text.
    Before(&'static str, Shape),
    /// Alone between two zero bytes, and no other version is.
    Alone(Shape),
}

use Text::{Alone, Before, Behind};

/// What a version looks like.
#[derive(Clone, Copy)]
struct Shape {
    /// Dots that it has at least, and at most.
    dots: (usize, usize),
    /// Whether it may have letters and hyphens after its first digit.
    letters: bool,
}

/// `1.2.3`
const THREE: Shape = Shape {
    dots: (2, 2),
    letters: false,
};
/// `1.2` or `1.2.3`
const TWO: Shape = Shape {
    dots: (1, 2),
    letters: false,
};
/// `1.2.3rc1`, `1.1.1k`, `2.4.0-dev`
const WORD: Shape = Shape {
    dots: (2, 3),
    letters: true,
};

const fn row(product: &'static str, files: &'static [&'static str], texts: &'static [Text]) -> Row {
    Row {
        product,
        files,
        texts,
    }
}

/// Every product.
const ROWS: &[Row] = &[
    row("bash", &["bash"], &[Behind("Bash version ", THREE)]),
    row("busybox", &["busybox*"], &[Behind("BusyBox v", THREE)]),
    row(
        "curl",
        &["curl"],
        &[Behind("curl/", THREE), Behind("curl ", THREE)],
    ),
    row("curl", &["libcurl.so*"], &[Behind("libcurl/", THREE)]),
    row("expat", &["libexpat.so*"], &[Behind("expat_", THREE)]),
    row(
        "glibc",
        &["libc.so.6", "libc-2.*"],
        &[Behind("stable release version ", TWO)],
    ),
    row("git", &["git"], &[Behind("git/", THREE)]),
    row(
        "haproxy",
        &["haproxy"],
        &[
            // A commit stands behind the version (`2.7.3-1065b10`). First what the page of statistics
            // shows: later releases print their name and their version apart.
            Behind("\0 version ", THREE),
            Behind("HAProxy version ", THREE),
            Behind("HA-Proxy version ", THREE),
        ],
    ),
    row("httpd", &["httpd", "apache2"], &[Behind("Apache/", THREE)]),
    row("lighttpd", &["lighttpd"], &[Behind("lighttpd/", THREE)]),
    row(
        "lua",
        &["lua", "lua5*", "liblua5*", "liblua.so*"],
        &[Behind("Lua ", THREE)],
    ),
    row(
        "mariadb",
        &["mariadbd", "mysqld", "mariadb"],
        &[Before("-MariaDB", THREE)],
    ),
    row("memcached", &["memcached"], &[Behind("memcached ", THREE)]),
    row(
        "modsecurity",
        &["libmodsecurity.so*"],
        &[Behind("ModSecurity v", THREE)],
    ),
    row("mysql", &["mysqld"], &[Behind("/mysql-", THREE)]),
    row(
        "nginx",
        &["nginx"],
        &[Behind("nginx version: nginx/", THREE)],
    ),
    row("node", &["node", "nodejs"], &[Behind("node.js/v", THREE)]),
    row(
        "openresty",
        &["nginx", "openresty"],
        &[Behind("nginx version: openresty/", WORD)],
    ),
    row(
        "openssl",
        &["openssl", "libcrypto.so*", "libcrypto-*", "libssl.so*"],
        &[Behind("OpenSSL ", WORD)],
    ),
    row(
        "perl",
        &["perl", "perl5*", "libperl.so*"],
        &[Behind("/perl5/", THREE), Behind("/site_perl/", THREE)],
    ),
    row(
        "php",
        &["php", "php7*", "php8*", "php-fpm*", "php-cgi*", "libphp*"],
        &[Behind("X-Powered-By: PHP/", WORD)],
    ),
    row("pgbouncer", &["pgbouncer"], &[Behind("PgBouncer ", THREE)]),
    row("postgresql", &["postgres"], &[Behind("(PostgreSQL) ", TWO)]),
    row(
        "python",
        &["python2*", "python3*", "libpython2*", "libpython3*"],
        &[Behind("\0%.", WORD)],
    ),
    row("redis", &["redis-server"], &[Alone(THREE)]),
    row(
        "ruby",
        &["ruby", "ruby2*", "ruby3*", "libruby*"],
        &[Behind("ruby ", THREE)],
    ),
    row(
        "rust",
        &["rustc", "librustc_driver-*"],
        &[Behind("rustc version ", THREE)],
    ),
    row("valkey", &["valkey-server"], &[Alone(THREE)]),
    row("varnish", &["varnishd"], &[Behind("Varnish ", THREE)]),
    row("zlib", &["libz.so*"], &[Behind(" deflate ", TWO)]),
];

/// Bytes searched at once.
const WINDOW: usize = 1 << 20;

/// Longest version, and so how far windows overlap, with the text before it.
const VERSION: usize = 64;
const OVERLAP: usize = 2 * VERSION;

impl Detector for Classifier {
    fn name(&self) -> &'static str {
        "classifier"
    }

    fn version(&self) -> u32 {
        4
    }

    fn class(&self) -> Class {
        Class::Language
    }

    fn triggers(&self) -> &'static [Trigger] {
        &[Trigger::Any]
    }

    fn wants(&self, candidate: &Candidate<'_>) -> Want {
        if rows(candidate.name()).next().is_some() {
            Want::Head(binary::HEAD)
        } else {
            Want::Skip
        }
    }

    fn head(&self, _candidate: &Candidate<'_>, head: &[u8]) -> Want {
        binary::head(head)
    }

    fn detect(&self, file: &DetectFile<'_>, out: &mut Detected) -> Result<(), DetectError> {
        let region = Region::of(file.body)?;
        let name = split(file.path).1;
        for row in rows(name) {
            for text in row.texts {
                if let Some(version) = text.version(region, name)? {
                    named(out, PackageKind::Generic, row.product, &version, None)?;
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The products that have a file of this name. Every file of an image is asked about, so most
/// names are turned away by their first byte.
fn rows(name: &[u8]) -> impl Iterator<Item = &'static Row> {
    let first = name.first().copied().unwrap_or_default();
    let candidates = BEGINNING
        .get(usize::from(first))
        .copied()
        .unwrap_or_default();
    let rows: &[Row] = if candidates { ROWS } else { &[] };
    rows.iter().filter(move |row| {
        row.files.iter().any(|known| {
            known.as_bytes().first() == Some(&first)
                && match known.strip_suffix('*') {
                    Some(start) => name.starts_with(start.as_bytes()),
                    None => name == known.as_bytes(),
                }
        })
    })
}

/// The bytes that a name in [`ROWS`] begins with.
static BEGINNING: LazyLock<[bool; 256]> = LazyLock::new(|| {
    let mut beginning = [false; 256];
    for byte in ROWS
        .iter()
        .flat_map(|row| row.files)
        .filter_map(|name| name.bytes().next())
    {
        if let Some(known) = beginning.get_mut(usize::from(byte)) {
            *known = true;
        }
    }
    beginning
});

impl Text {
    /// The version that a file has at this text.
    fn version(&self, file: Region<'_>, name: &[u8]) -> Result<Option<String>, DetectError> {
        let mut found = Vec::new();
        match self {
            Behind(text, shape) => {
                let Some((text, back)) = filled(text, name) else {
                    return Ok(None);
                };
                let finder = Finder::new(&text);
                windows(file, |window, _, last| {
                    // What begins near the end stands whole in the next window.
                    let end = if last { window.len() } else { WINDOW - OVERLAP };
                    let mut places = finder.find_iter(window).take_while(|at| *at < end);
                    found.extend(
                        places.find_map(|at| shape.starting(window.get(at + text.len() - back..)?)),
                    );
                    found.is_empty()
                })?;
            }
            Before(text, shape) => {
                let finder = Finder::new(text);
                windows(file, |window, first, _| {
                    let start = if first { 0 } else { VERSION };
                    let mut places = finder.find_iter(window).filter(|at| *at >= start);
                    found.extend(places.find_map(|at| shape.ending(window.get(..at)?)));
                    found.is_empty()
                })?;
            }
            Alone(shape) => {
                windows(file, |window, _, _| {
                    let mut zero = None;
                    for at in memchr::memchr_iter(0, window) {
                        let text = zero.and_then(|zero: usize| window.get(zero + 1..at));
                        zero = Some(at);
                        if let Some(text) = text.filter(|text| (1..=VERSION).contains(&text.len()))
                            && let Some(version) = shape.starting(text)
                            && version.len() == text.len()
                            && !found.contains(&version)
                        {
                            found.push(version);
                        }
                    }
                    found.len() < 2
                })?;
                found.truncate(if found.len() == 1 { 1 } else { 0 });
            }
        }
        Ok(found.into_iter().next())
    }
}

/// Shows a file in overlapping windows, each with whether it is the first and the last, until one
/// is enough. A file in memory is one window.
fn windows(
    file: Region<'_>,
    mut more: impl FnMut(&[u8], bool, bool) -> bool,
) -> Result<(), DetectError> {
    if let Some(all) = file.in_memory() {
        more(all, true, true);
        return Ok(());
    }
    let mut at = 0;
    let mut window = vec![0; WINDOW];
    loop {
        let read = file.read_at(at, &mut window)?;
        let last = read < WINDOW;
        if !more(window.get(..read).unwrap_or_default(), at == 0, last) || last {
            return Ok(());
        }
        at += (WINDOW - OVERLAP) as u64;
    }
}

/// A text with the version of the file's name in it, and how many of its bytes belong to the
/// version.
fn filled(text: &str, name: &[u8]) -> Option<(Vec<u8>, usize)> {
    let Some((before, after)) = text.split_once('%') else {
        return Some((text.as_bytes().to_vec(), 0));
    };
    let start = name.iter().position(u8::is_ascii_digit)?;
    let version = name.get(start..)?;
    let end = version
        .iter()
        .position(|byte| !byte.is_ascii_digit() && *byte != b'.')
        .unwrap_or(version.len());
    let version = trimmed(version.get(..end)?);
    version.contains(&b'.').then_some(())?;
    let filled = [before.as_bytes(), version, after.as_bytes()].concat();
    Some((filled, version.len() + after.len()))
}

/// Bytes without dots at their end.
fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_suffix(b".") {
        bytes = rest;
    }
    bytes
}

impl Shape {
    /// The version that bytes begin with.
    fn starting(self, bytes: &[u8]) -> Option<String> {
        let most = bytes.get(..VERSION.min(bytes.len()))?;
        let end = most
            .iter()
            .position(|byte| !self.has(*byte))
            .unwrap_or(most.len());
        self.whole(most.get(..end)?)
    }

    /// The version that bytes end with.
    fn ending(self, bytes: &[u8]) -> Option<String> {
        let most = bytes.get(bytes.len().saturating_sub(VERSION)..)?;
        let start = most
            .iter()
            .rposition(|byte| !self.has(*byte))
            .map_or(0, |at| at + 1);
        self.whole(most.get(start..)?)
    }

    fn has(self, byte: u8) -> bool {
        byte.is_ascii_digit()
            || byte == b'.'
            || (self.letters && (byte.is_ascii_alphanumeric() || byte == b'-'))
    }

    fn whole(self, version: &[u8]) -> Option<String> {
        let version = trimmed(version);
        let dots = version.iter().filter(|byte| **byte == b'.').count();
        let (least, most) = self.dots;
        let fits = (least..=most).contains(&dots)
            && version.first().is_some_and(u8::is_ascii_digit)
            && !version.windows(2).any(|pair| pair == b"..");
        fits.then(|| String::from_utf8_lossy(version).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use pellucid_image::Body;

    use super::*;

    fn found(name: &str, content: &[u8]) -> Vec<String> {
        let body = Body::Memory(content.to_vec());
        let file = DetectFile {
            path: name.as_bytes(),
            body: &body,
            addition: None,
        };
        let mut out = Detected::default();
        Classifier.detect(&file, &mut out).unwrap();
        let packages = out.packages.iter();
        packages
            .map(|one| format!("{} {}", one.name, one.version))
            .collect()
    }

    #[test]
    fn versions_have_their_products_shape() {
        for (name, content, product) in [
            (
                "node",
                &b"x node.js/vX node.js/v18.0.0\0"[..],
                Some("node 18.0.0"),
            ),
            (
                "libpython3.11.so.1.0",
                b"\x003.1\x003.11.2rc1\0",
                Some("python 3.11.2rc1"),
            ),
            ("python3", b"\x003.11.2\0", None),
            ("mysqld", b"5.5.5-11.0.2-MariaDB-1", Some("mariadb 11.0.2")),
            ("mysqld", b"/usr/mysql-8.0.33/x", Some("mysql 8.0.33")),
            (
                "redis-server",
                b"\x007.0.11\0Lua 5.1.5\x00127.0.0.1\x007.0.11\0",
                Some("redis 7.0.11"),
            ),
            ("redis-server", b"\x007.0.11\x006.0.0\0", None),
            (
                "libcrypto.so.3",
                b"OpenSSL 3 OpenSSL 1.1.1k  25 Mar 2021",
                Some("openssl 1.1.1k"),
            ),
            (
                "postgres",
                b"postgres (PostgreSQL) 15.3\n",
                Some("postgresql 15.3"),
            ),
            (
                "bash",
                b"Bash version 5.2.15(1) release",
                Some("bash 5.2.15"),
            ),
            ("bash", b"Bash version 5..2", None),
            (
                "haproxy",
                b"HAProxy version 2.7.3-1065b10, released 2023/02/14",
                Some("haproxy 2.7.3"),
            ),
            (
                "haproxy",
                b"since HAProxy version 2.5.\0HAProxy version %s\0\0 version 2.4.22-f8e3218, released 2023/02/14\0",
                Some("haproxy 2.4.22"),
            ),
            ("other", b"node.js/v18.0.0", None),
        ] {
            let products: Vec<_> = product.into_iter().collect();
            assert_eq!(found(name, content), products, "{name}");
        }
    }

    #[test]
    fn a_version_across_windows_is_found() {
        let around = |place: usize| place - 40..place + 40;
        for place in around(WINDOW - OVERLAP).chain(around(WINDOW)) {
            let with = |text: &[u8]| {
                let mut content = vec![b' '; place];
                content.extend_from_slice(text);
                content.resize(2 * WINDOW, 0);
                content
            };
            let node = with(b"node.js/v18.19.12\0");
            assert_eq!(found("node", &node), ["node 18.19.12"], "{place}");
            let mysqld = with(b"11.10.12-MariaDB");
            assert_eq!(found("mysqld", &mysqld), ["mariadb 11.10.12"], "{place}");
            let redis = with(b"\x0017.10.12\0");
            assert_eq!(found("redis-server", &redis), ["redis 17.10.12"], "{place}");
        }
    }
}

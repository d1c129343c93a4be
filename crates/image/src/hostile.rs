//! Entry points for `crates/fuzz`: what a registry's answers and a caller's names reach before any
//! layer is read.

use std::io::{Read, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use pellucid_model::Digest;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use crate::document::{self, Config, Descriptor, Document};
use crate::layer::meter::{Meter, Totals};
use crate::layer::toc::{self, Codec, Ranges, Toc};
use crate::source::registry::{Challenge, Name, Table, answer, credentials};
use crate::{Expected, LayerVisitor, Limits, OpenOptions};

/// An image's name.
///
/// # Panics
/// When a name that was accepted does not print as one that reads the same.
pub fn name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(name) = Name::parse(text) {
        let whole = |name: Name| (name.to_string(), name.host().to_owned(), name.selector());
        let again = Name::parse(&name.to_string()).ok().map(whole);
        assert_eq!(again, Some(whole(name)), "{text:?}");
    }
}

/// A manifest or index, and the configuration behind the first line.
pub fn documents(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (first, second) = data.split_at(end.unwrap_or(data.len()));
    let limits = Limits::default();
    let config = document::json::<Config>("configuration", second);
    match Document::parse("manifest", first) {
        Ok(Document::Manifest { config: of, layers }) => {
            let own = Descriptor::of(Digest::Sha256([0; 32]), first.len() as u64);
            if let Ok(config) = &config
                && let Ok(image) = document::described(&own, &of, config, &layers, &limits)
            {
                assert_eq!(image.expected.len(), layers.len(), "a layer each");
            }
        }
        Ok(Document::Index(entries)) => {
            let platforms: Vec<_> = entries.iter().map(Descriptor::platform).collect();
            if let Some(wanted) = platforms.iter().flatten().next() {
                let best = document::serving(platforms.iter().map(Option::as_ref), wanted);
                assert!(best.is_some(), "a platform serves itself");
            }
        }
        Err(_) => {}
    }
}

/// What a registry answers to who does not say who he is.
pub fn challenge(data: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, value);
        let _ = Challenge::of(&headers);
    }
}

/// What a registry answers beside the image: a token or an error behind headers, a line each, and an
/// empty line.
///
/// # Panics
/// When an error's code would do more than name it.
pub fn answer(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = rest.split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        let mut pair = line.splitn(2, |byte| *byte == b':');
        let name = pair.next().and_then(|it| HeaderName::from_bytes(it).ok());
        let value = pair.next().and_then(|it| HeaderValue::from_bytes(it).ok());
        let (Some(name), Some(value)) = (name, value) else {
            break;
        };
        headers.insert(name, value);
    }
    let _ = (answer::rate(&headers), answer::begins_at(&headers));
    if let Ok(token) = answer::token(rest) {
        assert!(!token.is_empty(), "a token says something");
    }
    if let Some(code) = answer::code(rest) {
        let is_harmless = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(
            code.len() <= 40 && code.bytes().all(is_harmless),
            "{code:?}"
        );
    }
}

/// A file of credentials, as Docker and podman keep it, behind the name of an image. No helper that it
/// names is started.
pub fn credentials(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (first, file) = data.split_at(end.unwrap_or(data.len()));
    if let Ok(name) = std::str::from_utf8(first)
        && let Ok(name) = Name::parse(name)
    {
        let (_found, _helper) = credentials::in_file(file, &name);
    }
}

/// A table of contents of either kind of lazily read layer.
pub fn table(data: &[u8]) {
    let limits = Limits {
        layer_entries: 10_000,
        ..Limits::default()
    };
    for codec in [Codec::Gzip, Codec::Zstd] {
        let _ = Toc::parse(data, codec, 1 << 30, &limits);
    }
}

/// A layer that is read by its table of contents: its descriptor in the first line, then its blob.
/// Whatever digest is declared for the table, it is vouched for. Tells whether a table was found and
/// read to its end.
pub fn lazy(data: &[u8], limits: &Limits, visitor: &mut dyn LayerVisitor) -> bool {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (first, rest) = data.split_at(end.unwrap_or(data.len()));
    let bytes = rest.get(1..).unwrap_or_default();
    let Ok(mut layer) = document::json::<Descriptor>("descriptor", first) else {
        return false;
    };
    layer.size = bytes.len() as u64;
    let blob = Blob {
        bytes,
        transferred: AtomicU64::new(0),
    };
    let part = |at, end| {
        let mut part = Vec::new();
        blob.range(at, end).read_to_end(&mut part).ok()?;
        (Some(part.len() as u64) == u64::checked_sub(end, at)).then_some(part)
    };
    let toc =
        Table::said(&layer).and_then(|table| table.read(layer.size, part, |_, _| true, limits));
    let Some(toc) = toc else {
        return false;
    };
    let totals = Totals::new(1, Instant::now(), limits);
    let meter = Meter::new(limits, &totals, 0);
    toc::read(&toc, &blob, &Expected::default(), meter, visitor, &()).is_ok()
}

/// A blob in memory, by parts.
struct Blob<'a> {
    bytes: &'a [u8],
    transferred: AtomicU64,
}

impl Ranges for Blob<'_> {
    fn range(&self, at: u64, end: u64) -> Box<dyn Read + Send + '_> {
        let place = |place: u64| {
            usize::try_from(place)
                .unwrap_or(usize::MAX)
                .min(self.bytes.len())
        };
        let part = self.bytes.get(place(at)..place(end)).unwrap_or_default();
        self.transferred.fetch_add(part.len() as u64, Relaxed);
        Box::new(part)
    }

    fn transferred(&self) -> u64 {
        self.transferred.load(Relaxed)
    }
}

/// The metadata file of containerd's store.
pub fn metadata(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let store = folder.path().join("io.containerd.metadata.v1.bolt");
    let written = std::fs::create_dir(&store)
        .and_then(|()| std::fs::File::create(store.join("meta.db")))
        .and_then(|mut file| file.write_all(data));
    if written.is_ok() {
        let reference = format!("containerd:{}", folder.path().display());
        let _ = crate::open(&reference, &OpenOptions::default());
    }
}

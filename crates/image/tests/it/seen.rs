//! Visitors that write down what they see.

use std::path::Path;

use pellucid_image::{
    Body, Entry, EntryKind, Expected, ImageError, LayerRead, LayerVisitor, Limits, OpenOptions,
    Want, open, read_layer_stream,
};

/// What was seen of one entry, as text, and the file's bytes.
pub(crate) type Line = (String, Vec<u8>);

/// Wants every file and writes everything down.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) lines: Vec<Line>,
    pub(crate) too_large: Vec<(String, u64)>,
    /// Asked for first, when there is one.
    pub(crate) head: Option<usize>,
    pub(crate) heads: Vec<Vec<u8>>,
    pub(crate) limit: Option<u64>,
    pub(crate) spooled: usize,
}

impl Seen {
    fn whole(&self) -> Want {
        Want::Whole {
            limit: self.limit.unwrap_or(u64::MAX),
        }
    }

    /// The lines without bodies.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.lines.iter().map(|(line, _)| line.as_str()).collect()
    }
}

impl LayerVisitor for Seen {
    fn entry(&mut self, entry: &Entry<'_>) -> Want {
        let path = entry.path.escape_ascii();
        let line = match entry.kind {
            EntryKind::File { size } => format!("file {path} {size}"),
            EntryKind::Directory => format!("directory {path}"),
            EntryKind::Symlink { target } => format!("symlink {path} {}", target.escape_ascii()),
            EntryKind::Hardlink { target } => format!("hardlink {path} {}", target.escape_ascii()),
            EntryKind::Whiteout => format!("whiteout {path}"),
            EntryKind::Opaque => format!("opaque {path}"),
            EntryKind::Other => format!("other {path}"),
        };
        self.lines.push((line, Vec::new()));
        self.head.map_or_else(|| self.whole(), Want::Head)
    }

    fn head(&mut self, _: &Entry<'_>, head: &[u8]) -> Want {
        self.heads.push(head.to_vec());
        self.whole()
    }

    fn file(&mut self, _: &Entry<'_>, body: &Body) {
        self.spooled += usize::from(matches!(body, Body::Spool(_)));
        self.lines.last_mut().unwrap().1 = body.bytes().unwrap().into_owned();
    }

    fn too_large(&mut self, entry: &Entry<'_>, limit: u64) {
        self.too_large
            .push((entry.path.escape_ascii().to_string(), limit));
    }
}

/// Reads a layer's bytes as a stream.
pub(crate) fn stream(
    blob: &[u8],
    expected: &Expected,
    limits: &Limits,
) -> Result<(Seen, LayerRead), ImageError> {
    read(&mut &*blob, expected, limits)
}

/// The same from a reader.
pub(crate) fn read(
    blob: &mut (dyn std::io::Read + Send),
    expected: &Expected,
    limits: &Limits,
) -> Result<(Seen, LayerRead), ImageError> {
    let mut seen = Seen::default();
    let read = read_layer_stream(blob, expected, limits, &mut seen, &())?;
    Ok((seen, read))
}

/// Reads a tar as a stream, with default limits.
pub(crate) fn tar(bytes: &[u8]) -> Result<Seen, ImageError> {
    stream(bytes, &Expected::default(), &Limits::default()).map(|(seen, _)| seen)
}

/// Opens an image and reads all its layers.
pub(crate) fn image(
    reference: &str,
    options: &OpenOptions,
) -> Result<Vec<(Vec<Line>, LayerRead)>, ImageError> {
    let image = open(reference, options)?;
    (0..image.image().layers.len())
        .map(|index| {
            let mut seen = Seen::default();
            let read = image.read_layer(index, &mut seen, &())?;
            Ok((seen.lines, read))
        })
        .collect()
}

/// Opens the image at a path with default options and reads all its layers.
pub(crate) fn image_at(path: &Path) -> Result<Vec<(Vec<Line>, LayerRead)>, ImageError> {
    image(path.to_str().unwrap(), &OpenOptions::default())
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

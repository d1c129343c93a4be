//! What a layer says, entry by entry, and who listens.
//!
//! One layer may name a path several times (the last one counts), and may put a file where a lower
//! layer has a directory (the whole tree below it is gone). Both are the listener's to apply: a
//! layer's reader looks at one entry at a time and keeps nothing.

use crate::Body;

/// One entry of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it is: relative to the root, without `.`, `..` and empty parts, without a slash at
    /// either end. Raw bytes, which need not be UTF-8. Empty for the root itself.
    pub path: &'a [u8],
    /// What it is.
    pub kind: EntryKind<'a>,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A regular file.
    File {
        /// Bytes when expanded (a sparse file's holes count).
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// As written: may be absolute, and may lead out of the image.
        target: &'a [u8],
    },
    /// A second name of a file of this layer or a lower one.
    Hardlink {
        /// Normalised like a path.
        target: &'a [u8],
    },
    /// The path is gone from the layers below.
    Whiteout,
    /// Everything the layers below have in this directory is gone.
    Opaque,
    /// A device, a pipe, or a type of entry that no engine unpacks.
    Other,
}

/// What a listener wants of an entry. Asked of regular files; ignored for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing more.
    Skip,
    /// The first bytes, to decide by. At most [`Limits::head_bytes`](crate::Limits::head_bytes).
    Head(usize),
    /// All of it, if it is no larger than this.
    Whole {
        /// In bytes. [`Limits::file_bytes`](crate::Limits::file_bytes) holds as well.
        limit: u64,
    },
}

/// Sees every entry of a layer, in the order of the tar.
pub trait LayerVisitor {
    /// An entry; says how much of it is wanted.
    fn entry(&mut self, entry: &Entry<'_>) -> Want;

    /// The first bytes of a file after [`Want::Head`]: as many as asked for, or the whole file if
    /// it is shorter. A second `Head` counts as `Skip`.
    fn head(&mut self, entry: &Entry<'_>, head: &[u8]) -> Want {
        let _ = (entry, head);
        Want::Skip
    }

    /// All bytes of a file after [`Want::Whole`].
    fn file(&mut self, entry: &Entry<'_>, body: &Body);

    /// A file that was wanted whole, but is larger than `limit` bytes: the smaller one of the
    /// listener's own limit and the reader's.
    fn too_large(&mut self, entry: &Entry<'_>, limit: u64);
}

/// Hears how far the reading of a layer is. Called from any thread.
pub trait Progress: Sync {
    /// `read` bytes of the layer's blob are done, of [`Layer::size`](pellucid_model::Layer::size).
    fn bytes(&self, layer: usize, read: u64) {
        let _ = (layer, read);
    }
}

/// Tells no one.
impl Progress for () {}

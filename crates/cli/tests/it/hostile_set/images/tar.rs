//! Tars header by header: any name, type, size and checksum.

/// What an entry is, as tar has it.
pub(super) const HARDLINK: u8 = b'1';
pub(super) const SYMLINK: u8 = b'2';
pub(super) const CHARACTERS: u8 = b'3';
pub(super) const BLOCKS: u8 = b'4';
pub(super) const DIRECTORY: u8 = b'5';
pub(super) const PIPE: u8 = b'6';
pub(super) const PAX: u8 = b'x';
const LONG_NAME: u8 = b'L';

pub(super) const BLOCK: usize = 512;

/// A tar in the making.
#[derive(Clone, Default)]
pub(super) struct Tar(Vec<u8>);

impl Tar {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn file(self, name: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        self.entry(b'0', name, "", body)
    }

    pub(super) fn directory(self, name: &str) -> Self {
        self.entry(DIRECTORY, name, "", "")
    }

    pub(super) fn link(self, kind: u8, name: &str, target: &str) -> Self {
        self.entry(kind, name, target, "")
    }

    /// An entry of any type; a name that does not fit has GNU tar's record before it.
    pub(super) fn entry(
        mut self,
        kind: u8,
        name: impl AsRef<[u8]>,
        target: &str,
        body: impl AsRef<[u8]>,
    ) -> Self {
        let (name, body) = (name.as_ref(), body.as_ref());
        if name.len() > 100 {
            self = self.entry(LONG_NAME, "././@LongLink", "", [name, b"\0"].concat());
        }
        let size = format!("{:011o}\0", body.len());
        self.0.extend(header(kind, name, target, size.as_bytes()));
        self.padded(body)
    }

    /// Any bytes, filled up to a block.
    pub(super) fn padded(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// Without the blocks that end it.
    pub(super) fn open(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 2 * BLOCK]);
        self.0
    }
}

/// A header with these bytes as its size.
pub(super) fn header(kind: u8, name: &[u8], target: &str, size: &[u8]) -> Vec<u8> {
    let mut header = vec![0; BLOCK];
    let mut put = |at: usize, bytes: &[u8], most: usize| {
        let bytes = &bytes[..bytes.len().min(most)];
        header[at..at + bytes.len()].copy_from_slice(bytes);
    };
    put(0, name, 100);
    put(100, b"0000644\0", 8);
    put(108, b"0000000\0", 8);
    put(116, b"0000000\0", 8);
    put(124, size, 12);
    put(136, b"00000000000\0", 12);
    put(156, &[kind], 1);
    put(157, target.as_bytes(), 100);
    put(257, b"ustar  \0", 8);
    sum(&mut header);
    header
}

/// Makes the checksum of a header right.
pub(super) fn sum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

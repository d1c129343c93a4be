//! The RPM database, in its three on-disk backends.
//!
//! A database is a set of numbered header blobs ([`Header`]); the backends differ only in how they
//! keep them: SQLite (`rpmdb.sqlite`, rpm 4.16 and later), NDB (`Packages.db`, SUSE) and Berkeley DB
//! (`Packages`; hash before 4.16, btree in rpm5). Which one a file is, its magic tells, not its name.
//! Everything is read from bytes in memory, one header at a time, into one reused buffer; no page is
//! visited twice, so a loop or a chain that is shared is an error and time is linear in the size.
//!
//! Structural damage is an error of the whole database, as a shorter list would look like a clean
//! one. A header that is found but does not parse is reported by itself, and reading goes on.
//!
//! Not here: an SQLite rollback `-journal` (a crashed writer's pages are read as they are), Berkeley
//! DB environments, logs and encryption, the index tables (`Name`, `Basenames`…), and signature
//! verification. `gpg-pubkey` entries are headers like any other: the detector knows them.

mod bdb;
mod files;
mod header;
mod ndb;
mod sqlite;

pub use files::{DigestAlgorithm, File, Files};
pub use header::{Header, HeaderError, HeaderFault};
pub(crate) use sqlite::texts;

/// Which backend a database file is, by its magic bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `rpmdb.sqlite`, with or without a write-ahead log beside it.
    Sqlite,
    /// `Packages.db`, rpm's own format.
    Ndb,
    /// `Packages`, Berkeley DB hash or btree in either byte order.
    Bdb,
}

impl Backend {
    /// The backend of a database file, or `None` if the bytes carry no known magic.
    #[must_use]
    pub fn of(database: &[u8]) -> Option<Self> {
        if database.starts_with(sqlite::MAGIC) {
            Some(Self::Sqlite)
        } else if database.starts_with(ndb::MAGIC) {
            Some(Self::Ndb)
        } else if bdb::recognises(database) {
            Some(Self::Bdb)
        } else {
            None
        }
    }
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Ndb => "NDB",
            Self::Bdb => "Berkeley DB",
        })
    }
}

/// What a database may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Headers in one database.
    pub headers: usize,
    /// Bytes of one header.
    pub header_bytes: usize,
    /// Files, and directories, that one header lists.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            headers: 1_000_000,
            header_bytes: 64 << 20,
            files: 1_000_000,
        }
    }
}

/// Why a database as a whole cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpmdbError {
    /// No backend's magic at the start of the file.
    #[error("not an rpm database: its first bytes are those of no known backend")]
    Unrecognised,
    /// A variant of the format that rpm never writes, such as an encrypted Berkeley DB.
    #[error("{backend} rpm database is not readable: {what}")]
    Unsupported {
        /// The backend.
        backend: Backend,
        /// What is not supported.
        what: &'static str,
    },
    /// The structure contradicts itself or the file's size.
    #[error("{backend} rpm database is damaged at byte {offset}: {what}")]
    Damaged {
        /// The backend.
        backend: Backend,
        /// Byte offset in the database file of the page or record at fault.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The write-ahead log contradicts its checksums or the database.
    #[error("write-ahead log of the rpm database is damaged at byte {offset}: {what}")]
    DamagedWal {
        /// Byte offset in the log.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// More headers than [`Limits::headers`].
    #[error("rpm database holds more headers than the limit of {limit}")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// A header larger than [`Limits::header_bytes`].
    #[error("header {number} of the rpm database has {size} bytes, the limit is {limit}")]
    HeaderTooLarge {
        /// The header's number in the database.
        number: i64,
        /// Its size in bytes.
        size: u64,
        /// The limit.
        limit: usize,
    },
}

/// Calls `each` for every header of `database`, in the database's own order.
///
/// `wal` holds the bytes of `rpmdb.sqlite-wal`, if that file is there; the other backends have no
/// such file and ignore it. A header lives until `each` returns.
///
/// # Errors
/// [`RpmdbError`] if the database is not one, is damaged or breaks a limit. Headers passed to `each`
/// before that are no complete list and must be dropped.
pub fn read(
    database: &[u8],
    wal: Option<&[u8]>,
    limits: &Limits,
    each: &mut dyn FnMut(Result<Header<'_>, HeaderError>),
) -> Result<(), RpmdbError> {
    let mut sink = Sink {
        limits,
        seen: 0,
        each,
    };
    match Backend::of(database) {
        Some(Backend::Sqlite) => sqlite::read(database, wal, &mut sink),
        Some(Backend::Ndb) => ndb::read(database, &mut sink),
        Some(Backend::Bdb) => bdb::read(database, &mut sink),
        // A database that was never checkpointed lives in its log alone.
        None => match wal {
            Some(log) if sqlite::is_blank(database) && sqlite::is_wal(log) => {
                sqlite::read(database, wal, &mut sink)
            }
            _ => Err(RpmdbError::Unrecognised),
        },
    }
}

/// Where the backends put the blobs they find; keeps the limits.
struct Sink<'a> {
    limits: &'a Limits,
    seen: usize,
    each: &'a mut dyn FnMut(Result<Header<'_>, HeaderError>),
}

impl Sink<'_> {
    /// Fails if a header of `size` bytes may not be held; to be asked before a blob is assembled.
    fn allow(&self, number: i64, size: u64) -> Result<(), RpmdbError> {
        let limit = self.limits.header_bytes;
        if usize::try_from(size).is_ok_and(|size| size <= limit) {
            Ok(())
        } else {
            Err(RpmdbError::HeaderTooLarge {
                number,
                size,
                limit,
            })
        }
    }

    fn blob(&mut self, number: i64, blob: &[u8]) -> Result<(), RpmdbError> {
        self.allow(number, blob.len() as u64)?;
        self.count()?;
        (self.each)(Header::parse(number, blob, self.limits));
        Ok(())
    }

    fn fault(&mut self, number: i64, fault: HeaderFault) -> Result<(), RpmdbError> {
        self.count()?;
        (self.each)(Err(HeaderError { number, fault }));
        Ok(())
    }

    fn count(&mut self) -> Result<(), RpmdbError> {
        self.seen += 1;
        let limit = self.limits.headers;
        if self.seen > limit {
            Err(RpmdbError::TooManyHeaders { limit })
        } else {
            Ok(())
        }
    }
}

/// `N` bytes at `at`, if they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

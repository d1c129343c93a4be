//! Why a layer is not stored, and whose fault that is.

use std::error::Error;
use std::io;

use pellucid_detect::DetectError;
use pellucid_image::{ImageError, LayerFault};
use pellucid_store::StoreError;
use rustix::io::Errno;

use super::{DEPTH, NAME};
use crate::fetch::FetchError;

/// Why a layer is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("the layer's name is longer than {NAME} characters or holds a NUL")]
    Name,
    #[error("the parent layer is unknown")]
    ParentUnknown,
    #[error("the chain of parents is longer than {DEPTH} layers")]
    TooDeep,
    #[error("too many layers wait to be read")]
    Busy,
    #[error("the layer could not be fetched")]
    Fetch(#[source] FetchError),
    #[error("the image format {0:?} is not supported")]
    Format(String),
    #[error("the layer cannot be read")]
    Archive(#[source] Box<ImageError>),
    #[error("a file in the layer is too large")]
    FileTooBig,
    #[error("what is in the layer cannot be read")]
    Detect(#[source] Box<DetectError>),
    #[error("there are packages, but nothing says of which distribution")]
    Unsupported,
    #[error("the database failed")]
    Store(#[from] StoreError),
    #[error("the work was stopped")]
    Stopped,
}

impl ProcessError {
    /// Whether this machine failed and not the layer: it has no room for temporary files, no file descriptors or
    /// memory left, a disk that gives errors. The same layer can be read another time.
    pub(crate) fn is_ours(&self) -> bool {
        if matches!(self, Self::Detect(error) if matches!(**error, DetectError::Unread { .. })) {
            return true;
        }
        let mut next = Some(self as &(dyn Error + 'static));
        while let Some(error) = next {
            let is_spool = matches!(error.downcast_ref(), Some(LayerFault::Spool(_)));
            if is_spool || error.downcast_ref().is_some_and(is_machine_s) {
                return true;
            }
            next = error.source();
        }
        false
    }
}

/// Whether the operating system says of itself that it cannot, whatever is asked of it.
fn is_machine_s(error: &io::Error) -> bool {
    const ITS: [Errno; 10] = [
        Errno::DQUOT,
        Errno::FBIG,
        Errno::IO,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NOSPC,
        Errno::ROFS,
        Errno::STALE,
    ];
    Errno::from_io_error(error).is_some_and(|error| ITS.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_cannot_is_no_fault_of_the_layer() {
        let layer = |source| {
            let index = Some(0);
            let layer = Box::new(pellucid_image::LayerName {
                index,
                digest: None,
            });
            ProcessError::Archive(Box::new(ImageError::Layer { layer, source }))
        };
        let of = |error: Errno| io::Error::from(error);
        for ours in [
            layer(LayerFault::Spool(of(Errno::NOSPC))),
            layer(LayerFault::Spool(of(Errno::NOENT))),
            layer(LayerFault::Read(of(Errno::IO))),
            layer(LayerFault::Compression {
                format: "gzip",
                source: of(Errno::STALE),
            }),
            ProcessError::Fetch(FetchError::File(of(Errno::MFILE))),
            ProcessError::Detect(Box::new(DetectError::Unread {
                layer: 0,
                source: of(Errno::NOENT),
            })),
        ] {
            assert!(ours.is_ours(), "{ours:?}");
        }
        for theirs in [
            layer(LayerFault::Truncated { offset: 1 }),
            layer(LayerFault::Read(io::ErrorKind::UnexpectedEof.into())),
            layer(LayerFault::Read(of(Errno::CONNRESET))),
            layer(LayerFault::Compression {
                format: "gzip",
                source: io::ErrorKind::InvalidData.into(),
            }),
            ProcessError::Fetch(FetchError::File(of(Errno::NOENT))),
            ProcessError::Fetch(FetchError::File(of(Errno::ACCESS))),
            ProcessError::Unsupported,
        ] {
            assert!(!theirs.is_ours(), "{theirs:?}");
        }
    }
}

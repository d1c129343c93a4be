//! How a blob is compressed, told by its first bytes: media types lie, and engines look too.
//!
//! All decoders read what follows the first stream as another one (gzip members, zstd and
//! skippable frames, bzip2 and xz streams); anything else after the end is an error. Windows and
//! dictionaries are bounded, because their size stands in the stream.

use std::io::{self, BufRead, Read};

use pellucid_inflate::Gunzip;

use crate::Limits;

/// How a blob is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    /// Bytes that [`Self::of`] wants to see.
    pub(crate) const SNIFF: usize = 10;

    /// Tells by the first bytes.
    pub(crate) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // Pi begins a block, its square root ends a stream.
            [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x31,
                0x41,
                0x59,
                0x26,
                0x53,
                0x59,
                ..,
            ]
            | [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x17,
                0x72,
                0x45,
                0x38,
                0x50,
                0x90,
                ..,
            ] => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// The name in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// A reader of the decompressed bytes.
    pub(crate) fn decoder<'a>(
        self,
        source: impl BufRead + Send + 'a,
        limits: &Limits,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        let window = limits.window_bytes;
        Ok(match self {
            Self::None => Box::new(source),
            Self::Gzip => Box::new(Gunzip::new(source)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source)?;
                decoder.window_log_max(window.max(1 << 10).ilog2().min(31))?;
                Box::new(decoder)
            }
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
            Self::Xz => {
                let concatenated = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(window, concatenated)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(source, stream))
            }
        })
    }
}

/// Whether a decoder gave up because it would need a larger window or dictionary than it may have.
pub(crate) fn is_of_window(error: &io::Error) -> bool {
    use liblzma::stream::Error::MemLimit;
    use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge;
    let Some(error) = error.get_ref() else {
        return false;
    };
    error
        .downcast_ref::<zstd::Error>()
        .is_some_and(|error| error.is(ZSTD_error_frameParameter_windowTooLarge))
        || matches!(error.downcast_ref(), Some(MemLimit))
}

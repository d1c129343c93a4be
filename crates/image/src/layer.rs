//! From a layer's bytes to its entries.
//!
//! Two ways: a blob that is compressed, comes as a stream, or is to be verified is
//! [read through](stream) and both its digests are computed; an uncompressed blob in a file is
//! [walked](window) from header to header, and its digests stay declared.

mod blob;
pub(crate) mod compression;
pub(crate) mod digest;
pub(crate) mod input;
pub(crate) mod meter;
pub(crate) mod path;
mod stream;
pub(crate) mod tar;
pub(crate) mod toc;
pub(crate) mod walk;
pub(crate) mod window;

use std::io::Read;

use pellucid_model::{Digest, DigestState};

use crate::region::Region;
use crate::{Expected, LayerFault, LayerRead, LayerVisitor, Mismatch, Progress, Verify};
use compression::Compression;
use meter::Meter;
use stream::Sums;
use tar::End;
use walk::{Walked, walk};
use window::Window;

pub(crate) use blob::Blob;
pub(crate) use stream::fault;

/// Reads a layer that is a part of a file.
pub(crate) fn read_region(
    region: &Region,
    expected: &Expected,
    verify: Verify,
    meter: Meter<'_>,
    visitor: &mut dyn LayerVisitor,
    progress: &dyn Progress,
) -> Result<LayerRead, LayerFault> {
    check_size(expected, region.len())?;
    meter.blob(region.len())?;
    let mut first = [0; Compression::SNIFF];
    let filled = region.read_at(0, &mut first).map_err(LayerFault::Read)?;
    let compression = Compression::of(first.get(..filled).unwrap_or_default());
    if compression != Compression::None || verify == Verify::Full {
        return read_stream(&mut region.reader(), expected, meter, visitor, progress);
    }
    meter.tar(region.len(), region.len())?;
    let walked = walk(Window::new(region), meter, expected.index, visitor)?;
    if walked.end == End::Unmarked && expected.size.is_none() {
        // A tar that was cut between two members looks like this: only its digest can tell.
        return hash(region, expected, walked, meter);
    }
    if let Some(index) = expected.index {
        progress.bytes(index, region.len());
    }
    Ok(LayerRead {
        digest: expected.digest.or(expected.diff_id),
        diff_id: expected.diff_id,
        digest_state: DigestState::Declared,
        blob_bytes: region.len(),
        tar_bytes: region.len(),
        entries: walked.entries,
        warnings: walked.warnings,
    })
}

/// Reads a layer that comes as a stream.
pub(crate) fn read_stream(
    source: &mut (dyn Read + Send),
    expected: &Expected,
    meter: Meter<'_>,
    visitor: &mut dyn LayerVisitor,
    progress: &dyn Progress,
) -> Result<LayerRead, LayerFault> {
    let (walked, sums) = stream::read(source, expected, meter, progress, |chunks| {
        walk(chunks, meter, expected.index, visitor)
    })?;
    verified(expected, walked, sums)
}

fn hash(
    region: &Region,
    expected: &Expected,
    walked: Walked,
    meter: Meter<'_>,
) -> Result<LayerRead, LayerFault> {
    let mut reader = region.reader();
    let ((), sums) = stream::read(&mut reader, expected, meter, &(), |_| Ok(()))?;
    verified(expected, walked, sums)
}

fn verified(expected: &Expected, walked: Walked, sums: Sums) -> Result<LayerRead, LayerFault> {
    check_size(expected, sums.blob_bytes)?;
    let known = expected.digest.is_some() || expected.diff_id.is_some();
    if walked.end == End::Unmarked && !known && sums.digest == sums.diff_id {
        return Err(LayerFault::Truncated {
            offset: sums.tar_bytes,
        });
    }
    let check = |declared: Option<Digest>, actual| match declared {
        Some(declared) if declared != actual => Err(Box::new(Mismatch { declared, actual })),
        _ => Ok(()),
    };
    check(expected.digest, sums.digest).map_err(LayerFault::Digest)?;
    check(expected.diff_id, sums.diff_id).map_err(LayerFault::DiffId)?;
    Ok(LayerRead {
        digest: Some(sums.digest),
        diff_id: Some(sums.diff_id),
        digest_state: DigestState::Verified,
        blob_bytes: sums.blob_bytes,
        tar_bytes: sums.tar_bytes,
        entries: walked.entries,
        warnings: walked.warnings,
    })
}

fn check_size(expected: &Expected, actual: u64) -> Result<(), LayerFault> {
    match expected.size {
        Some(declared) if declared != actual => Err(LayerFault::Size { declared, actual }),
        _ => Ok(()),
    }
}

//! NDB, rpm's own database: `Packages.db`.
//!
//! A 32-byte head (`RpmP`, version, generation, pages of slots), then slots of 16 bytes that say in
//! which run of 16-byte blocks a package's blob lies; a slot with block 0 is free. A blob is framed
//! by `BlbS` + number + time + length in front and Adler-32 + length + `BlbE` behind; the checksum
//! covers all before it, padding too. Integers are little-endian on every machine.
//! Source: `lib/backend/ndb/rpmpkg.c` of rpm.
//!
//! rpm does not compare checksums when it reads; here a blob whose checksum is wrong is an error of
//! that one header. The generation only tells writers from each other and is not read.

use super::{Backend, HeaderFault, RpmdbError, Sink, le32};

/// First bytes of the file.
pub(super) const MAGIC: &[u8] = b"RpmP";

const SLOT_PAGE: usize = 4096;
const BLOCK: usize = 16;
const SLOTS_A_PAGE: usize = SLOT_PAGE / BLOCK;
const HEAD_SLOTS: usize = 2;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

pub(super) fn read(database: &[u8], sink: &mut Sink<'_>) -> Result<(), RpmdbError> {
    if !database.len().is_multiple_of(BLOCK) {
        return damaged(database.len(), "the file ends within a block");
    }
    let head = |at| le32(database, at).ok_or_else(|| error(0, "the file ends within its head"));
    if head(4)? != 0 {
        return Err(RpmdbError::Unsupported {
            backend: Backend::Ndb,
            what: "a version other than 0",
        });
    }
    let first_block = (head(12)? as usize).saturating_mul(SLOTS_A_PAGE);
    for slot in slots(database, first_block)? {
        blob(database, &slot, sink)?;
    }
    Ok(())
}

struct Slot {
    number: u32,
    offset: usize,
    bytes: usize,
}

/// The slots in use, in the order of their blobs, which do not overlap.
fn slots(database: &[u8], first_block: usize) -> Result<Vec<Slot>, RpmdbError> {
    let Some(area) = database.get(HEAD_SLOTS * BLOCK..first_block.saturating_mul(BLOCK)) else {
        return damaged(0, "the file ends within its slots");
    };
    let mut slots = Vec::new();
    for (index, slot) in area.as_chunks::<BLOCK>().0.iter().enumerate() {
        let at = (HEAD_SLOTS + index) * BLOCK;
        let field = |from| le32(slot, from).unwrap_or_default();
        if !slot.starts_with(b"Slot") {
            return damaged(at, "a slot without its magic");
        }
        let (number, block, blocks) = (field(4), field(8) as usize, field(12) as usize);
        if block == 0 {
            continue;
        }
        if number == 0 || blocks == 0 || block < first_block {
            return damaged(at, "a slot that is neither free nor in use");
        }
        if block.saturating_add(blocks) > database.len() / BLOCK {
            return damaged(at, "a slot whose blob lies past the end of the file");
        }
        slots.push(Slot {
            number,
            offset: block * BLOCK,
            bytes: blocks * BLOCK,
        });
    }
    slots.sort_unstable_by_key(|slot| slot.offset);
    let mut end = 0;
    for slot in &slots {
        if slot.offset < end {
            return damaged(slot.offset, "two blobs that overlap");
        }
        end = slot.offset + slot.bytes;
    }
    Ok(slots)
}

fn blob(database: &[u8], slot: &Slot, sink: &mut Sink<'_>) -> Result<(), RpmdbError> {
    let at = slot.offset;
    let framed = database.get(at..at + slot.bytes).unwrap_or_default();
    let length = le32(framed, 12).unwrap_or_default() as usize;
    if !framed.starts_with(b"BlbS") || le32(framed, 4) != Some(slot.number) {
        return damaged(at, "a blob without the head its slot says");
    }
    let needed = length.saturating_add(BLOB_HEAD + BLOB_TAIL).div_ceil(BLOCK);
    if needed != slot.bytes / BLOCK {
        return damaged(at, "a blob of another length than its slot says");
    }
    let Some((body, tail)) = framed.split_last_chunk::<BLOB_TAIL>() else {
        return damaged(at, "a blob smaller than its frame");
    };
    if !tail.ends_with(b"BlbE") || le32(tail, 4).map(|tail| tail as usize) != Some(length) {
        return damaged(at, "a blob without its tail");
    }
    let number = i64::from(slot.number);
    sink.allow(number, length as u64)?;
    if le32(tail, 0) != Some(adler32(body)) {
        return sink.fault(number, HeaderFault::Checksum);
    }
    let header = body
        .get(BLOB_HEAD..)
        .and_then(|body| body.get(..length))
        .unwrap_or_default();
    sink.blob(number, header)
}

/// Adler-32 of RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    // The longest run whose sums cannot overflow 32 bits.
    const RUN: usize = 5552;
    let (mut low, mut high) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            low += u32::from(*byte);
            high += low;
        }
        low %= 65521;
        high %= 65521;
    }
    high << 16 | low
}

fn error(offset: usize, what: &'static str) -> RpmdbError {
    RpmdbError::Damaged {
        backend: Backend::Ndb,
        offset: offset as u64,
        what,
    }
}

fn damaged<T>(offset: usize, what: &'static str) -> Result<T, RpmdbError> {
    Err(error(offset, what))
}

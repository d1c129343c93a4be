//! Reading buckets of a bbolt file: a B+ tree of pages, with buckets inside values.
//!
//! Source: bbolt's `page.go`, `node.go`, `db.go` (format version 2). Only what a look-up needs: the newer
//! of both meta pages that has its checksum, branch and leaf pages, buckets on pages of their own or
//! inline. Everything is bounded: pages looked at, and the depth of the tree.
//!
//! Not here: the free list, writing, locks. A file that its owner changes meanwhile may be torn; what
//! does not fit together is an error.

use crate::region::Region;

/// Pages looked at in one walk.
const PAGES: usize = 100_000;

/// Branch pages above a leaf.
const DEPTH: usize = 32;

/// Bytes of one page with its overflow.
const LARGEST: u64 = 64 << 20;

const MAGIC: u32 = 0xed0c_daed;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const IS_BUCKET: u32 = 1;

/// An open file.
pub(super) struct Bolt<'a> {
    file: &'a Region,
    page_size: u64,
    root: u64,
}

/// A bucket: a page, or a page's bytes inside a value.
#[derive(Clone)]
pub(super) enum Bucket {
    Page(u64),
    Inline(Vec<u8>),
}

/// A key and what it leads to.
pub(super) struct Pair {
    pub(super) key: Vec<u8>,
    pub(super) value: Value,
}

pub(super) enum Value {
    Bytes(Vec<u8>),
    Bucket(Bucket),
}

type Fault = &'static str;

impl<'a> Bolt<'a> {
    pub(super) fn open(file: &'a Region) -> Result<Self, Fault> {
        let first = read(file, 0, 4096)?;
        let page_size = meta(&first).map(|meta| meta.page_size);
        // The first meta page may be the torn one; the usual size finds the second.
        let page_size = page_size.unwrap_or(4096);
        let second = read(file, page_size, 4096).ok();
        let second = second.and_then(|bytes| meta(&bytes));
        let newest = [meta(&first), second].into_iter().flatten();
        let newest = newest.max_by_key(|meta| meta.transaction);
        let newest = newest.ok_or("no meta page has its checksum")?;
        if !(512..=1 << 20).contains(&newest.page_size) {
            return Err("the page size cannot be");
        }
        Ok(Self {
            file,
            page_size: newest.page_size,
            root: newest.root,
        })
    }

    pub(super) fn root(&self) -> Bucket {
        Bucket::Page(self.root)
    }

    /// The bucket of this key in another.
    pub(super) fn bucket(&self, bucket: &Bucket, key: &[u8]) -> Result<Option<Bucket>, Fault> {
        let pairs = self.pairs(bucket)?.into_iter();
        Ok(pairs
            .filter(|pair| pair.key == key)
            .find_map(|pair| match pair.value {
                Value::Bucket(bucket) => Some(bucket),
                Value::Bytes(_) => None,
            }))
    }

    /// Everything in a bucket, in order.
    pub(super) fn pairs(&self, bucket: &Bucket) -> Result<Vec<Pair>, Fault> {
        let mut pairs = Vec::new();
        let mut open = match bucket {
            Bucket::Inline(page) => {
                leaf(page, &mut pairs)?;
                return Ok(pairs);
            }
            Bucket::Page(page) => vec![(*page, 0)],
        };
        let mut seen = 0;
        while let Some((number, depth)) = open.pop() {
            seen += 1;
            if seen > PAGES || depth > DEPTH {
                return Err("its tree is too large");
            }
            let page = self.page(number)?;
            match short(&page, 8)? {
                LEAF => leaf(&page, &mut pairs)?,
                BRANCH => {
                    let mut below = Vec::new();
                    for index in 0..usize::from(short(&page, 10)?) {
                        below.push((long(&page, 16 + index * 16 + 8)?, depth + 1));
                    }
                    open.extend(below.into_iter().rev());
                }
                _ => return Err("a page is neither branch nor leaf"),
            }
        }
        Ok(pairs)
    }

    fn page(&self, number: u64) -> Result<Vec<u8>, Fault> {
        let at = number
            .checked_mul(self.page_size)
            .ok_or("a page cannot be")?;
        let head = read(self.file, at, self.page_size)?;
        if long(&head, 0)? != number {
            return Err("a page is not where it says");
        }
        match u64::from(word(&head, 12)?) {
            0 => Ok(head),
            more => read(self.file, at, (more + 1).saturating_mul(self.page_size)),
        }
    }
}

struct Meta {
    page_size: u64,
    root: u64,
    transaction: u64,
}

fn meta(page: &[u8]) -> Option<Meta> {
    let body = page.get(16..72)?;
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let is_meta = word(page, 16).ok()? == MAGIC && word(page, 20).ok()? == 2;
    (is_meta && sum == long(page, 72).ok()?).then_some(Meta {
        page_size: u64::from(word(page, 24).ok()?),
        root: long(page, 32).ok()?,
        transaction: long(page, 64).ok()?,
    })
}

fn leaf(page: &[u8], pairs: &mut Vec<Pair>) -> Result<(), Fault> {
    for index in 0..usize::from(short(page, 10)?) {
        let element = 16 + index * 16;
        let size = |at: usize| Ok::<_, Fault>(word(page, element + at)? as usize);
        let key_at = element + size(4)?;
        let value_at = key_at.saturating_add(size(8)?);
        let key = page
            .get(key_at..value_at)
            .ok_or("a key leads out of its page")?;
        let value = page.get(value_at..value_at.saturating_add(size(12)?));
        let value = value.ok_or("a value leads out of its page")?;
        let value = if word(page, element)? & IS_BUCKET == 0 {
            Value::Bytes(value.to_vec())
        } else {
            match long(value, 0)? {
                0 => Value::Bucket(Bucket::Inline(
                    value.get(16..).ok_or("a bucket is cut short")?.to_vec(),
                )),
                page => Value::Bucket(Bucket::Page(page)),
            }
        };
        pairs.push(Pair {
            key: key.to_vec(),
            value,
        });
    }
    Ok(())
}

fn read(file: &Region, at: u64, count: u64) -> Result<Vec<u8>, Fault> {
    if count > LARGEST {
        return Err("a page is too large");
    }
    let count = count.min(file.len().saturating_sub(at));
    let part = file.part(at, count).ok_or("a page leads out of the file")?;
    part.bytes().map_err(|_| "it cannot be read")
}

fn short(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    Ok(u16::from_le_bytes(array(bytes, at)?))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    Ok(u32::from_le_bytes(array(bytes, at)?))
}

fn long(bytes: &[u8], at: usize) -> Result<u64, Fault> {
    Ok(u64::from_le_bytes(array(bytes, at)?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Fault> {
    let part = bytes.get(at..).and_then(<[u8]>::first_chunk::<N>);
    part.copied().ok_or("a page is cut short")
}

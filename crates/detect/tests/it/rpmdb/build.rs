//! Small databases, built byte by byte: what the tests then damage on purpose.

mod sqlite;

pub(crate) use sqlite::{Layout, Log, sqlite};

/// A header's number and blob.
pub(crate) type Row = (u32, Vec<u8>);

/// A header blob in the making.
#[derive(Default, Clone)]
pub(crate) struct Blob {
    index: Vec<u8>,
    data: Vec<u8>,
}

impl Blob {
    pub(crate) fn package(name: &str, version: &str, release: &str) -> Self {
        Self::default()
            .text(1000, name)
            .text(1001, version)
            .text(1002, release)
    }

    pub(crate) fn tag(mut self, tag: u32, kind: u32, count: usize, bytes: &[u8]) -> Self {
        let size = match kind {
            3 => 2,
            4 => 4,
            _ => 1,
        };
        self.data.resize(self.data.len().next_multiple_of(size), 0);
        let offset = self.data.len() as u32;
        for field in [tag, kind, offset, count as u32] {
            self.index.extend(field.to_be_bytes());
        }
        self.data.extend(bytes);
        self
    }

    pub(crate) fn text(self, tag: u32, text: &str) -> Self {
        self.tag(tag, 6, 1, format!("{text}\0").as_bytes())
    }

    pub(crate) fn texts(self, tag: u32, texts: &[&str]) -> Self {
        let bytes: String = texts.iter().map(|text| format!("{text}\0")).collect();
        self.tag(tag, 8, texts.len(), bytes.as_bytes())
    }

    pub(crate) fn numbers(self, tag: u32, numbers: &[u32]) -> Self {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        self.tag(tag, 4, numbers.len(), &bytes)
    }

    /// A tag nobody reads, to make the header `bytes` longer.
    pub(crate) fn padded(self, bytes: usize) -> Self {
        self.tag(1005, 7, bytes, &vec![b'x'; bytes])
    }

    pub(crate) fn build(self) -> Vec<u8> {
        let counts = [self.index.len() as u32 / 16, self.data.len() as u32];
        [counts.map(u32::to_be_bytes).concat(), self.index, self.data].concat()
    }
}

/// Packages `pkg1`… with headers that fit a page, and ones that need many.
pub(crate) fn rows(count: u32) -> Vec<Row> {
    let blob = |number: u32| {
        let padding = if number.is_multiple_of(3) {
            3000 * (number as usize % 7)
        } else {
            20
        };
        let name = format!("pkg{number}");
        Blob::package(&name, &format!("1.{number}"), "1.el9")
            .padded(padding)
            .build()
    };
    (1..=count).map(|number| (number, blob(number))).collect()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// An NDB file whose blobs lie in the order of `rows`.
pub(crate) fn ndb(rows: &[Row]) -> Vec<u8> {
    let slot_pages = (rows.len() + 2).div_ceil(256);
    let mut file = vec![0; slot_pages * 4096];
    put(&mut file, 0, b"RpmP");
    put(&mut file, 12, &(slot_pages as u32).to_le_bytes());
    for slot in 2..slot_pages * 256 {
        put(&mut file, slot * 16, b"Slot");
    }
    for (index, (number, blob)) in rows.iter().enumerate() {
        let start = file.len();
        let length = (blob.len() as u32).to_le_bytes();
        file.extend([*b"BlbS", number.to_le_bytes(), [0; 4], length].concat());
        file.extend(blob);
        file.resize((file.len() + 12).next_multiple_of(16) - 12, 0);
        let sum = adler32(&file[start..]).to_le_bytes();
        file.extend([sum, length, *b"BlbE"].concat());
        let slot = [*number, start as u32 / 16, (file.len() - start) as u32 / 16];
        put(
            &mut file,
            (index + 2) * 16 + 4,
            &slot.map(u32::to_le_bytes).concat(),
        );
    }
    file
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u64, 0), |(low, high), byte| {
        let low = (low + u64::from(*byte)) % 65521;
        (low, (high + low) % 65521)
    });
    (high << 16 | low) as u32
}

/// A Berkeley DB file: its pages, and in which byte order.
pub(crate) struct Bdb {
    pages: Vec<Vec<u8>>,
    big_endian: bool,
}

impl Bdb {
    const PAGE: usize = 512;

    fn new(big_endian: bool, magic: u32, version: u32, kind: u8) -> Self {
        let mut bdb = Self {
            pages: vec![vec![0; Self::PAGE]],
            big_endian,
        };
        bdb.u32(0, 12, magic);
        bdb.u32(0, 16, version);
        bdb.u32(0, 20, Self::PAGE as u32);
        bdb.pages[0][25] = kind;
        bdb
    }

    fn u32(&mut self, page: usize, at: usize, value: u32) {
        let bytes = if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        put(&mut self.pages[page], at, &bytes);
    }

    fn u16(&mut self, page: usize, at: usize, value: usize) {
        let value = value as u16;
        let bytes = if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        put(&mut self.pages[page], at, &bytes);
    }

    fn add(&mut self, kind: u8) -> usize {
        let number = self.pages.len();
        self.pages.push(vec![0; Self::PAGE]);
        self.u32(number, 8, number as u32);
        self.pages[number][25] = kind;
        number
    }

    fn link(&mut self, from: usize, to: usize) {
        self.u32(from, 16, to as u32);
        self.u32(to, 12, from as u32);
    }

    /// Puts a blob in a chain of overflow pages and returns the first.
    fn overflow(&mut self, blob: &[u8]) -> usize {
        let mut first = None;
        for part in blob.chunks(Self::PAGE - 26) {
            let page = self.add(7);
            self.u16(page, 22, part.len());
            put(&mut self.pages[page], 26, part);
            if first.is_some() {
                self.link(page - 1, page);
            }
            first = first.or(Some(page));
        }
        first.unwrap()
    }

    fn finish(mut self) -> Vec<u8> {
        self.u32(0, 32, self.pages.len() as u32 - 1);
        self.pages.concat()
    }

    fn key(&self, number: u32) -> [u8; 4] {
        if self.big_endian {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn off_page(&self, page: usize, length: usize) -> Vec<u8> {
        [[3, 0, 0, 0], self.key(page as u32), self.key(length as u32)].concat()
    }
}

/// Berkeley DB hash with `buckets` (a power of two), each of as many pages as it needs; key 0 is there.
pub(crate) fn bdb_hash(rows: &[Row], buckets: usize, big_endian: bool) -> Vec<u8> {
    let mut bdb = Bdb::new(big_endian, 0x0006_1561, 9, 8);
    bdb.u32(0, 72, buckets as u32 - 1);
    for split in 0..=buckets.ilog2() as usize {
        bdb.u32(0, 96 + 4 * split, 1);
    }
    let first: Vec<usize> = (0..buckets).map(|_| bdb.add(13)).collect();
    for (bucket, &page) in first.iter().enumerate() {
        let mut items: Vec<Vec<u8>> = Vec::new();
        if bucket == 0 {
            let top = bdb.key(rows.len() as u32);
            items.extend([[&[1][..], &[0; 4]].concat(), [&[1][..], &top].concat()]);
        }
        for (number, blob) in rows.iter().filter(|row| row.0 as usize % buckets == bucket) {
            items.push([&[1][..], &bdb.key(*number)].concat());
            if blob.len() < 100 {
                items.push([&[1][..], blob].concat());
            } else {
                let chain = bdb.overflow(blob);
                items.push(bdb.off_page(chain, blob.len()));
            }
        }
        let mut page = page;
        for some in items.chunks(6) {
            if bdb.pages[page][25] == 13 && bdb.pages[page][20..22] != [0, 0] {
                let next = bdb.add(13);
                bdb.link(page, next);
                page = next;
            }
            let mut end = Bdb::PAGE;
            for (index, item) in some.iter().enumerate() {
                end -= item.len();
                put(&mut bdb.pages[page], end, item);
                bdb.u16(page, 26 + 2 * index, end);
            }
            bdb.u16(page, 20, some.len());
        }
    }
    bdb.finish()
}

/// Berkeley DB btree of one inner page; a deleted pair lies among the others.
pub(crate) fn bdb_btree(rows: &[Row], big_endian: bool) -> Vec<u8> {
    let mut bdb = Bdb::new(big_endian, 0x0005_3162, 9, 9);
    let root = bdb.add(3);
    bdb.u32(0, 88, root as u32);
    let mut leaves = Vec::new();
    for some in rows.chunks(16) {
        let leaf = bdb.add(5);
        let mut items = Vec::new();
        for (number, blob) in some {
            let here = |deleted: u8, bytes: &[u8]| {
                let length = (bytes.len() as u16).to_le_bytes();
                let length = if big_endian {
                    [length[1], length[0]]
                } else {
                    length
                };
                [&length[..], &[1 | deleted], bytes].concat()
            };
            if *number == some[0].0 {
                items.extend([here(0x80, &9999_u32.to_be_bytes()), here(0x80, b"gone")]);
            }
            items.push(here(0, &number.to_be_bytes()));
            if blob.len() < 9 {
                items.push(here(0, blob));
                continue;
            }
            let chain = bdb.overflow(blob);
            let mut item = bdb.off_page(chain, blob.len());
            item.swap(0, 2);
            items.push(item);
        }
        let mut end = Bdb::PAGE;
        for (index, item) in items.iter().enumerate() {
            end = (end - item.len()) & !3;
            put(&mut bdb.pages[leaf], end, item);
            bdb.u16(leaf, 26 + 2 * index, end);
        }
        bdb.u16(leaf, 20, items.len());
        if let Some(last) = leaves.last() {
            bdb.link(*last, leaf);
        }
        leaves.push(leaf);
    }
    let mut end = Bdb::PAGE;
    for (index, leaf) in leaves.iter().enumerate() {
        end -= 12;
        bdb.u32(root, end + 4, *leaf as u32);
        bdb.u16(root, 26 + 2 * index, end);
    }
    bdb.u16(root, 20, leaves.len());
    bdb.finish()
}

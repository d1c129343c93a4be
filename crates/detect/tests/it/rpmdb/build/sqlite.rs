//! SQLite databases and their logs.

use std::collections::BTreeMap;

use super::{Row, put};

/// How an SQLite file is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) page_size: usize,
    pub(crate) reserved: usize,
}

/// The pages of an SQLite database with one table of packages, page 1 first.
pub(crate) fn sqlite(rows: &[Row], layout: Layout) -> Vec<Vec<u8>> {
    let usable = layout.page_size - layout.reserved;
    let mut pages = vec![Vec::new()];
    let cells = rows.iter().map(|(number, blob)| {
        let serial = varint(blob.len() as u64 * 2 + 12);
        let record = [&[serial.len() as u8 + 2, 0][..], &serial, blob].concat();
        let cell = cell(
            u64::from(*number),
            &record,
            usable,
            layout.page_size,
            &mut pages,
        );
        (*number, cell)
    });
    let cells: Vec<_> = cells.collect();
    let mut level: Vec<(u32, u32)> = Vec::new();
    let mut rest = &cells[..];
    while !rest.is_empty() || level.is_empty() {
        let mut room = usable - 8;
        let fits = |cell: &&(u32, Vec<u8>)| {
            room = room.saturating_sub(cell.1.len() + 2);
            room > 0
        };
        let (here, later) = rest.split_at(rest.iter().take_while(fits).count());
        let cells: Vec<_> = here.iter().map(|cell| cell.1.clone()).collect();
        pages.push(b_tree_page(0, 13, &cells, None, usable, layout.page_size));
        level.push((pages.len() as u32, here.last().map_or(0, |cell| cell.0)));
        rest = later;
    }
    while level.len() > 1 {
        let parents = level.chunks((usable - 12) / 11).map(|children| {
            let (last, children) = children.split_last().unwrap();
            let cell = |(page, key): &(u32, u32)| {
                [page.to_be_bytes().to_vec(), varint(u64::from(*key))].concat()
            };
            let cells: Vec<_> = children.iter().map(cell).collect();
            pages.push(b_tree_page(
                0,
                5,
                &cells,
                Some(last.0),
                usable,
                layout.page_size,
            ));
            (pages.len() as u32, last.1)
        });
        level = parents.collect();
    }
    let table = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)";
    let mut schema = vec![0, 23, 29, 29, 4];
    schema.extend(varint(table.len() as u64 * 2 + 13));
    schema[0] = schema.len() as u8;
    schema.extend(b"tablePackagesPackages");
    schema.extend(level[0].0.to_be_bytes());
    schema.extend(table.bytes());
    let cell = cell(1, &schema, usable, layout.page_size, &mut pages);
    let mut first = b_tree_page(100, 13, &[cell], None, usable, layout.page_size);
    put(&mut first, 0, b"SQLite format 3\0");
    let size = if layout.page_size == 65536 {
        1
    } else {
        layout.page_size as u16
    };
    put(&mut first, 16, &size.to_be_bytes());
    put(&mut first, 18, &[1, 1, layout.reserved as u8, 64, 32, 32]);
    put(&mut first, 24, &1_u32.to_be_bytes());
    put(&mut first, 28, &(pages.len() as u32).to_be_bytes());
    put(&mut first, 92, &1_u32.to_be_bytes());
    pages[0] = first;
    pages
}

fn cell(
    number: u64,
    record: &[u8],
    usable: usize,
    page_size: usize,
    pages: &mut Vec<Vec<u8>>,
) -> Vec<u8> {
    let least = (usable - 12) * 32 / 255 - 23;
    let local = match record.len() {
        length if length <= usable - 35 => length,
        length => Some(least + (length - least) % (usable - 4))
            .filter(|local| *local <= usable - 35)
            .unwrap_or(least),
    };
    let (here, elsewhere) = record.split_at(local);
    let mut cell = [varint(record.len() as u64), varint(number), here.to_vec()].concat();
    let count = elsewhere.len().div_ceil(usable - 4);
    for (index, part) in elsewhere.chunks(usable - 4).enumerate() {
        let number = pages.len() as u32 + 1;
        let next = if index + 1 < count { number + 1 } else { 0 };
        if index == 0 {
            cell.extend(number.to_be_bytes());
        }
        let mut page = [&next.to_be_bytes()[..], part].concat();
        page.resize(page_size, 0);
        pages.push(page);
    }
    cell
}

fn b_tree_page(
    head: usize,
    kind: u8,
    cells: &[Vec<u8>],
    rightmost: Option<u32>,
    usable: usize,
    page_size: usize,
) -> Vec<u8> {
    let mut page = vec![0; page_size];
    let mut end = usable;
    let mut pointers = Vec::new();
    for cell in cells {
        end -= cell.len().max(4);
        put(&mut page, end, cell);
        pointers.extend((end as u16).to_be_bytes());
    }
    page[head] = kind;
    put(&mut page, head + 3, &(cells.len() as u16).to_be_bytes());
    put(&mut page, head + 5, &(end as u16).to_be_bytes());
    let array = if let Some(rightmost) = rightmost {
        put(&mut page, head + 8, &rightmost.to_be_bytes());
        head + 12
    } else {
        head + 8
    };
    put(&mut page, array, &pointers);
    page
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7f) as u8];
    let mut rest = value >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}

/// A write-ahead log in the making.
pub(crate) struct Log {
    pub(crate) bytes: Vec<u8>,
    salts: [u8; 8],
    sum: (u32, u32),
    big_endian: bool,
}

impl Log {
    pub(crate) fn new(page_size: usize, big_endian: bool) -> Self {
        let magic = 0x377f_0682 | u32::from(big_endian);
        let salts = *b"saltSALT";
        let mut bytes = [magic, 3_007_000, page_size as u32, 0]
            .map(u32::to_be_bytes)
            .concat();
        bytes.extend(salts);
        let mut log = Self {
            bytes: Vec::new(),
            salts,
            sum: (0, 0),
            big_endian,
        };
        log.add(&bytes);
        log.bytes = bytes;
        log.bytes.extend(log.sums());
        log
    }

    /// One transaction; without a `size` in pages it stays uncommitted.
    pub(crate) fn transaction(&mut self, pages: &BTreeMap<u32, Vec<u8>>, size: Option<u32>) {
        for (index, (number, page)) in pages.iter().enumerate() {
            let size = size.filter(|_| index + 1 == pages.len()).unwrap_or(0);
            let head = [*number, size].map(u32::to_be_bytes).concat();
            self.add(&head);
            self.add(page);
            self.bytes.extend(head);
            self.bytes.extend(self.salts);
            self.bytes.extend(self.sums());
            self.bytes.extend(page);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let word = if self.big_endian {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        for pair in bytes.chunks(8) {
            let (a, b) = (
                word(pair[..4].try_into().unwrap()),
                word(pair[4..].try_into().unwrap()),
            );
            self.sum.0 = self.sum.0.wrapping_add(a).wrapping_add(self.sum.1);
            self.sum.1 = self.sum.1.wrapping_add(b).wrapping_add(self.sum.0);
        }
    }

    fn sums(&self) -> Vec<u8> {
        [self.sum.0, self.sum.1].map(u32::to_be_bytes).concat()
    }
}

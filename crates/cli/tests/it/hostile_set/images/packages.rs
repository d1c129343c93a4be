//! What can be wrong with lists of packages and with what says which distribution it is.

use std::path::Path;

use super::super::{End, OPENSSL};
use super::tar::{self, BLOCK, Tar};
use super::{Case, Chance, Layout, Made, OS_RELEASE, STATUS, blob, image, long};
use End::{Ends, Finds};

pub(in super::super) const PACKAGES: &[Case] = &[
    ("status-single-line", status_single_line, OPENSSL),
    ("status-malformed", status_malformed, OPENSSL),
    ("versions-odd", versions_odd, OPENSSL),
    ("os-release-odd", os_release_odd, OPENSSL),
    ("rpmdb-corrupt", rpmdb_corrupt, Ends),
    ("rpm-header-odd", rpm_header_odd, Finds("pkg-good", "1.0-1")),
    ("rpmdb-bdb-loop", rpmdb_bdb_loop, Ends),
    ("apk-odd", apk_odd, Finds("musl", "1.2.2-r3")),
];

const RHEL: &str = "ID=\"rhel\"\nVERSION_ID=\"9.0\"\n";

fn of_status(status: &[u8]) -> Made {
    let tar = Tar::new()
        .file("etc/os-release", OS_RELEASE)
        .file("var/lib/dpkg/status", status);
    image(&[tar.end()])
}

/// Two hundred megabytes of a name.
fn status_single_line() -> Made {
    const MIB: usize = 192;
    let (before, after) = (format!("{STATUS}Package: "), "\nVersion: 1\n\n");
    let size = before.len() + (MIB << 20) + after.len();
    let size = format!("{size:011o}\0");
    let mut first = Tar::new().file("etc/os-release", OS_RELEASE).open();
    first.extend(tar::header(
        b'0',
        b"var/lib/dpkg/status",
        "",
        size.as_bytes(),
    ));
    first.extend(before.as_bytes());
    let mut last = after.as_bytes().to_vec();
    last.resize(
        last.len() + BLOCK - (before.len() + after.len()) % BLOCK + 2 * BLOCK,
        0,
    );
    // What it unpacks to is hashed as it is read: that is no part of this case.
    let tar = [&first[..], &vec![b'n'; MIB << 20], &last].concat();
    blob(long(&first, b'n', MIB, &last), super::digest(&tar))
}

fn status_malformed() -> Made {
    let broken: &[u8] = b"Package:\nVersion:\n\n: value\n\nno colon at all\n\n goes on from nothing\n\n\
        Package: without-version\nStatus: install ok installed\n\nVersion: 2\n\n\xc3\x28\x00\xff\n\n\
        Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n";
    of_status(&[broken, STATUS.as_bytes(), broken].concat())
}

fn versions_odd() -> Made {
    let (long, digits) = ("v".repeat(5000), "7".repeat(5000));
    let versions = [
        long.as_str(),
        &digits,
        "",
        "-",
        "~~",
        "1:2:3",
        "0:0",
        "1-2-3-4",
        "99999999999999999999:1",
        "1.0+\u{fc}",
        "../../etc",
        "$(reboot)",
        "`reboot`",
        "<script>",
        "'; DELETE FROM layer; --",
    ];
    let stanza = |(number, version): (usize, &&str)| {
        format!("Package: odd{number}\nStatus: install ok installed\nVersion: {version}\n\n")
    };
    let odd: String = versions.iter().enumerate().map(stanza).collect();
    of_status(format!("{STATUS}{odd}").as_bytes())
}

fn os_release_odd() -> Made {
    let long = "l".repeat(1 << 20);
    let odd = format!(
        "ID=$(touch /tmp/pellucid-hostile)\nVERSION_ID=\"12\nNAME='n\nLONG={long}\nID=\"debian\"\0\n"
    );
    let tar = Tar::new()
        .file("etc/os-release", odd)
        .file("var/lib/dpkg/status", STATUS);
    image(&[tar.end()])
}

/// An image of RHEL with this file.
fn rhel(path: &str, database: Vec<u8>) -> Vec<u8> {
    let tar = Tar::new().file("etc/os-release", RHEL).file(path, database);
    Layout::of(&[tar.end()]).archive()
}

/// A real database with bytes changed, and cut, by chance.
fn rpmdb_corrupt() -> Made {
    let good = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../detect/tests/data/rpmdb/sqlite/rpmdb.sqlite");
    let good = std::fs::read(good).unwrap();
    let damaged = |seed: usize| {
        let mut database = good.clone();
        let mut chance = Chance(seed as u64);
        // Half of them keep SQLite's own header.
        let from = if seed.is_multiple_of(2) { 100 } else { 0 };
        for _ in 0..=seed * 3 {
            let at = from + chance.below(database.len() - from);
            database[at] = chance.below(256) as u8;
        }
        if seed % 8 == 7 {
            database.truncate(chance.below(good.len()));
        }
        rhel("var/lib/rpm/rpmdb.sqlite", database)
    };
    Made::Archives((0..40).map(damaged).collect())
}

/// A header of tags of rpm: number, type, offset and count, and what they point into.
fn rpm_header(tags: &[[u32; 4]], data: &[u8]) -> Vec<u8> {
    let counts = [tags.len() as u32, data.len() as u32];
    let numbers = counts.iter().chain(tags.iter().flatten());
    let mut header: Vec<u8> = numbers.flat_map(|number| number.to_be_bytes()).collect();
    header.extend(data);
    header
}

/// Headers that point outside themselves around one that is good, in rpm's own format, ndb.
fn rpm_header_odd() -> Made {
    let good = rpm_header(
        &[[1000, 6, 0, 1], [1001, 6, 9, 1], [1002, 6, 13, 1]],
        b"pkg-good\x001.0\x001\0",
    );
    let headers = [
        rpm_header(&[[1000, 6, 0xffff_fff0, 1]], b"ab\0\0"),
        rpm_header(&[[1000, 8, 0, u32::MAX]], b"abcd"),
        good.clone(),
        rpm_header(&[[1000, 77, 0, 1]], b"abcd"),
        [0xff; 8].to_vec(),
        good[..30].to_vec(),
        vec![0],
    ];
    Made::Archive(rhel("usr/lib/sysimage/rpm/Packages.db", ndb(&headers)))
}

/// A database of ndb: a page of slots, then the blobs.
fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let mut database = vec![0; 4096];
    database[..4].copy_from_slice(b"RpmP");
    database[12] = 1;
    for slot in database[32..].chunks_exact_mut(16) {
        slot[..4].copy_from_slice(b"Slot");
    }
    for (number, header) in (1_u32..).zip(headers) {
        let start = database.len();
        let length = (header.len() as u32).to_le_bytes();
        let head = [*b"BlbS", number.to_le_bytes(), [0; 4], length].concat();
        database.extend(&head);
        database.extend(header);
        // The tail ends at a border of 16 bytes.
        database.resize((database.len() + 12).next_multiple_of(16) - 12, 0);
        let (mut low, mut high) = (1_u32, 0_u32);
        for byte in &database[start..] {
            low = (low + u32::from(*byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        database.extend([(high << 16 | low).to_le_bytes(), length, *b"BlbE"].concat());
        let (from, blocks) = (start as u32 / 16, (database.len() - start) as u32 / 16);
        let at = 32 + (number as usize - 1) * 16 + 4;
        let slot = [number, from, blocks].map(u32::to_le_bytes).concat();
        database[at..at + 12].copy_from_slice(&slot);
    }
    database
}

/// A hash of Berkeley DB with one value, on pages of which each names the other as the next.
fn rpmdb_bdb_loop() -> Made {
    const PAGE: usize = 4096;
    let mut database = vec![0; 4 * PAGE];
    let mut put = |at: usize, bytes: &[u8]| database[at..at + bytes.len()].copy_from_slice(bytes);
    // The first page: magic, version, size of a page, type; the last page.
    put(12, &0x0006_1561_u32.to_le_bytes());
    put(16, &9_u32.to_le_bytes());
    put(20, &(PAGE as u32).to_le_bytes());
    put(25, &[8]);
    put(32, &3_u32.to_le_bytes());
    // A page of two items: a key, and a value that begins on page 2 and is very long.
    put(PAGE + 8, &1_u32.to_le_bytes());
    put(PAGE + 20, &2_u16.to_le_bytes());
    put(PAGE + 25, &[2]);
    let (key, value) = (PAGE - 8, PAGE - 20);
    put(PAGE + 26, &(key as u16).to_le_bytes());
    put(PAGE + 28, &(value as u16).to_le_bytes());
    put(PAGE + key, &[1, 1, 0, 0, 0]);
    put(PAGE + value, &[3, 0, 0, 0]);
    put(PAGE + value + 4, &2_u32.to_le_bytes());
    put(PAGE + value + 8, &(i32::MAX as u32).to_le_bytes());
    for (page, next) in [(2_usize, 3_u32), (3, 2)] {
        let at = page * PAGE;
        put(at + 8, &(page as u32).to_le_bytes());
        put(at + 16, &next.to_le_bytes());
        put(at + 20, &1_u16.to_le_bytes());
        put(at + 22, &((PAGE - 26) as u16).to_le_bytes());
        put(at + 25, &[7]);
    }
    Made::Archive(rhel("var/lib/rpm/Packages", database))
}

fn apk_odd() -> Made {
    let installed = format!(
        "P:first\n\n\nV:1\n\nQ\n:\n\nP:musl\nV:1.2.2-r3\nA:x86_64\no:musl\n\nP:long\nV:{}\n\nP:\nV:\n",
        "1".repeat(5 << 20)
    );
    let tar = Tar::new()
        .file("etc/os-release", "ID=alpine\nVERSION_ID=3.14.0\n")
        .file("etc/alpine-release", "3.14.0\n")
        .file("lib/apk/db/installed", installed);
    image(&[tar.end()])
}

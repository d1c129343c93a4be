//! What can be wrong with a layer: its compression, its tar, the names and links in it, its whiteouts.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::super::{End, OPENSSL};
use super::tar::{self, BLOCK, BLOCKS, CHARACTERS, HARDLINK, PAX, PIPE, SYMLINK, Tar};
use super::{Case, Made, OS_RELEASE, STATUS, blob, debian, digest, gzip, image, long};
use End::{Ends, Fails, Finds};

pub(in super::super) const LAYERS: &[Case] = &[
    ("good", good, OPENSSL),
    ("gzip-truncated", gzip_truncated, Fails("layer 0")),
    ("gzip-bad-crc", gzip_bad_crc, Fails("layer 0")),
    ("gzip-trailing-garbage", gzip_trailing_garbage, Ends),
    ("gzip-multistream", gzip_multistream, OPENSSL),
    ("gzip-bomb", gzip_bomb, Ends),
    ("gzip-bomb-status", gzip_bomb_status, Ends),
    ("tar-truncated", tar_truncated, Fails("layer 0")),
    ("tar-bad-checksum", tar_bad_checksum, Ends),
    ("tar-size-overflow", tar_size_overflow, Fails("layer 0")),
    ("tar-negative-size", tar_negative_size, Fails("layer 0")),
    ("empty-layer-blob", empty_layer_blob, Ends),
    ("pax-huge", pax_huge, Ends),
    ("pax-malformed", pax_malformed, Ends),
    ("sparse", sparse, OPENSSL),
    ("entries-million", entries_million, OPENSSL),
    (
        "duplicates",
        duplicates,
        Finds("openssl", "3.0.15-1~deb12u1"),
    ),
    ("devices", devices, OPENSSL),
    ("path-dotdot", path_dotdot, OPENSSL),
    ("path-absolute", path_absolute, OPENSSL),
    ("path-empty-and-dots", path_empty_and_dots, OPENSSL),
    ("names-long", names_long, OPENSSL),
    ("names-not-utf8", names_not_utf8, OPENSSL),
    ("link-outside", link_outside, Ends),
    ("link-loop", link_loop, Ends),
    ("hardlink-loop", hardlink_loop, OPENSSL),
    ("symlink-parent-swap", symlink_parent_swap, OPENSSL),
    ("whiteout-odd", whiteout_odd, OPENSSL),
    ("whiteout-same-layer", whiteout_same_layer, OPENSSL),
    ("type-change", type_change, OPENSSL),
];

/// An image of one gzip file of this tar, to which something is done.
fn gzipped(tar: &[u8], change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Made {
    blob(change(gzip(tar)), digest(tar))
}

/// A blob of which nobody has the digest, because it is too long.
fn of_no_known_digest(bytes: Vec<u8>) -> Made {
    blob(bytes, format!("sha256:{}", "0".repeat(64)))
}

/// The control of all others.
fn good() -> Made {
    image(&[debian().end()])
}

fn gzip_truncated() -> Made {
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|number| (number.wrapping_mul(number) >> 7) as u8)
        .collect();
    gzipped(&debian().file("noise", noise).end(), |mut blob| {
        blob.truncate(blob.len() / 2);
        blob
    })
}

fn gzip_bad_crc() -> Made {
    gzipped(&debian().end(), |mut blob| {
        let at = blob.len() - 7;
        blob[at] = !blob[at];
        blob
    })
}

fn gzip_trailing_garbage() -> Made {
    gzipped(&debian().end(), |mut blob| {
        blob.extend(b"what is no member ".repeat(5));
        blob
    })
}

fn gzip_multistream() -> Made {
    let tar = debian().end();
    let (first, second) = tar.split_at(BLOCK + 100);
    blob([gzip(first), gzip(second)].concat(), digest(&tar))
}

/// A gibibyte of zeros in one file, several times what may be in memory; its size is not in octal.
fn gzip_bomb() -> Made {
    let mut size = vec![0x80, 0, 0, 0];
    size.extend((1_u64 << 30).to_be_bytes());
    let mut first = debian().open();
    first.extend(tar::header(b'0', b"zeros", "", &size));
    of_no_known_digest(long(&first, 0, 1 << 10, &[0; 2 * BLOCK]))
}

/// A gibibyte of spaces where the list of packages is.
fn gzip_bomb_status() -> Made {
    let size = format!("{:011o}\0", 1_u64 << 30);
    let first = tar::header(b'0', b"var/lib/dpkg/status", "", size.as_bytes());
    of_no_known_digest(long(&first, b' ', 1 << 10, &[0; 2 * BLOCK]))
}

fn tar_truncated() -> Made {
    let mut tar = debian().file("cut", vec![b'x'; 9000]).open();
    tar.truncate(tar.len() - 10 * BLOCK);
    image(&[tar])
}

fn tar_bad_checksum() -> Made {
    let mut tar = debian().end();
    // In the first header's checksum, and in its body.
    tar[150] ^= 1;
    tar[BLOCK + 5] ^= 1;
    image(&[tar])
}

fn with_size(size: &[u8]) -> Made {
    let last = tar::header(b'0', b"odd", "", size);
    image(&[debian().padded(&last).end()])
}

fn tar_size_overflow() -> Made {
    with_size(&[0xff; 12])
}

fn tar_negative_size() -> Made {
    with_size(b"-0000001000\0")
}

fn empty_layer_blob() -> Made {
    blob(Vec::new(), digest(b""))
}

fn pax_huge() -> Made {
    let comment = vec![b'c'; 64 << 20];
    // The length counts itself: eight digits, " comment=" and the end of the line.
    let length = comment.len() + 18;
    let record = [format!("{length} comment=").as_bytes(), &comment, b"\n"].concat();
    image(&[debian().entry(PAX, "pax", "", record).file("x", "").end()])
}

fn pax_malformed() -> Made {
    let records = "98765432109 path=a\n5 ab\n0 x=y\n-1 x=y\n11 linkpath";
    let tar = Tar::new().entry(PAX, "pax", "", records).open();
    image(&[[tar, debian().end()].concat()])
}

/// GNU's sparse file of a tebibyte, of which one block is there.
fn sparse() -> Made {
    let mut header = tar::header(b'S', b"sparse", "", b"00000001000\0");
    header[386..398].copy_from_slice(b"00000000000\0");
    header[398..410].copy_from_slice(b"00000001000\0");
    header[483..495].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    tar::sum(&mut header);
    let sparse = Tar::new().padded(&header).padded(&[b's'; BLOCK]).open();
    image(&[[sparse, debian().end()].concat()])
}

fn entries_million() -> Made {
    let mut hash = Sha256::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
    let mut write = |bytes: &[u8]| {
        hash.update(bytes);
        encoder.write_all(bytes).unwrap();
    };
    write(&debian().open());
    let mut header = tar::header(b'0', b"many/000000", "", b"00000000000\0");
    let sum = u32::from_str_radix(str::from_utf8(&header[148..154]).unwrap(), 8).unwrap();
    for number in 0..1_000_000 {
        let digits = format!("{number:06}");
        header[5..11].copy_from_slice(digits.as_bytes());
        let more: u32 = digits.bytes().map(|digit| u32::from(digit - b'0')).sum();
        header[148..154].copy_from_slice(format!("{:06o}", sum + more).as_bytes());
        write(&header);
    }
    write(&[0; 2 * BLOCK]);
    let diff_id = format!("sha256:{}", hex::encode(hash.finalize()));
    blob(encoder.finish().unwrap(), diff_id)
}

fn duplicates() -> Made {
    let newer = STATUS.replace("3.0.11", "3.0.15");
    let tar = debian()
        .file("var/lib/dpkg/status", "")
        .file("var/lib/dpkg/status", newer);
    image(&[tar.end()])
}

fn devices() -> Made {
    let tar = debian()
        .link(CHARACTERS, "var/lib/rpm/Packages", "")
        .link(PIPE, "lib/apk/db/installed", "")
        .link(BLOCKS, "dev/disk", "")
        .link(b'Z', "dev/unheard-of", "");
    image(&[tar.end()])
}

fn path_dotdot() -> Made {
    let tar = Tar::new()
        .file("../../../../../../../tmp/pellucid-hostile", "x")
        .file("a/b/../../../../etc/passwd", "x")
        .file("etc/os-release", OS_RELEASE)
        .file("./var//lib/./dpkg/status", STATUS);
    image(&[tar.end()])
}

fn path_absolute() -> Made {
    let tar = Tar::new()
        .file("/tmp/pellucid-hostile", "x")
        .file("/etc/os-release", OS_RELEASE)
        .file("/var/lib/dpkg/status", STATUS);
    image(&[tar.end()])
}

fn path_empty_and_dots() -> Made {
    let names = ["", ".", "..", "/", "./", "//"];
    let add = |tar: Tar, name: &&str| tar.directory(name);
    let odd = names.iter().fold(Tar::new(), add).open();
    image(&[[odd, debian().end()].concat()])
}

fn names_long() -> Made {
    let tar = debian()
        .file("a".repeat(4096), "x")
        .file("b".repeat(65_535), "x")
        .file(format!("{}file", "c/".repeat(3000)), "x");
    image(&[tar.end()])
}

fn names_not_utf8() -> Made {
    let tar = debian()
        .file(b"usr/\xe9\xff\xfe.jar", "x")
        .file("a\x1b[2J\r\nb", "x");
    image(&[tar.end()])
}

fn link_outside() -> Made {
    let tar = Tar::new()
        .file("etc/os-release", OS_RELEASE)
        .link(SYMLINK, "var/lib/dpkg/status", "/../../../../../etc/passwd")
        .link(HARDLINK, "etc/secret", "../../../etc/shadow");
    image(&[tar.end()])
}

fn link_loop() -> Made {
    let tar = Tar::new()
        .file("etc/os-release", OS_RELEASE)
        .link(SYMLINK, "var/lib/dpkg/status", "available")
        .link(SYMLINK, "var/lib/dpkg/available", "status")
        .link(SYMLINK, "itself", "itself")
        .link(SYMLINK, "usr/here", ".")
        .link(SYMLINK, "up/down", "../up");
    image(&[tar.end()])
}

fn hardlink_loop() -> Made {
    let tar = debian()
        .link(HARDLINK, "one", "two")
        .link(HARDLINK, "two", "one")
        .link(HARDLINK, "itself", "itself")
        .link(HARDLINK, "none", "is/not/there");
    image(&[tar.end()])
}

fn symlink_parent_swap() -> Made {
    let tar = debian()
        .link(SYMLINK, "folder", "/tmp")
        .file("folder/pellucid-hostile", "x");
    image(&[tar.end()])
}

fn whiteout_odd() -> Made {
    let names = [
        ".wh.",
        ".wh..",
        ".wh...",
        "etc/.wh..wh.name",
        "a/../.wh.other",
        ".wh..wh.plnk/3.4",
        ".wh..wh.aufs",
    ];
    let add = |tar: Tar, name: &&str| tar.file(name, "");
    image(&[debian().end(), names.iter().fold(Tar::new(), add).end()])
}

/// A whiteout hides what is below its layer, never what is in it.
fn whiteout_same_layer() -> Made {
    let lower = Tar::new().file("etc/os-release", OS_RELEASE);
    let upper = Tar::new()
        .file("var/lib/dpkg/status", STATUS)
        .file("var/lib/dpkg/.wh.status", "")
        .file("var/lib/.wh..wh..opq", "");
    image(&[lower.end(), upper.end()])
}

fn type_change() -> Made {
    let lower = debian().file("file", "1").file("folder/file", "1");
    let upper = Tar::new()
        .directory("file")
        .file("file/in-it", "2")
        .file("folder", "2");
    image(&[lower.end(), upper.end()])
}

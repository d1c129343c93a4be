//! Small versions of what hostile images try, and of what must not be refused.

use pellucid_image::{Expected, Limits};
use proptest::prelude::*;

use crate::build::{Block, Tar, bzip2, gzip};
use crate::seen::{chain, stream, tar};

#[test]
fn names_that_try_to_get_out() {
    let bytes = Tar::default()
        .file("../../../../tmp/escaped", b"x")
        .file("a/../../../etc/passwd", b"x")
        .file("/../../etc/shadow", b"x")
        .directory("")
        .directory("..")
        .file("/", b"not a directory")
        .file("./var/./lib//dpkg/status", b"x")
        .symlink("out", "/../../../etc/passwd")
        .file("a\\..\\..\\b", b"")
        .end();
    let (seen, read) = stream(&bytes, &Expected::default(), &Limits::default()).unwrap();
    assert_eq!(
        seen.names(),
        [
            "file etc/shadow 1",
            "directory ",
            "file var/lib/dpkg/status 1",
            "symlink out /../../../etc/passwd",
            "file a\\\\..\\\\..\\\\b 0",
        ]
    );
    let warned: Vec<_> = read
        .warnings
        .iter()
        .map(|warning| warning.path.as_deref().unwrap())
        .collect();
    assert_eq!(
        warned,
        [
            "../../../../tmp/escaped",
            "a/../../../etc/passwd",
            "..",
            "/"
        ]
    );
    assert_eq!(read.entries, 9);
}

#[test]
fn whiteouts_of_nothing_are_left_out_with_a_warning() {
    let names = [
        ".wh.",
        ".wh..",
        ".wh...",
        "etc/.wh..wh.x",
        ".wh..wh.plnk/1.2",
        ".wh..wh.aufs",
    ];
    let bytes = names
        .iter()
        .fold(Tar::default(), |tar, name| tar.file(name, b""));
    let bytes = bytes.file("a/../.wh.etc", b"").directory("b/.wh.c/").end();
    let (seen, read) = stream(&bytes, &Expected::default(), &Limits::default()).unwrap();
    assert_eq!(
        seen.names(),
        ["file .wh..wh.plnk/1.2 0", "whiteout etc", "whiteout b/c"]
    );
    assert_eq!(read.warnings.len(), 3);
}

#[test]
fn warnings_are_counted_when_there_are_too_many() {
    let bytes = (0..300).fold(Tar::default(), |tar, number| {
        tar.file(&format!("../{number}"), b"")
    });
    let (_, read) = stream(&bytes.end(), &Expected::default(), &Limits::default()).unwrap();
    assert_eq!(read.warnings.len(), 101);
    assert_eq!(
        read.warnings[100].message,
        "200 more warnings about this layer"
    );
}

#[test]
fn long_names_and_deep_folders_are_read() {
    let long = "m".repeat(65_535);
    let deep = "d/".repeat(3000) + "f";
    let bytes = [&long, &deep].iter().fold(Tar::default(), |tar, name| {
        tar.pax(&[("path", name)]).file("short", b"x")
    });
    assert_eq!(
        tar(&bytes.end()).unwrap().names(),
        [format!("file {long} 1"), format!("file {deep} 1")]
    );
}

#[test]
fn a_bomb_ends_at_the_ratio() {
    let header = Block::new(b"zeros", b'0', 7 << 30).sealed();
    let mut bomb = Tar::default().member(&header, b"").0;
    bomb.resize(24 << 20, 0);
    let limits = Limits {
        ratio_after: 4 << 20,
        ..Limits::default()
    };
    let bomb = bzip2(&bomb);
    let error = stream(&bomb, &Expected::default(), &limits).err().unwrap();
    assert!(
        chain(&error).contains("over the limit ratio = 200"),
        "{}",
        chain(&error)
    );
    let error = stream(&bomb, &Expected::default(), &Limits::default())
        .err()
        .unwrap();
    assert!(chain(&error).contains("ends early"), "{}", chain(&error));
}

#[test]
fn sizes_that_overflow_end_as_errors() {
    for size in [u64::MAX >> 1, 1 << 62, (1 << 33) - 1] {
        let bytes = Tar::default()
            .pax(&[("size", &size.to_string())])
            .member(&Block::new(b"file", b'0', 0).sealed(), b"")
            .end();
        for blob in [gzip(&bytes), bytes] {
            let said = chain(&tar(&blob).err().unwrap());
            assert!(said.contains("ends early"), "{said}");
        }
    }
}

#[test]
fn a_layer_of_no_bytes_has_no_entries() {
    let expected = Expected {
        digest: Some(crate::build::sha256(b"")),
        size: Some(0),
        ..Expected::default()
    };
    let (seen, _) = stream(b"", &expected, &Limits::default()).unwrap();
    assert!(seen.lines.is_empty());
    assert!(tar(b"").is_err());
}

/// What a name means, the slow way: one part after the other.
fn cleaned(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() && !name.starts_with('/') => return None,
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_name_leaves_the_root(name in "[./ab\\\\]{1,40}") {
        let bytes = Tar::default().directory(&name).end();
        let names = tar(&bytes).unwrap().lines;
        let wanted = cleaned(&name).map(|path| format!("directory {}", path.escape_default()));
        prop_assert_eq!(names.first().map(|(line, _)| line.clone()), wanted);
    }
}

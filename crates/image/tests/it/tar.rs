//! The tar reader: every form of header, and what other readers make of the same bytes.

use std::io::Read as _;

use proptest::prelude::*;

use crate::build::{Block, Tar};
use crate::seen::{chain, tar};

fn lines(bytes: &[u8]) -> Vec<String> {
    tar(bytes)
        .unwrap()
        .names()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn fault(bytes: &[u8]) -> String {
    tar(bytes)
        .err()
        .map(|error| chain(&error))
        .unwrap_or_else(|| "no error".to_owned())
}

#[test]
fn kinds_names_and_marks() {
    let mut device = Block::new(b"dev/null", b'3', 0);
    let tar = Tar::default()
        .directory("./")
        .directory("etc/")
        .file("./etc/os-release", b"ID=debian\n")
        .symlink("lib", "/usr/lib")
        .hardlink("etc/again", "./etc/os-release")
        .member(&device.sealed(), b"")
        .file("etc/.wh.gone", b"")
        .file("opt/.wh..wh..opq", b"")
        .file(".wh..wh.aufs", b"")
        .file(".wh..wh.plnk/1.2", b"x")
        .file("../outside", b"x")
        .hardlink("etc/out", "../../etc/shadow")
        .member(&Block::new(b"d/unknown", b'Q', 3).sealed(), b"abc")
        .member(&Block::new(b"old-directory/", 0, 0).sealed(), b"")
        .member(&Block::new(b"contiguous", b'7', 2).sealed(), b"xy");
    assert_eq!(
        lines(&tar.end()),
        [
            "directory ",
            "directory etc",
            "file etc/os-release 10",
            "symlink lib /usr/lib",
            "hardlink etc/again etc/os-release",
            "other dev/null",
            "whiteout etc/gone",
            "opaque opt",
            "file .wh..wh.plnk/1.2 1",
            "other etc/out",
            "other d/unknown",
            "directory old-directory",
            "file contiguous 2",
        ]
    );
}

#[test]
fn types_without_data_have_none_whatever_their_size_says() {
    let tar = Tar::default()
        .member(&Block::new(b"link", b'1', 512).set(157, b"b").sealed(), b"")
        .member(&Block::new(b"folder", b'5', 1 << 30).sealed(), b"")
        .file("after", b"1");
    assert_eq!(
        lines(&tar.end()),
        ["hardlink link b", "directory folder", "file after 1"]
    );
}

#[test]
fn a_pax_size_counts_and_not_the_headers() {
    let body = vec![b'x'; 600];
    // Another reader would see `hidden` as a member, or miss `after`.
    let hidden = Tar::default().file("hidden", b"1").0;
    for size in [0, 7, 5000] {
        let header = Block::new(b"file", b'0', size).sealed();
        let tar = Tar::default()
            .pax(&[("size", "600")])
            .member(&header, &body)
            .file("after", b"1");
        assert_eq!(lines(&tar.end()), ["file file 600", "file after 1"]);
    }
    let size = hidden.len().to_string();
    let tar = Tar::default()
        .pax(&[("size", &size)])
        .member(&Block::new(b"file", b'0', 0).sealed(), &hidden)
        .file("after", b"1");
    assert_eq!(lines(&tar.end()), ["file file 1024", "file after 1"]);
}

#[test]
fn long_names_of_both_dialects() {
    let long = "d/".repeat(150) + "name";
    let mut gnu = Block::new(b"././@LongLink", b'L', long.len() as u64 + 1);
    let mut link = Block::new(b"././@LongLink", b'K', long.len() as u64 + 1);
    let with_nul = [long.as_bytes(), b"\0"].concat();
    let tar = Tar::default()
        .member(&link.gnu().sealed(), &with_nul)
        .member(&gnu.gnu().sealed(), &with_nul)
        .member(
            &Block::new(b"short", b'2', 0)
                .set(157, b"short")
                .gnu()
                .sealed(),
            b"",
        )
        .pax(&[
            ("path", &long),
            ("linkpath", &long),
            ("uid", "4294967296"),
            ("comment", "a\nb"),
        ])
        .member(&Block::new(b"short", b'2', 0).sealed(), b"")
        .member(
            &Block::new(b"name", b'0', 1).set(345, b"pre/fix").sealed(),
            b"x",
        )
        .member(
            &Block::new(b"name", b'0', 1)
                .set(345, b"12345")
                .gnu()
                .sealed(),
            b"x",
        )
        .member(
            &Block::new(b"v7", b'0', 0)
                .set(257, &[0; 8])
                .set(345, b"prefix")
                .sealed(),
            b"",
        );
    assert_eq!(
        lines(&tar.end()),
        [
            format!("symlink {long} {long}"),
            format!("symlink {long} {long}"),
            "file pre/fix/name 1".to_owned(),
            "file name 1".to_owned(),
            "file v7 0".to_owned(),
        ]
    );
    // Go before 1.8 wrote a prefix where GNU has times.
    let old_go = Block::new(b"name", b'0', 0)
        .set(345, b"some/long/prefix")
        .gnu()
        .sealed();
    assert_eq!(
        lines(&Tar::default().member(&old_go, b"").end()),
        ["file some/long/prefix/name 0"]
    );
}

#[test]
fn numbers_in_base_256() {
    let mut size = [0; 12];
    size[0] = 0x80;
    size[11] = 3;
    let header = Block::new(b"file", b'0', 0).set(124, &size).gnu().sealed();
    assert_eq!(
        lines(&Tar::default().member(&header, b"abc").end()),
        ["file file 3"]
    );
    for bad in [
        &[0xff; 12][..],
        b"-0000000512\0",
        b"0000000008\0 ",
        b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let header = Block::new(b"file", b'0', 0).set(124, bad).sealed();
        assert!(
            fault(&Tar::default().member(&header, b"").end()).contains("size is"),
            "{bad:?}"
        );
    }
}

#[test]
fn sparse_files_of_all_forms_are_expanded() {
    let mut expanded = vec![0; 3000];
    expanded[512..1024].fill(b'a');
    expanded[2048..2060].fill(b'b');
    let data = [vec![b'a'; 512], vec![b'b'; 12]].concat();
    let octal = |number: u64| format!("{number:011o}\0").into_bytes();

    let mut old = Block::new(b"old", b'S', 524);
    old.gnu()
        .set(386, &octal(512))
        .set(398, &octal(512))
        .set(410, &octal(2048));
    old.set(422, &octal(12))
        .set(434, &octal(3000))
        .set(446, &octal(0))
        .set(483, &octal(3000));
    let mut extended = Block::new(b"extended", b'S', 524);
    extended
        .gnu()
        .set(386, &octal(512))
        .set(398, &octal(512))
        .set(482, b"\x01");
    extended.set(483, &octal(3000));
    let mut more = [0; 512];
    more[..12].copy_from_slice(&octal(2048));
    more[12..24].copy_from_slice(&octal(12));

    let mut in_data = b"2\n512\n512\n2048\n12\n".to_vec();
    in_data.resize(512, 0);
    in_data.extend_from_slice(&data);
    let stored = Block::new(b"GNUSparseFile.1/x", b'0', data.len() as u64).sealed();
    let tar = Tar::default()
        .member(&old.sealed(), &data)
        .member(&extended.sealed(), &[&more[..], &data].concat())
        .pax(&[
            ("GNU.sparse.size", "3000"),
            ("GNU.sparse.numblocks", "2"),
            ("GNU.sparse.offset", "512"),
            ("GNU.sparse.numbytes", "512"),
            ("GNU.sparse.offset", "2048"),
            ("GNU.sparse.numbytes", "12"),
            ("path", "pax-0.0"),
        ])
        .member(&stored, &data)
        .pax(&[
            ("GNU.sparse.major", "0"),
            ("GNU.sparse.minor", "1"),
            ("GNU.sparse.name", "pax-0.1"),
            ("GNU.sparse.size", "3000"),
            ("GNU.sparse.map", "512,512,2048,12"),
        ])
        .member(&stored, &data)
        .pax(&[
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "pax-1.0"),
            ("GNU.sparse.realsize", "3000"),
        ])
        .member(
            &Block::new(b"GNUSparseFile.1/x", b'0', in_data.len() as u64).sealed(),
            &in_data,
        )
        .file("after", b"1");
    let seen = tar_seen(&tar.end());
    let names: Vec<_> = seen.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        names,
        [
            "file old 3000",
            "file extended 3000",
            "file pax-0.0 3000",
            "file pax-0.1 3000",
            "file pax-1.0 3000",
            "file after 1"
        ]
    );
    for (line, body) in &seen[..5] {
        assert!(*body == expanded, "{line}");
    }
}

fn tar_seen(bytes: &[u8]) -> Vec<crate::seen::Line> {
    tar(bytes).unwrap().lines
}

#[test]
fn sparse_maps_that_cannot_be_are_errors() {
    let stored = Block::new(b"x", b'0', 12).sealed();
    for (map, size, wanted) in [
        ("0,6,3,6", "100", "overlap"),
        ("6,6,0,6", "100", "overlap"),
        ("0,12", "11", "outside"),
        ("9223372036854775807,12", "100", "outside"),
        ("0,11", "100", "do not agree"),
        ("0,13", "100", "do not agree"),
        ("0", "100", "pairs"),
        ("0,x", "100", "pairs"),
    ] {
        let tar = Tar::default()
            .pax(&[("GNU.sparse.map", map), ("GNU.sparse.size", size)])
            .member(&stored, b"0123456789ab");
        let fault = fault(&tar.end());
        assert!(fault.contains(wanted), "{map}: {fault}");
    }
    let endless = vec![b'1'; 512 * 4];
    for body in [&endless[..], b"99999999\n"] {
        let tar = Tar::default()
            .pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")])
            .member(&Block::new(b"x", b'0', body.len() as u64).sealed(), body);
        assert!(fault(&tar.end()).contains("sparse map"));
    }
}

#[test]
fn what_go_refuses_is_an_error() {
    let good = Tar::default().file("a", b"1");
    let mut bad_sum = good.clone().file("b", b"2").end();
    bad_sum[1024 + 3] ^= 1;
    assert!(fault(&bad_sum).contains("check sum"));
    let mut zero_between = good.clone().end();
    zero_between.truncate(1024 + 512);
    zero_between.extend_from_slice(&good.clone().end());
    assert!(fault(&zero_between).contains("followed by data"));
    let lonely = good.clone().pax(&[("path", "x")]).end();
    assert!(fault(&lonely).contains("describes no member"));
    assert!(fault(b"no tar at all, but text that is long enough").contains("ends early"));
    assert!(fault(&[b'x'; 1024]).contains("check sum"));
}

#[test]
fn an_end_without_zeros_counts_only_when_something_vouches_for_it() {
    let tar = Tar::default().file("a", b"1");
    assert!(fault(&tar.0).contains("ends early"));
    assert_eq!(lines(&crate::build::gzip(&tar.0)), ["file a 1"]);
    // One block of zeros, and padding that is missing, are a matter of digests as well.
    let mut one = tar.0.clone();
    one.resize(1024 + 512, 0);
    assert_eq!(lines(&one), ["file a 1"]);
    let no_padding = crate::build::gzip(&tar.0[..513]);
    assert_eq!(lines(&no_padding), ["file a 1"]);
}

#[test]
fn what_follows_the_end_is_read_but_not_seen() {
    let mut bytes = Tar::default().file("a", b"1").end();
    bytes.extend_from_slice(&Tar::default().file("b", b"1").end());
    assert_eq!(lines(&bytes), ["file a 1"]);
}

#[test]
fn heads_come_before_bodies_and_large_bodies_are_spooled() {
    let large: Vec<u8> = (0..9_000_000_u32).map(|number| number as u8).collect();
    let bytes = Tar::default()
        .file("small", b"0123456789")
        .file("large", &large)
        .end();
    let mut seen = crate::seen::Seen {
        head: Some(4),
        ..Default::default()
    };
    pellucid_image::read_layer_stream(
        &mut &*bytes,
        &Default::default(),
        &Default::default(),
        &mut seen,
        &(),
    )
    .unwrap();
    assert_eq!(seen.heads, [b"0123", &large[..4]]);
    assert_eq!(seen.lines[0].1, b"0123456789");
    assert!(seen.lines[1].1 == large);
    assert_eq!(seen.spooled, 1);
}

/// Members that the `tar` crate writes, in its own words.
fn written(names: &[(String, Vec<u8>)], gnu: bool) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, body) in names {
        let mut header = if gnu {
            ::tar::Header::new_gnu()
        } else {
            ::tar::Header::new_ustar()
        };
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, body.as_slice())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let _ = tar(&bytes);
    }

    #[test]
    fn damaged_tars_never_panic(
        damage in prop::collection::vec((0_usize..6000, any::<u8>()), 1..20),
        fix_sums: bool,
    ) {
        let mut bytes = Tar::default()
            .pax(&[("GNU.sparse.map", "0,1"), ("GNU.sparse.size", "5"), ("path", "x")])
            .file("x", b"1")
            .member(&Block::new(b"old", b'S', 0).gnu().sealed(), b"")
            .member(&Block::new(b"x", b'L', 5).gnu().sealed(), b"abcd\0")
            .symlink("x", "y")
            .end();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if fix_sums {
            for block in bytes.chunks_exact_mut(512) {
                let mut fixed = Block(block.try_into().unwrap());
                block.copy_from_slice(&fixed.sealed());
            }
        }
        let _ = tar(&bytes);
    }

    #[test]
    fn the_tar_crate_sees_the_same(
        names in prop::collection::vec(("[a-z]{1,90}(/[a-z]{1,90}){0,3}", prop::collection::vec(any::<u8>(), 0..1500)), 0..8),
        gnu: bool,
    ) {
        // The ustar writer refuses names that do not fit its fields.
        let gnu = gnu || names.iter().any(|(name, _)| name.len() > 90);
        let bytes = written(&names, gnu);
        let mut theirs = Vec::new();
        for entry in ::tar::Archive::new(&*bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut body = Vec::new();
            entry.read_to_end(&mut body).unwrap();
            let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            theirs.push((format!("file {name} {}", body.len()), body));
        }
        prop_assert_eq!(tar_seen(&bytes), theirs);
    }
}

#[test]
fn the_systems_tar_writes_what_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let long = root.join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("file"), b"long").unwrap();
    std::os::unix::fs::symlink("f".repeat(150), root.join("link")).unwrap();
    let sparse = std::fs::File::create(root.join("sparse")).unwrap();
    for place in 0..30_u64 {
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"data", place * 1_000_000).unwrap();
    }
    sparse.set_len(40_000_000).unwrap();
    let whole = std::fs::read(root.join("sparse")).unwrap();
    let forms: &[&[&str]] = &[
        &["--format=gnu"],
        &["--format=gnu", "--sparse"],
        &["--format=pax", "--sparse", "--sparse-version=0.0"],
        &["--format=pax", "--sparse", "--sparse-version=0.1"],
        &["--format=pax", "--sparse", "--sparse-version=1.0"],
    ];
    for form in forms {
        let output = std::process::Command::new("tar")
            .args(*form)
            .args(["--sort=name", "-C"])
            .arg(&root)
            .args(["-cf", "-", "."])
            .output();
        let Ok(output) = output else {
            println!("skipped: there is no tar on this system");
            return;
        };
        if !output.status.success() {
            println!("skipped: this system's tar knows no {form:?}");
            continue;
        }
        let seen = tar(&output.stdout).unwrap();
        let (d, e) = ("d".repeat(120), "e".repeat(120));
        assert_eq!(
            seen.names(),
            [
                "directory ".to_owned(),
                format!("directory {d}"),
                format!("directory {d}/{e}"),
                format!("file {d}/{e}/file 4"),
                format!("symlink link {}", "f".repeat(150)),
                "file sparse 40000000".to_owned(),
            ],
            "{form:?}"
        );
        assert!(seen.lines[5].1 == whole, "{form:?}");
    }
}

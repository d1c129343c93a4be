//! Every limit, reached.

use std::time::Duration;

use pellucid_image::{Expected, ImageError, LayerFault, Limits, OpenOptions, open};

use crate::build::{Block, Tar, docker, gzip, image, layout, oci, saved, various, xz, zstd};
use crate::seen::{self, Seen, stream};

/// The limit that a layer's reading ends with.
fn breached(blob: &[u8], limits: &Limits) -> Option<(&'static str, u64)> {
    match stream(blob, &Expected::default(), limits).err()? {
        ImageError::Layer {
            source: LayerFault::Limit { limit, allowed },
            ..
        } => Some((limit, allowed)),
        other => panic!("{}", seen::chain(&other)),
    }
}

#[test]
fn of_a_layer() {
    let none = Limits::default();
    let plain = various().end();
    let zeros = Tar::default().file("zeros", &vec![0; 3 << 20]).end();
    let packed = gzip(&plain);
    assert_eq!(breached(&plain, &none), None);
    let cases: &[(&[u8], Limits, (&str, u64))] = &[
        (
            &plain,
            Limits {
                blob_bytes: 1000,
                ..none.clone()
            },
            ("blob_bytes", 1000),
        ),
        (
            &packed,
            Limits {
                blob_bytes: 1000,
                ..none.clone()
            },
            ("blob_bytes", 1000),
        ),
        (
            &packed,
            Limits {
                layer_bytes: 10_000,
                ..none.clone()
            },
            ("layer_bytes", 10_000),
        ),
        (
            &packed,
            Limits {
                image_bytes: 10_000,
                ..none.clone()
            },
            ("image_bytes", 10_000),
        ),
        (
            &packed,
            Limits {
                layer_entries: 10,
                ..none.clone()
            },
            ("layer_entries", 10),
        ),
        (
            &packed,
            Limits {
                image_entries: 10,
                ..none.clone()
            },
            ("image_entries", 10),
        ),
        (
            &packed,
            Limits {
                path_bytes: 5,
                ..none.clone()
            },
            ("path_bytes", 5),
        ),
        (
            &packed,
            Limits {
                path_depth: 1,
                ..none.clone()
            },
            ("path_depth", 1),
        ),
        (
            &packed,
            Limits {
                wall: Duration::ZERO,
                ..none.clone()
            },
            ("wall", 0),
        ),
        (
            &gzip(&zeros),
            Limits {
                ratio: 20,
                ratio_after: 1 << 20,
                ..none.clone()
            },
            ("ratio", 20),
        ),
    ];
    for (blob, limits, wanted) in cases {
        assert_eq!(breached(blob, limits), Some(*wanted));
    }
    assert_eq!(breached(&gzip(&zeros), &Limits { ratio: 20, ..none }), None);
}

#[test]
fn of_extended_headers() {
    let limits = Limits {
        header_bytes: 2000,
        ..Limits::default()
    };
    let long = "x".repeat(2500);
    let pax = Tar::default()
        .pax(&[("comment", &long)])
        .file("a", b"")
        .end();
    let name = Block::new(b"x", b'L', long.len() as u64).gnu().sealed();
    let gnu = Tar::default()
        .member(&name, long.as_bytes())
        .file("a", b"")
        .end();
    let twice = Tar::default()
        .pax(&[("comment", &long[..1500])])
        .pax(&[("comment", &long[..1500])])
        .file("a", b"");
    let claimed = Tar::default()
        .member(&Block::new(b"x", b'x', 1 << 33).sealed(), b"")
        .end();
    let mut block = Block::new(b"s", b'S', 0);
    block.gnu().set(482, b"\x01");
    let mut blocks = Tar::default().member(&block.sealed(), b"").0;
    let mut more = [0; 512];
    more[504] = 1;
    for _ in 0..10 {
        blocks.extend_from_slice(&more);
    }
    let empty = Block::new(b"x", b'x', 0).sealed();
    let many = (0..5)
        .fold(Tar::default(), |tar, _| tar.member(&empty, b""))
        .end();
    for tar in [pax, gnu, twice.end(), claimed, blocks, many] {
        assert_eq!(breached(&tar, &limits), Some(("header_bytes", 2000)));
    }
}

#[test]
fn of_a_kept_file() {
    let tar = Tar::default()
        .file("small", b"12345")
        .file("large", b"123456")
        .end();
    let limits = Limits {
        file_bytes: 5,
        ..Limits::default()
    };
    let (seen, _) = stream(&tar, &Expected::default(), &limits).unwrap();
    assert_eq!(seen.too_large, [("large".to_owned(), 5)]);
    assert_eq!(seen.lines[0].1, b"12345");
    let mut seen = Seen {
        limit: Some(3),
        head: Some(2),
        ..Seen::default()
    };
    let none = Limits::default();
    pellucid_image::read_layer_stream(&mut &*tar, &Expected::default(), &none, &mut seen, &())
        .unwrap();
    assert_eq!(
        seen.too_large,
        [("small".to_owned(), 3), ("large".to_owned(), 3)]
    );
    assert_eq!(seen.heads, [b"12", b"12"]);
}

#[test]
fn a_sparse_file_is_as_large_as_it_says_but_costs_what_it_has() {
    let header = Block::new(b"sparse", b'S', 512)
        .gnu()
        .set(386, b"00000000000\0")
        .set(398, b"00000001000\0")
        .set(483, b"\x80\0\0\0\0\0\x01\0\0\0\0\0")
        .sealed();
    let tar = Tar::default()
        .member(&header, &[b'y'; 512])
        .file("after", b"1")
        .end();
    let (seen, read) = stream(&tar, &Expected::default(), &Limits::default()).unwrap();
    assert_eq!(seen.names(), ["file sparse 1099511627776", "file after 1"]);
    assert_eq!(
        seen.too_large,
        [("sparse".to_owned(), Limits::default().file_bytes)]
    );
    assert_eq!(read.tar_bytes, tar.len() as u64);
}

#[test]
fn of_a_decompressors_memory() {
    let plain = vec![b'x'; 4 << 20];
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(22).unwrap();
    std::io::copy(&mut &*plain, &mut encoder).unwrap();
    let frame = encoder.finish().unwrap();
    let limits = Limits {
        window_bytes: 1 << 20,
        ..Limits::default()
    };
    for blob in [frame, xz(&plain)] {
        let limits = if blob[0] == 0xfd {
            Limits {
                window_bytes: 10_000,
                ..limits.clone()
            }
        } else {
            limits.clone()
        };
        let error = stream(&blob, &Expected::default(), &limits).err().unwrap();
        assert!(
            seen::chain(&error).contains("over the limit window_bytes"),
            "{}",
            seen::chain(&error)
        );
    }
    let tar = various().end();
    assert!(stream(&zstd(&tar), &Expected::default(), &Limits::default()).is_ok());
}

#[test]
fn of_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let tars = [various().end(), various().file("more", b"x").end()];
    let archive = docker("web:latest", &tars).tar();
    let path = saved(&folder, &archive);
    let reference = path.to_str().unwrap();
    let limited = |limits| {
        let options = OpenOptions {
            limits,
            ..OpenOptions::default()
        };
        seen::chain(&seen::image(reference, &options).err().unwrap())
    };
    let none = Limits::default();
    let said = limited(Limits {
        image_layers: 1,
        ..none.clone()
    });
    assert!(said.contains("image_layers = 1"), "{said}");
    let said = limited(Limits {
        json_bytes: 20,
        ..none.clone()
    });
    assert!(said.contains("json_bytes = 20"), "{said}");
    let said = limited(Limits {
        archive_members: 2,
        ..none.clone()
    });
    assert!(said.contains("archive_members = 2"), "{said}");
    let bytes = tars[0].len() as u64 + 1000;
    let said = limited(Limits {
        image_bytes: bytes,
        ..none.clone()
    });
    assert!(
        said.starts_with("layer 1 ") && said.contains("image_bytes"),
        "{said}"
    );
    let said = limited(Limits {
        image_entries: 210,
        ..none.clone()
    });
    assert!(
        said.starts_with("layer 1 ") && said.contains("image_entries = 210"),
        "{said}"
    );

    // The archive itself is a tar with as many members as it likes, and may be compressed.
    std::fs::write(&path, gzip(&archive)).unwrap();
    let said = limited(Limits {
        image_bytes: 10_000,
        ..none
    });
    assert!(said.contains("image_bytes = 10000"), "{said}");
}

#[test]
fn a_layer_that_is_read_twice_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let tar = various().end();
    oci(std::slice::from_ref(&tar), gzip).write_below(folder.path());
    let limits = Limits {
        image_bytes: tar.len() as u64,
        ..Limits::default()
    };
    let options = OpenOptions {
        limits,
        ..OpenOptions::default()
    };
    let image = open(folder.path().to_str().unwrap(), &options).unwrap();
    for _ in 0..3 {
        image.read_layer(0, &mut Seen::default(), &()).unwrap();
    }
}

#[test]
fn of_nested_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = crate::build::Files::default();
    let mut entry = image(&mut files, "amd64", &[various().end()], gzip);
    for _ in 0..10 {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [entry, entry]});
        entry = files.blob(crate::build::INDEX, index.to_string().as_bytes());
    }
    layout(&mut files, &[entry]);
    files.write_below(folder.path());
    let error = seen::image_at(folder.path()).err().unwrap();
    assert!(
        seen::chain(&error).contains("index_depth = 8"),
        "{}",
        seen::chain(&error)
    );
}

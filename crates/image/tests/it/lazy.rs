//! Layers with a table of contents: only what is wanted is fetched, and what is seen is the same.

use std::io::Write as _;

use pellucid_image::{Limits, OpenOptions, Verify, open};
use pellucid_model::DigestState;
use pellucid_testkit::registry::{Registry, digest};
use serde_json::{Value, json};

use crate::seen::{Line, Seen, chain};

/// A layer and what its descriptor says of it.
struct Made {
    blob: Vec<u8>,
    diff_id: String,
    annotations: Value,
    media_type: &'static str,
}

fn noise(seed: u32, count: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    (0..count).map(|_| next().to_le_bytes()[0]).collect()
}

/// Names and contents: a large one that no one wants, small ones, one of two chunks, one of many of
/// which only the end is read.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("etc/os-release", b"ID=debian\n".to_vec()),
        ("big", noise(1, 3_000_000)),
        ("empty", Vec::new()),
        ("two-chunks", noise(2, 5000)),
        ("usr/bin/tool", noise(3, 100_000)),
        ("many-chunks", noise(4, 400_000)),
    ]
}

/// Bytes of a chunk of the files that have several.
fn chunk(name: &str) -> Option<usize> {
    match name {
        "two-chunks" => Some(4000),
        "many-chunks" => Some(20_000),
        _ => None,
    }
}

/// Bytes at the end of the file with many chunks that are read.
const END: usize = 100;

fn header(name: &str, size: usize, kind: tar::EntryType, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_size(size as u64);
    header.set_mode(0o755);
    header.set_entry_type(kind);
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

/// The tar in pieces that are compressed one by one, and the entries of the table.
fn pieces(compress: fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<u8>, Vec<Value>) {
    let (mut blob, mut tar, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    let mut add = |bytes: &[u8]| {
        let at = blob.len();
        blob.extend(compress(bytes));
        tar.extend_from_slice(bytes);
        (at, blob.len())
    };
    add(&header("etc/", 0, tar::EntryType::Directory, ""));
    entries.push(json!({"name": "etc/", "type": "dir", "mode": 0o755}));
    for (name, content) in files() {
        add(&header(name, content.len(), tar::EntryType::Regular, ""));
        let size = chunk(name).unwrap_or(content.len().max(1));
        let mut at = 0;
        for chunk in content.chunks(size) {
            let (offset, end) = add(chunk);
            let mut entry = json!({
                "name": name, "type": "reg", "size": content.len(), "mode": 0o755, "offset": offset,
                "endOffset": end, "digest": digest(&content), "chunkOffset": at, "chunkSize": chunk.len(), "chunkDigest": digest(chunk),
            });
            if at > 0 {
                entry["type"] = "chunk".into();
            }
            at += chunk.len();
            entries.push(entry);
        }
        if content.is_empty() {
            entries.push(json!({"name": name, "type": "reg", "size": 0, "mode": 0o755}));
        }
        let padding = content.len().next_multiple_of(512) - content.len();
        if padding > 0 {
            add(&vec![0; padding]);
        }
    }
    for (name, kind, word, link) in [
        ("link", tar::EntryType::Symlink, "symlink", "etc/os-release"),
        ("hard", tar::EntryType::Link, "hardlink", "etc/os-release"),
        ("etc/.wh.gone", tar::EntryType::Regular, "reg", ""),
    ] {
        add(&header(name, 0, kind, link));
        entries.push(json!({"name": name, "type": word, "linkName": link, "mode": 0o755}));
    }
    (blob, tar, entries)
}

fn stargz() -> Made {
    stargz_that_says(&json!({}))
}

/// A layer whose table says something else of its first file.
fn stargz_that_says(other: &Value) -> Made {
    let (mut blob, mut tar, mut entries) = pieces(gzip);
    for entry in &mut entries {
        entry.as_object_mut().unwrap().remove("endOffset");
    }
    for (key, value) in other.as_object().unwrap() {
        entries[1][key] = value.clone();
    }
    let toc = json!({"version": 1, "entries": entries})
        .to_string()
        .into_bytes();
    let at = blob.len();
    let mut table = header("stargz.index.json", toc.len(), tar::EntryType::Regular, "");
    table.extend(&toc);
    table.resize(table.len().next_multiple_of(512) + 1024, 0);
    blob.extend(gzip(&table));
    tar.extend(table);
    blob.extend([
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 26, 0, b'S', b'G', 22, 0,
    ]);
    blob.extend(format!("{at:016x}STARGZ").into_bytes());
    blob.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    Made {
        blob,
        diff_id: digest(&tar),
        annotations: json!({"containerd.io/snapshot/stargz/toc.digest": digest(&toc)}),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip",
    }
}

fn chunked() -> Made {
    chunked_and(Vec::new())
}

/// A layer whose table has more entries than its tar.
fn chunked_and(more: Vec<Value>) -> Made {
    let (mut blob, mut tar, mut entries) = pieces(zstd);
    entries.extend(more);
    blob.extend(zstd(&[0; 1024]));
    tar.extend([0; 1024]);
    let toc = json!({"version": 1, "entries": entries})
        .to_string()
        .into_bytes();
    let compressed = zstd(&toc);
    let mut frame = |bytes: &[u8]| {
        blob.extend([0x50, 0x2a, 0x4d, 0x18]);
        blob.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        let at = blob.len();
        blob.extend(bytes);
        at
    };
    let at = frame(&compressed);
    frame(&[0; 64]);
    let position = format!("{at}:{}:{}:1", compressed.len(), toc.len());
    Made {
        blob,
        diff_id: digest(&tar),
        annotations: json!({
            "io.github.containers.zstd-chunked.manifest-checksum": digest(&compressed),
            "io.github.containers.zstd-chunked.manifest-position": position,
        }),
        media_type: "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}

fn push(registry: &Registry, made: &Made) {
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [made.diff_id]},
    });
    let config = config.to_string().into_bytes();
    let layer = digest(&made.blob);
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()},
        "layers": [{"mediaType": made.media_type, "digest": layer, "size": made.blob.len(), "annotations": made.annotations}],
    });
    registry.put(
        &format!("app/blobs/{}", digest(&config)),
        "x",
        config.clone(),
    );
    registry.put(&format!("app/blobs/{layer}"), "x", made.blob.clone());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    registry.put(
        "app/manifests/latest",
        kind,
        manifest.to_string().into_bytes(),
    );
}

/// Wants everything but the large file, whose beginning it looks at, and the one of many chunks, whose
/// end it reads.
#[derive(Default)]
struct Most(Seen);

impl pellucid_image::LayerVisitor for Most {
    fn entry(&mut self, entry: &pellucid_image::Entry<'_>) -> pellucid_image::Want {
        let want = self.0.entry(entry);
        match entry.path {
            b"big" => pellucid_image::Want::Head(16),
            _ => want,
        }
    }

    fn head(&mut self, _: &pellucid_image::Entry<'_>, head: &[u8]) -> pellucid_image::Want {
        self.0.heads.push(head.to_vec());
        pellucid_image::Want::Skip
    }

    fn file(&mut self, entry: &pellucid_image::Entry<'_>, body: &pellucid_image::Body) {
        if entry.path != b"many-chunks" {
            return self.0.file(entry, body);
        }
        let mut end = vec![0; END];
        let at = body.len().unwrap() - END as u64;
        // What cannot be fetched is the reader's to tell.
        let read = body.read_at(at, &mut end).unwrap_or(0);
        end.truncate(read);
        self.0.lines.last_mut().unwrap().1 = end;
    }

    fn too_large(&mut self, entry: &pellucid_image::Entry<'_>, limit: u64) {
        self.0.too_large(entry, limit);
    }
}

/// What is seen, whether the digest is verified, and the bytes of the blob that were sent.
fn read(registry: &Registry, verify: Verify) -> Result<(Vec<Line>, bool, u64), String> {
    read_within(registry, verify, Limits::default())
}

fn read_within(
    registry: &Registry,
    verify: Verify,
    limits: Limits,
) -> Result<(Vec<Line>, bool, u64), String> {
    let mut options = OpenOptions {
        verify,
        limits,
        ..OpenOptions::default()
    };
    options.registry.plain_http = vec![registry.host()];
    options.registry.pause = std::time::Duration::from_millis(1);
    options.registry.retries = 1;
    let opened = open(&format!("{}/app", registry.host()), &options).map_err(|e| chain(&e))?;
    let before = registry.content().sent;
    let mut seen = Most::default();
    let read = opened
        .read_layer(0, &mut seen, &())
        .map_err(|e| chain(&e))?;
    let sent = registry.content().sent - before;
    assert_eq!(seen.0.heads, [&files()[1].1[..16]]);
    let mut lines = seen.0.lines;
    // The table itself is a file of the tar.
    lines.retain(|(line, _)| !line.contains("stargz.index.json"));
    Ok((lines, read.digest_state == DigestState::Verified, sent))
}

#[test]
fn only_what_is_wanted_is_fetched() {
    for made in [stargz(), chunked()] {
        let registry = Registry::new();
        push(&registry, &made);
        let (whole, is_verified, sent) = read(&registry, Verify::Full).unwrap();
        assert!(is_verified);
        assert_eq!(sent, made.blob.len() as u64);
        let (part, is_verified, sent) = read(&registry, Verify::Read).unwrap();
        assert_eq!(part, whole);
        assert!(!is_verified);
        assert!(
            sent < made.blob.len() as u64 / 20,
            "{sent} of {}",
            made.blob.len()
        );
        assert!(
            whole
                .iter()
                .any(|(line, body)| line.starts_with("file two-chunks") && *body == files()[3].1)
        );
        assert!(whole.iter().any(|(line, _)| line == "whiteout etc/gone"));
        let end = &files()[5].1[400_000 - END..];
        assert!(
            whole
                .iter()
                .any(|(line, body)| line.starts_with("file many-chunks") && body == end)
        );
        // A registry that gives no parts gives the whole.
        registry.content().no_ranges = true;
        let (again, is_verified, _) = read(&registry, Verify::Read).unwrap();
        assert_eq!(again, whole);
        assert!(is_verified);
    }
}

#[test]
fn a_table_that_is_not_vouched_for_is_not_used() {
    for mut made in [stargz(), chunked()] {
        for value in made.annotations.as_object_mut().unwrap().values_mut() {
            if value.as_str().unwrap().starts_with("sha256:") {
                *value = format!("sha256:{}", "1".repeat(64)).into();
            }
        }
        let registry = Registry::new();
        push(&registry, &made);
        let (_, is_verified, _) = read(&registry, Verify::Read).unwrap();
        assert!(is_verified, "the whole blob was read");
    }
}

#[test]
fn a_file_or_part_that_is_not_its_digest_is_an_error() {
    // Noise stands in the blob nearly as it is: this far from its end are the last chunk of many, and
    // the tool, which is one.
    for (mut made, from_end) in [
        (stargz(), 15_000),
        (stargz(), 450_000),
        (chunked(), 15_000),
        (chunked(), 450_000),
    ] {
        let registry = Registry::new();
        push(&registry, &made);
        let at = made.blob.len() - from_end;
        made.blob[at] ^= 1;
        let own: Vec<String> = registry.content().documents.keys().cloned().collect();
        for path in own {
            let mut content = registry.content();
            let document = content.documents.get_mut(&path).unwrap();
            if document.1.len() == made.blob.len() {
                document.1.clone_from(&made.blob);
            }
        }
        let said = read(&registry, Verify::Read).unwrap_err();
        assert!(said.contains("layer 0"), "{said}");
    }
}

#[test]
fn a_table_that_asks_for_more_than_can_come_out_is_not_used() {
    for other in [
        json!({"innerOffset": 1_u64 << 40}),
        json!({"innerOffset": u64::MAX}),
        json!({"innerOffset": u64::MAX, "chunkSize": u64::MAX}),
    ] {
        let registry = Registry::new();
        push(&registry, &stargz_that_says(&other));
        let (_, is_verified, _) = read(&registry, Verify::Read).unwrap();
        assert!(is_verified, "the whole blob was read for {other}");
    }
}

#[test]
fn what_comes_out_of_parts_is_counted_as_of_the_whole() {
    for made in [stargz(), chunked()] {
        let registry = Registry::new();
        push(&registry, &made);
        let limits = Limits {
            layer_bytes: 50_000,
            ..Limits::default()
        };
        let said = read_within(&registry, Verify::Read, limits).unwrap_err();
        assert!(
            said.contains("over the limit layer_bytes = 50000"),
            "{said}"
        );
    }
}

#[test]
fn a_table_that_is_too_large_is_not_used() {
    for made in [stargz(), chunked()] {
        let registry = Registry::new();
        push(&registry, &made);
        let table_bytes = |table_bytes| Limits {
            table_bytes,
            ..Limits::default()
        };
        for (allowed, is_used) in [(1 << 20, true), (500, false)] {
            let read = read_within(&registry, Verify::Read, table_bytes(allowed));
            let (_, is_verified, _) = read.unwrap();
            assert_eq!(!is_verified, is_used, "{allowed}");
        }
    }
}

#[test]
fn a_table_of_tiny_entries_is_not_used() {
    let tiny = |count| {
        let entry = |number: u32| json!({"name": format!("{number:x}"), "type": "dir"});
        (0..count).map(entry).collect()
    };
    // Some 25 bytes each: few of them are no harm, many would take ten times as much memory.
    for (count, is_used) in [(1000, true), (60_000, false)] {
        let registry = Registry::new();
        push(&registry, &chunked_and(tiny(count)));
        let (_, is_verified, _) = read(&registry, Verify::Read).unwrap();
        assert_eq!(!is_verified, is_used, "{count}");
    }
}

/// Entries of a file that is nothing but zeros, in so many chunks.
fn zeros(name: &str, size: u64, chunks: u64) -> Vec<Value> {
    let entry = |number| {
        json!({
            "name": name, "type": if number == 0 { "reg" } else { "chunk" }, "size": size, "mode": 0o755,
            "chunkSize": size / chunks, "chunkType": "zeros",
        })
    };
    (0..chunks).map(entry).collect()
}

#[test]
fn zeros_that_lie_nowhere_are_counted_too() {
    for chunks in [1, 2] {
        let made = chunked_and(zeros("zeros", 800_000, chunks));
        let registry = Registry::new();
        push(&registry, &made);
        let layer_bytes = |layer_bytes| Limits {
            layer_bytes,
            ..Limits::default()
        };
        let read = read_within(&registry, Verify::Read, layer_bytes(1_000_000)).unwrap();
        let (lines, is_verified, _) = read;
        assert!(!is_verified, "the table was used");
        let of_zeros =
            |(line, body): &&Line| line.starts_with("file zeros") && body.len() == 800_000;
        assert!(lines.iter().any(|line| of_zeros(&line)));
        let said = read_within(&registry, Verify::Read, layer_bytes(600_000)).unwrap_err();
        assert!(
            said.contains("over the limit layer_bytes = 600000"),
            "{said}"
        );
    }
}

#[test]
fn a_table_with_more_zeros_than_can_come_out_of_nothing_is_not_used() {
    let files = (0..3).flat_map(|number| zeros(&format!("zeros-{number}"), 100 << 20, 1));
    let registry = Registry::new();
    push(&registry, &chunked_and(files.collect()));
    let (lines, is_verified, _) = read(&registry, Verify::Read).unwrap();
    assert!(is_verified, "the whole blob was read");
    assert!(!lines.iter().any(|(line, _)| line.contains("zeros")));
}

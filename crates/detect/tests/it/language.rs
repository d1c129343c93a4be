//! Archives, binaries and metadata that were made to do harm, or came to it.

use std::io::Write as _;
use std::path::Path;

use pellucid_model::{Inventory, WarningKind};
use proptest::prelude::*;

use crate::layers::{Op, file, inventory, packages};

/// A zip archive of these entries, deflated or stored.
fn archive(entries: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let offset = bytes.len() as u32;
        let (method, packed) = if deflate {
            let level = flate2::Compression::best();
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(content).unwrap();
            (8_u16, encoder.finish().unwrap())
        } else {
            (0, content.to_vec())
        };
        let mut fields = Vec::new();
        fields.extend([20, 0, 0, 0]);
        fields.extend(method.to_le_bytes());
        fields.extend([0; 8]);
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend(name.as_bytes());
        bytes.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size, count) = (
        bytes.len() as u32,
        directory.len() as u32,
        entries.len() as u16,
    );
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

const POM: (&str, &[u8]) = (
    "META-INF/maven/g/a/pom.properties",
    b"groupId=g\nartifactId=a\nversion=1\n",
);

fn found(path: &'static str, content: Vec<u8>) -> Inventory {
    inventory(&[vec![Op::File(path, content)]]).unwrap()
}

fn kinds(inventory: &Inventory) -> Vec<WarningKind> {
    inventory
        .warnings
        .iter()
        .map(|warning| warning.kind)
        .collect()
}

#[test]
fn archives_are_read_to_a_depth_and_the_depth_is_said() {
    for (depth, deep_enough) in [(20, true), (32, true), (33, false)] {
        for deflate in [true, false] {
            let mut bytes = archive(&[POM], deflate);
            for _ in 0..depth {
                bytes = archive(&[("lib/inner.jar", &bytes)], deflate);
            }
            let inventory = found("opt/outer.jar", bytes);
            if deep_enough {
                assert_eq!(packages(&inventory), ["g:a 1 @0"], "{depth}");
                assert!(inventory.warnings.is_empty());
            } else {
                assert!(packages(&inventory).is_empty());
                assert_eq!(kinds(&inventory), [WarningKind::TooLarge]);
            }
        }
    }
}

#[test]
fn an_entry_is_inflated_no_further_than_it_is_read() {
    let zeros = vec![0; 64 << 20];
    let bytes = archive(&[("META-INF/maven/x/y/pom.properties", &zeros), POM], true);
    assert!(bytes.len() < 128 << 10);
    let inventory = found("opt/bomb.jar", bytes);
    assert_eq!(packages(&inventory), ["g:a 1 @0"]);
    assert_eq!(kinds(&inventory), [WarningKind::TooLarge]);
}

/// The record at the end of an archive, which has no comment, and what stands before the directory.
fn parts(bytes: &[u8]) -> (&[u8], &[u8], [u8; 22]) {
    let (rest, end) = bytes.split_at(bytes.len() - 22);
    let at = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
    let (files, directory) = rest.split_at(at);
    (files, directory, end.try_into().unwrap())
}

#[test]
fn a_directory_that_lies_about_its_size_is_said() {
    let honest = archive(&[POM], false);
    for lie in [1_u32, 2 << 30, u32::MAX - 1] {
        let (files, directory, mut end) = parts(&honest);
        end[12..16].copy_from_slice(&lie.to_le_bytes());
        let inventory = found("opt/lie.jar", [files, directory, &end].concat());
        assert!(packages(&inventory).is_empty(), "{lie}");
        assert_eq!(inventory.warnings.len(), 1, "{lie}");
    }
}

#[test]
fn entries_that_lie_over_each_other_are_counted_like_others() {
    let inner = archive(&[POM], false);
    let honest = archive(&[("lib/inner.jar", &inner)], false);
    let (files, directory, mut end) = parts(&honest);
    let count = 20_001_u16;
    end[8..10].copy_from_slice(&count.to_le_bytes());
    end[10..12].copy_from_slice(&count.to_le_bytes());
    let directory = directory.repeat(usize::from(count));
    end[12..16].copy_from_slice(&(directory.len() as u32).to_le_bytes());
    let inventory = found("opt/overlap.jar", [files, &directory, &end].concat());
    assert_eq!(packages(&inventory), ["g:a 1 @0"]);
    assert_eq!(kinds(&inventory), [WarningKind::TooLarge]);
}

#[test]
fn a_large_archive_in_an_archive_goes_through_the_spool() {
    let mut noise = vec![0_u8; 9 << 20];
    let mut state = 1_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    let inner = archive(&[("noise", &noise), POM], false);
    let inventory = found(
        "opt/app.war",
        archive(&[("WEB-INF/lib/a.jar", &inner)], true),
    );
    assert_eq!(packages(&inventory), ["g:a 1 @0"]);
}

#[test]
fn a_jar_that_says_too_little_is_listed_without_a_group() {
    let bytes = archive(&[("a.class", b"x")], false);
    let jars = [
        ("lib/mystery-1.0.jar", &bytes[..]),
        ("lib/none.jar", &bytes),
    ];
    let outer = archive(&[&jars[..], &[POM]].concat(), false);
    let inventory = found("opt/app.jar", outer);
    assert_eq!(packages(&inventory), ["g:a 1 @0", "mystery 1.0 @0"]);
}

/// Places of metadata that installers leave, all of the same distribution.
const METADATA: [&str; 4] = [
    "site-packages/late-1.0.dist-info/METADATA",
    "site-packages/late-1.0.egg-info/PKG-INFO",
    "site-packages/late-1.0-py3.11.egg-info",
    "site-packages/late-1.0-py3.11.egg/EGG-INFO/PKG-INFO",
];

#[test]
fn metadata_of_100_mb_is_read_to_its_end_or_a_bound() {
    const SIZE: usize = 100 << 20;
    for (number, path) in METADATA.into_iter().enumerate() {
        let mut metadata = b"Metadata-Version: 2.1\n".to_vec();
        // One line of that length, or many.
        match number {
            0 | 1 => metadata.resize(SIZE, b'x'),
            _ => metadata.extend(vec![b'x'; 10_000].repeat(SIZE / 10_000)),
        }
        metadata.extend(b"\nName: late\nVersion: 1.0\n\n");
        let inventory = found(path, metadata);
        assert_eq!(packages(&inventory), ["late 1.0 @0"], "{path}");
        assert!(inventory.warnings.is_empty(), "{path}");
    }
    // A header that names nothing: its lines are counted, and the folder's name stands for it.
    let endless = b"Classifier: x\n".repeat(SIZE / 14);
    let inventory = found(METADATA[0], endless);
    assert_eq!(packages(&inventory), ["late 1.0 @0"]);
    assert_eq!(kinds(&inventory), [WarningKind::BadRecord]);
    // A description of that length is not read at all.
    let mut described = b"Name: late\nVersion: 1.0\n\n".to_vec();
    described.resize(SIZE, b'\n');
    let inventory = found(METADATA[1], described);
    assert_eq!(packages(&inventory), ["late 1.0 @0"]);
    assert!(inventory.warnings.is_empty());
}

#[test]
fn an_egg_s_metadata_is_inflated_no_further_than_a_bound() {
    let mut metadata = b"Name: late\nVersion: 1.0\n".to_vec();
    metadata.resize(100 << 20, b'x');
    let bytes = archive(&[("EGG-INFO/PKG-INFO", &metadata)], true);
    assert!(bytes.len() < 256 << 10);
    let inventory = found("site-packages/late-1.0-py3.11.egg", bytes);
    assert_eq!(packages(&inventory), ["late 1.0 @0"]);
    // What names it stands behind the bound: the file's name does instead.
    metadata.rotate_left(25);
    let bytes = archive(&[("EGG-INFO/PKG-INFO", &metadata)], true);
    let inventory = found("site-packages/late-1.0-py3.11.egg", bytes);
    assert_eq!(packages(&inventory), ["late 1.0 @0"]);
    assert_eq!(kinds(&inventory), [WarningKind::BadRecord]);
}

#[test]
fn a_program_that_is_cut_short_names_nothing_it_no_longer_holds() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (program, whole) in [
        ("go_binary/inline/root/usr/local/bin/app", "usr/bin/app"),
        ("rust_binary/auditable/root/usr/bin/app", "usr/bin/app"),
    ] {
        let bytes = std::fs::read(data.join(program)).unwrap();
        let all = packages(&found(whole, bytes.clone()));
        assert!(all.len() > 1, "{program}");
        for sixteenth in 0..16 {
            let cut = bytes.len() * sixteenth / 16;
            let inventory = found(whole, bytes[..cut].to_vec());
            let left = packages(&inventory);
            assert!(left.iter().all(|one| all.contains(one)), "{program} {cut}");
            let panicked = |warning: &pellucid_model::Warning| warning.message.contains("panicked");
            assert!(!inventory.warnings.iter().any(panicked), "{program} {cut}");
            let is_told = left.len() == all.len() || !inventory.warnings.is_empty();
            assert!(is_told || cut < 512, "{program} {cut}: {left:?}");
        }
    }
}

#[test]
fn a_file_that_only_a_link_names_as_a_program_is_not_read_again() {
    let layers = [vec![
        file("usr/share/tool/tool", "text"),
        Op::Link("usr/bin/tool", "../share/tool/tool"),
    ]];
    assert!(inventory(&layers).unwrap().packages.is_empty());
}

#[test]
fn a_removed_binary_is_gone() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let app = std::fs::read(data.join("rust_binary/auditable/root/usr/bin/app")).unwrap();
    let lower = vec![
        Op::File("usr/bin/app", app.clone()),
        Op::File("usr/bin/kept", app),
    ];
    let inventory = inventory(&[lower, vec![Op::White("usr/bin/app")]]).unwrap();
    assert_eq!(
        packages(&inventory),
        ["app 0.1.0 @0", "memchr 2.5.0 @0", "regex 1.5.4 @0"]
    );
    assert!(
        inventory
            .packages
            .iter()
            .all(|entry| entry.locations.len() == 1)
    );
}

/// Files of the fixtures and the places they are found at.
const VICTIMS: &[(&str, &str)] = &[
    ("go_binary/inline/root/usr/local/bin/app", "usr/bin/app"),
    (
        "go_binary/inline/root/usr/local/bin/app.exe",
        "usr/bin/app.exe",
    ),
    ("go_binary/inline/root/usr/local/bin/mac-fat", "usr/bin/mac"),
    ("go_binary/pointer/root/usr/local/bin/wide", "usr/bin/wide"),
    ("rust_binary/auditable/root/usr/bin/app", "usr/bin/rust"),
    ("java/archives/root/opt/all.ear", "opt/all.ear"),
    ("java/archives/root/opt/run.jar", "opt/run.jar"),
    (
        "python/installed/root/usr/lib/python3/site-packages/zipped-3.1-py3.9.egg",
        "lib/zipped.egg",
    ),
    (
        "node/installed/root/srv/node_modules/@babel/core/package.json",
        "node_modules/core/package.json",
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_files_never_panic(
        victim in 0..VICTIMS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (fixture, path) = VICTIMS[victim];
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let mut bytes = std::fs::read(data.join(fixture)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let inventory = inventory(&[vec![Op::File(path, bytes)]]).unwrap();
        for warning in &inventory.warnings {
            prop_assert!(!warning.message.contains("panicked"), "{}", warning.message);
        }
    }
}

/// What `go version -m` says of a program: the release, then the modules as they are listed.
fn go_says(program: &Path) -> Option<Vec<String>> {
    let output = std::process::Command::new("go")
        .args(["version", "-m"])
        .arg(program)
        .output();
    let text = String::from_utf8(output.ok().filter(|output| output.status.success())?.stdout);
    let text = text.ok()?;
    let release = text
        .lines()
        .next()?
        .rsplit(": go")
        .next()?
        .split(' ')
        .next()?;
    let mut says = vec![format!("stdlib {release} @0")];
    if text.contains("\tpath\tcmd/go\n") {
        says.push(format!("toolchain {release} @0"));
    }
    for line in text.lines() {
        let mut fields = line.trim_start().split('\t');
        if let (Some("dep" | "mod"), Some(path), Some(version)) =
            (fields.next(), fields.next(), fields.next())
        {
            says.push(format!("{path} {version} @0"));
        }
    }
    says.sort();
    Some(says)
}

#[test]
fn gos_own_programs_are_read_as_go_reads_them() {
    let root = std::process::Command::new("go")
        .args(["env", "GOROOT"])
        .output();
    let root = root
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let programs = root
        .map(|root| Path::new(root.trim()).join("bin"))
        .and_then(|folder| {
            let programs = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
            Some(programs.map(|entry| entry.path()).collect::<Vec<_>>())
        });
    let mut read = 0;
    for program in programs.unwrap_or_default() {
        let Some(mut expected) = go_says(&program) else {
            continue;
        };
        expected.dedup();
        let bytes = std::fs::read(&program).unwrap();
        let mut found = packages(&found("usr/bin/program", bytes));
        found.sort();
        assert_eq!(found, expected, "{}", program.display());
        read += 1;
    }
    if read == 0 {
        println!("skipped: no go to ask");
    }
}

#[test]
fn records_in_many_archives_share_one_bound() {
    let mut record = vec![b'#'; 250 << 10];
    record.extend(b"\ngroupId=g\nartifactId=a\nversion=1\n");
    let entries = vec![("META-INF/maven/g/a/pom.properties", &record[..]); 60];
    let inner = archive(&entries, true);
    let outer = vec![("lib/a.jar", &inner[..]); 40];
    let inventory = found("opt/app.jar", archive(&outer, false));
    assert_eq!(packages(&inventory), ["g:a 1 @0"]);
    assert!(kinds(&inventory).contains(&WarningKind::TooLarge));
}

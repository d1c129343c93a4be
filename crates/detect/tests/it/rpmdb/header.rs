//! Header blobs: what is read from them, and what is wrong with them.

use pellucid_detect::DetectError;
use pellucid_detect::rpmdb::{
    DigestAlgorithm, Header, HeaderError, HeaderFault, Limits, RpmdbError, read,
};

use super::build::{self, Blob};
use super::{databases, expected, outcome};
use crate::layers::{file, inventory};

fn parse(blob: &[u8]) -> Result<Header<'_>, HeaderFault> {
    Header::parse(1, blob, &Limits::default()).map_err(|error| error.fault)
}

fn files_fault(blob: Blob) -> HeaderFault {
    parse(&blob.build()).unwrap().files().unwrap_err().fault
}

#[test]
fn tags_become_fields() {
    let blob = Blob::package("acme", "1.0~rc1", "3.el9")
        .numbers(1003, &[2])
        .text(1011, "")
        .text(1022, "noarch")
        .text(1044, "acme-1.0~rc1-3.el9.src.rpm")
        .text(5096, "acme:1:2024:ab")
        .build();
    let header = parse(&blob).unwrap();
    assert_eq!(
        (&*header.name, &*header.version, &*header.release),
        ("acme", "1.0~rc1", "3.el9")
    );
    assert_eq!(header.epoch, Some(2));
    assert_eq!(header.vendor, None);
    assert_eq!(header.arch.as_deref(), Some("noarch"));
    assert_eq!(
        header.source_rpm.as_deref(),
        Some("acme-1.0~rc1-3.el9.src.rpm")
    );
    assert_eq!(header.modularity_label.as_deref(), Some("acme:1:2024:ab"));
    assert_eq!(header.files().unwrap().count(), 0);

    let bare = Blob::package("gpg-pubkey", "fd431d51", "4ae0493b").build();
    let bare = parse(&bare).unwrap();
    assert_eq!((bare.epoch, bare.arch, bare.source_rpm), (None, None, None));
}

#[test]
fn a_tag_added_on_installation_replaces_the_packages() {
    let blob = Blob::package("acme", "1", "1")
        .text(1011, "first")
        .text(1011, "second")
        .build();
    assert_eq!(parse(&blob).unwrap().vendor.as_deref(), Some("second"));
}

#[test]
fn text_in_latin_1_and_the_magic_of_old_headers_are_read() {
    let blob = Blob::package("acme", "1", "1")
        .tag(1011, 6, 1, b"Caf\xe9\0")
        .build();
    let blob = [b"\x8e\xad\xe8\x01\0\0\0\0".to_vec(), blob].concat();
    assert_eq!(parse(&blob).unwrap().vendor.as_deref(), Some("Caf\u{fffd}"));
}

#[test]
fn files_have_paths_and_digests() {
    let blob = Blob::package("acme", "1", "1")
        .texts(1035, &["", "", "abcd"])
        .numbers(1037, &[0, 64, 1])
        .numbers(1116, &[1, 0, 0])
        .texts(1117, &["acme", "ghost", "acme.conf"])
        .texts(1118, &["/etc/acme/", "/usr/share/"])
        .numbers(5011, &[8])
        .build();
    let header = parse(&blob).unwrap();
    let files = header.files().unwrap();
    assert_eq!(files.algorithm(), DigestAlgorithm::Sha256);
    let files: Vec<_> = files.collect();
    let paths: Vec<_> = files
        .iter()
        .map(|file| String::from_utf8(file.path()).unwrap())
        .collect();
    assert_eq!(
        paths,
        ["/usr/share/acme", "/etc/acme/ghost", "/etc/acme/acme.conf"]
    );
    let told: Vec<_> = files.iter().map(|f| (f.is_ghost(), f.digest)).collect();
    let digest = Some(&b"abcd"[..]);
    assert_eq!(told, [(false, None), (true, None), (false, digest)]);
}

#[test]
fn packages_of_rpm_3_have_whole_paths_and_md5() {
    let blob = Blob::package("acme", "1", "1")
        .texts(1027, &["/bin/acme", "/etc/acme"])
        .build();
    let header = parse(&blob).unwrap();
    let files = header.files().unwrap();
    assert_eq!(files.algorithm(), DigestAlgorithm::Md5);
    assert_eq!(
        files.map(|file| file.path()).collect::<Vec<_>>(),
        [&b"/bin/acme"[..], b"/etc/acme"]
    );
}

#[test]
fn a_file_list_that_contradicts_itself_is_an_error() {
    let named = || Blob::package("acme", "1", "1").texts(1117, &["a", "b"]);
    let whole = || named().texts(1118, &["/"]).numbers(1116, &[0, 0]);
    let missing = |tag| HeaderFault::MissingTag { tag };
    assert_eq!(files_fault(named()), missing(1118));
    assert_eq!(files_fault(named().texts(1118, &["/"])), missing(1116));
    assert_eq!(
        files_fault(named().texts(1118, &["/"]).numbers(1116, &[0])),
        HeaderFault::FileCount {
            tag: 1116,
            found: 1,
            expected: 2
        }
    );
    assert_eq!(
        files_fault(named().texts(1118, &["/"]).numbers(1116, &[0, 1])),
        HeaderFault::NoDirectory { file: 1 }
    );
    assert_eq!(
        files_fault(whole().numbers(1037, &[0])),
        HeaderFault::FileCount {
            tag: 1037,
            found: 1,
            expected: 2
        }
    );
    // A count with fewer strings behind it, and a name no file system has.
    assert_eq!(
        files_fault(Blob::package("a", "1", "1").tag(1027, 8, 3, b"/a\0/b\0")),
        HeaderFault::BadTag { tag: 1027 }
    );
    assert_eq!(
        files_fault(Blob::package("a", "1", "1").texts(1027, &["x".repeat(5000).as_str()])),
        HeaderFault::BadTag { tag: 1027 }
    );
    let limits = Limits {
        files: 1,
        ..Limits::default()
    };
    let blob = whole().build();
    let header = Header::parse(1, &blob, &limits).unwrap();
    let fault = HeaderFault::TooManyFiles { found: 2, limit: 1 };
    assert_eq!(
        header.files().unwrap_err(),
        HeaderError { number: 1, fault }
    );
}

#[test]
fn a_tag_that_is_not_needed_costs_no_package() {
    let long = "x".repeat(70_000);
    for tag in [1011, 1022, 1044, 5096] {
        let blob = Blob::package("acme", "1", "1").text(tag, &long).build();
        let header = parse(&blob).unwrap();
        assert_eq!((&*header.name, &*header.version), ("acme", "1"));
        assert_eq!(header.fault, Some(HeaderFault::BadTag { tag }));
        let texts = [&header.arch, &header.source_rpm, &header.vendor];
        assert!(texts.iter().all(|text| text.is_none()));
    }
    // Nobody asks for the licence.
    let blob = Blob::package("acme", "1", "1").text(1014, &long).build();
    assert_eq!(parse(&blob).unwrap().fault, None);
}

#[test]
fn a_long_folder_of_many_names_is_refused() {
    let names = vec!["x.jar"; 60_000];
    let blob = Blob::package("acme", "1", "1")
        .numbers(1116, &vec![0; names.len()])
        .texts(1117, &names)
        .texts(1118, &[&format!("/{}/", "d".repeat(4000))])
        .build();
    let database = build::ndb(&[(1, blob)]);
    let layer = vec![file("var/lib/rpm/Packages.db", database)];
    match inventory(&[layer]) {
        Err(DetectError::TooHeavy { path, .. }) => assert_eq!(path, "var/lib/rpm/Packages.db"),
        other => panic!("{:?}", other.map(|found| found.packages.len())),
    }
}

/// Blobs that are no header, and why.
fn broken() -> Vec<(Vec<u8>, HeaderFault)> {
    let counts = |entries: u32, bytes: u32| [entries, bytes].map(u32::to_be_bytes).concat();
    let good = Blob::package("acme", "1", "1").build();
    let size = |size| HeaderFault::Size { size };
    let bad = |tag| HeaderFault::BadTag { tag };
    let name = |kind, count, bytes: &[u8]| Blob::default().tag(1000, kind, count, bytes).build();
    let mut outside = good.clone();
    outside[8 + 8..8 + 12].copy_from_slice(&0xffff_fff0_u32.to_be_bytes());
    let long = "x".repeat(70_000);
    vec![
        (vec![], size(0)),
        (vec![0], size(1)),
        (counts(u32::MAX, u32::MAX), size(8)),
        (counts(0, 0), HeaderFault::MissingTag { tag: 1000 }),
        (good[..30].to_vec(), size(30)),
        ([&good[..], b"x"].concat(), size(good.len() + 1)),
        (outside, bad(1000)),
        (name(99, 1, b"acme\0"), bad(1000)),
        (name(6, 1, b"acme"), bad(1000)),
        (name(4, 1, &[0, 0, 0, 0]), bad(1000)),
        (Blob::package(&long, "1", "1").build(), bad(1000)),
        (
            Blob::package("a", "1", "1")
                .tag(1003, 4, 2, &[0; 4])
                .build(),
            bad(1003),
        ),
        (
            Blob::package("a", "1", "1").tag(1003, 4, 0, &[]).build(),
            bad(1003),
        ),
        (
            Blob::default().text(1000, "a").text(1001, "1").build(),
            HeaderFault::MissingTag { tag: 1002 },
        ),
    ]
}

#[test]
fn a_broken_header_is_reported_and_the_others_are_read() {
    let broken = broken();
    let good = build::rows(40);
    let mut rows = good.clone();
    for (number, (blob, _)) in (100..).zip(&broken) {
        rows.insert(20, (number, blob.clone()));
    }
    rows.sort();
    for (name, database) in databases(&rows) {
        let (mut lines, mut errors, end) = outcome(&database, None);
        lines.sort();
        errors.sort_by_key(|error| error.number);
        assert_eq!((lines, end), (expected(&good), Ok(())), "{name}");
        let faults: Vec<_> = errors.into_iter().map(|error| error.fault).collect();
        let whys: Vec<_> = broken.iter().map(|(_, fault)| fault.clone()).collect();
        assert_eq!(faults, whys, "{name}");
    }
}

#[test]
fn a_blob_with_a_wrong_checksum_is_reported_alone() {
    let mut database = build::ndb(&build::rows(3));
    let last = database.len() - 40;
    database[last] ^= 1;
    let mut faults = Vec::new();
    let end: Result<(), RpmdbError> = read(&database, None, &Limits::default(), &mut |header| {
        faults.extend(header.err())
    });
    assert_eq!(end, Ok(()));
    assert_eq!(
        faults,
        [HeaderError {
            number: 3,
            fault: HeaderFault::Checksum
        }]
    );
}

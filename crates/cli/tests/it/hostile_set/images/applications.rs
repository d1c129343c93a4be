//! What can be wrong with archives of Java, records of languages' packages, and programs.

use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::{End, OPENSSL};
use super::tar::Tar;
use super::{Case, Made, debian, image};
use End::Finds;

pub(in super::super) const APPLICATIONS: &[Case] = &[
    ("jar-bomb", jar_bomb, OPENSSL),
    ("jar-nested-20", jar_nested_20, OPENSSL),
    ("jar-broken", jar_broken, OPENSSL),
    ("lang-odd", lang_odd, Finds("axios", "0.18.0")),
    ("elf-odd", elf_odd, OPENSSL),
];

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(body).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Files that a small Debian has besides.
fn with(files: &[(&str, &[u8])]) -> Made {
    let add = |tar: Tar, (path, body): &(&str, &[u8])| tar.file(path, body);
    image(&[files.iter().fold(debian(), add).end()])
}

/// A quarter of a gibibyte of zeros where a jar says what it is, and sixteen such jars in one.
fn jar_bomb() -> Made {
    let jar = zip(&[("META-INF/maven/a/b/pom.properties", &vec![0; 256 << 20])]);
    let names: Vec<String> = (0..16)
        .map(|number| format!("WEB-INF/lib/{number}.jar"))
        .collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &*jar)).collect();
    with(&[("opt/bomb.jar", &jar), ("opt/many.war", &zip(&members))])
}

fn jar_nested_20() -> Made {
    let log4j = "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties";
    let properties = "groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n";
    let mut jar = zip(&[(log4j, properties.as_bytes())]);
    for _ in 0..20 {
        jar = zip(&[
            ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n"),
            ("BOOT-INF/lib/inner.jar", &jar),
        ]);
    }
    with(&[("opt/deep.jar", &jar)])
}

/// Cut, empty, with an end that lies of how much there is, and with a member that begins nowhere.
fn jar_broken() -> Made {
    let manifest = b"Implementation-Title: t\r\nImplementation-Version: 1\r\n";
    let good = zip(&[("META-INF/MANIFEST.MF", manifest), ("a.class", &[7; 5000])]);
    let at = |signature: &[u8]| {
        good.windows(4)
            .rposition(|window| window == signature)
            .unwrap()
    };
    let mut lying = good.clone();
    let end = at(b"PK\x05\x06");
    lying[end + 8..end + 12].fill(0xfe);
    lying[end + 12..end + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut nowhere = good.clone();
    let entry = at(b"PK\x01\x02");
    nowhere[entry + 42..entry + 46].copy_from_slice(&0xffff_ff00_u32.to_le_bytes());
    with(&[
        ("opt/cut.jar", &good[..good.len() / 2]),
        ("opt/endless.jar", &good[..good.len() - 25]),
        ("opt/lying.jar", &lying),
        ("opt/nowhere.jar", &nowhere),
        ("opt/empty.jar", b""),
        ("opt/four.jar", b"PK\x03\x04"),
    ])
}

fn lang_odd() -> Made {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let deep = format!(r#"{{"name":"deep","version":{deep}}}"#);
    let long = format!("Name: {}\nVersion: 1\n", "l".repeat(1 << 20));
    with(&[
        ("srv/node_modules/open/package.json", b"{"),
        ("srv/node_modules/types/package.json", br#"{"name":["a"],"version":{"b":1}}"#),
        ("srv/node_modules/deep/package.json", deep.as_bytes()),
        ("srv/node_modules/mark/package.json", b"\xef\xbb\xbf{\"name\":\"mark\",\"version\":\"1.0.0\"}"),
        ("srv/node_modules/axios/package.json", br#"{"name":"axios","version":"0.18.0"}"#),
        ("usr/lib/python3/dist-packages/none.dist-info/METADATA", b"Name: \nVersion\n\xc3\x28\n"),
        ("usr/lib/python3/dist-packages/long.dist-info/METADATA", long.as_bytes()),
        (
            "usr/share/gems/specifications/code-1.gemspec",
            b"Gem::Specification.new do |s| s.name = \"#{`touch /tmp/pellucid-hostile`}\"; s.version = \"1\" end",
        ),
        ("srv/vendor/composer/installed.json", br#"{"packages":{"a":null}}"#),
        ("srv/app.deps.json", br#"{"libraries":[]}"#),
    ])
}

/// A 64-bit ELF whose table of so many sections begins there.
fn elf(sections_at: u64, sections: u16, rest: &[u8]) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    elf[16..18].copy_from_slice(&2_u16.to_le_bytes());
    elf[18..20].copy_from_slice(&62_u16.to_le_bytes());
    elf[20..24].copy_from_slice(&1_u32.to_le_bytes());
    elf[40..48].copy_from_slice(&sections_at.to_le_bytes());
    elf[52..54].copy_from_slice(&64_u16.to_le_bytes());
    elf[58..60].copy_from_slice(&64_u16.to_le_bytes());
    elf[60..62].copy_from_slice(&sections.to_le_bytes());
    elf.extend(rest);
    elf
}

/// Tables of sections that are nowhere or nonsense, and what looks like Go's and Rust's records.
fn elf_odd() -> Made {
    let mut record = ZlibEncoder::new(Vec::new(), Compression::fast());
    record.write_all("[".repeat(100_000).as_bytes()).unwrap();
    let rust = [vec![0; 64], record.finish().unwrap()].concat();
    let go = [&b"\xff Go buildinf:\x08\x02"[..], &[0xff; 40]].concat();
    with(&[
        ("usr/bin/far", &elf(1 << 62, u16::MAX, &[])),
        ("usr/bin/nonsense", &elf(64, u16::MAX, &[0xff; 640])),
        ("usr/bin/four", b"\x7fELF"),
        ("usr/bin/go", &elf(0, 0, &go)),
        ("usr/bin/rust", &elf(64, 1, &rust)),
    ])
}

//! Measures a snapshot of made-up advisories: `measure [STATEMENTS]`, 600,000 if not said.
//!
//! Run it with `--profile fast`. It prints time, size and memory of building, and the time of 500
//! package look-ups: first, again, and by a snapshot opened anew.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_snapshot::{Builder, Meta, Snapshot, diff};
use pellucid_version::Range;

/// Releases that every advisory speaks of.
const RELEASES: usize = 6;
/// Packages per release.
const PACKAGES: u64 = 20_000;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn advisory(number: usize, numbers: &mut Numbers) -> Advisory {
    const WORDS: [&str; 12] = [
        "a",
        "buffer",
        "overflow",
        "in",
        "the",
        "parser",
        "allows",
        "remote",
        "attackers",
        "to",
        "execute",
        "code",
    ];
    let description = (0..40)
        .filter_map(|_| WORDS.get(numbers.below(12) as usize).copied())
        .collect::<Vec<_>>()
        .join(" ");
    // Few packages have most of the advisories.
    let package = numbers
        .below(PACKAGES)
        .min(numbers.below(PACKAGES))
        .min(numbers.below(PACKAGES));
    let affected = (0..RELEASES)
        .map(|release| Affected {
            namespace: Namespace::release_of("debian", &(8 + release).to_string()),
            package: format!("package-{package}"),
            name_kind: NameKind::Source,
            status: Status::Affected,
            ranges: vec![match numbers.below(4) {
                0 => Range::all(),
                minor => Range::before(format!("1.{minor}.{}-1+deb{release}u1", numbers.below(50))),
            }],
            versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        })
        .collect();
    Advisory {
        description,
        severity: Severity::Medium,
        links: vec![format!("https://tracker.example/CVE-2024-{number:06}")],
        affected,
        ..Advisory::new(format!("CVE-2024-{number:06}"))
    }
}

fn build(path: &std::path::Path, statements: usize) -> Result<Snapshot, Box<dyn Error>> {
    let mut numbers = Numbers(88_172_645_463_325_252);
    let meta = Meta {
        key: "debian".to_owned(),
        feed: "debian".to_owned(),
        as_of: None,
    };
    let mut builder = Builder::create(path, meta)?;
    let began = Instant::now();
    let mut adding = std::time::Duration::ZERO;
    for number in 0..statements / RELEASES {
        let advisory = advisory(number, &mut numbers);
        let one = Instant::now();
        builder.add(&advisory)?;
        adding += one.elapsed();
    }
    let finishing = Instant::now();
    let built = builder.finish()?;
    println!(
        "build   {} statements, {} advisories: add {adding:?}, finish {:?}, {} bytes (all {:?})",
        built.affected,
        built.advisories,
        finishing.elapsed(),
        built.bytes,
        began.elapsed(),
    );
    println!("memory  {}", peak()?);
    let opening = Instant::now();
    let snapshot = Snapshot::open(path, built.digest)?;
    println!("open    {:?}", opening.elapsed());
    Ok(snapshot)
}

fn peak() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    Ok(line.unwrap_or("unknown").replace('\t', " "))
}

fn look_up(snapshot: &Snapshot, what: &str) -> Result<(), Box<dyn Error>> {
    let mut numbers = Numbers(1234);
    let names: Vec<String> = (0..500)
        .map(|_| format!("package-{}", numbers.below(PACKAGES)))
        .collect();
    let began = Instant::now();
    let mut entries = 0;
    for name in &names {
        entries += snapshot.affected("debian:12", name)?.len();
    }
    println!(
        "500 look-ups, {what}: {:?}, {entries} entries",
        began.elapsed()
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let statements = std::env::args()
        .nth(1)
        .map_or(Ok(600_000), |count| count.parse())?;
    let directory = tempfile::tempdir()?;
    let snapshot = build(&directory.path().join("measured"), statements)?;
    look_up(&snapshot, "first")?;
    look_up(&snapshot, "again")?;
    let anew = Snapshot::open(snapshot.path(), snapshot.digest())?;
    look_up(&anew, "opened anew")?;

    let began = Instant::now();
    let hits: Vec<_> = anew.list("debian:12", Some("CVE-2024-000500"), 1000)?;
    println!("list of {} advisories: {:?}", hits.len(), began.elapsed());
    let began = Instant::now();
    anew.verify()?;
    println!("verify  {:?}", began.elapsed());
    let other = build(
        &directory.path().join("other"),
        statements - statements / 100,
    )?;
    let began = Instant::now();
    let changes = diff(anew.into(), other.into())?.count();
    println!("diff    {changes} changes: {:?}", began.elapsed());
    println!("memory  {}", peak()?);
    Ok(())
}

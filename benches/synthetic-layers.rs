//! Fills a service's database with made-up layers, and its folder with made-up snapshots of Debian.
//!
//! ```text
//! synthetic-layers layers DATA_DIR FIRST END [POSTGRESQL SOURCE]
//! synthetic-layers snapshot DATA_DIR CHANGED
//! ```
//! `layers` adds the layers FIRST to END (both multiples of 4, END left out). Four are an image, each
//! built on the one before; each brings in 30 packages out of 5,000, some far more common than others,
//! in one of eight versions, beside or in place of those below. `snapshot` publishes 20,000 advisories
//! about them; the first CHANGED of them say another fix than with 0. The same arguments make the same.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a generator ends with a message or a panic"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use pellucid_model::{
    Advisory, Affected, NameKind, Namespace, Package, PackageKind, Severity, Status,
};
use pellucid_snapshot::{Builder, Catalog, FeedStatus, Meta};
use pellucid_store::{Added, Database, Feature, NewLayer, Store};

const PACKAGES: u64 = 5000;
const VERSIONS: u64 = 8;
const PER_LAYER: usize = 30;
/// Layers of an image.
const CHAIN: u64 = 4;
/// What the analysis of a layer of so many packages takes, compressed.
const ANALYSIS_BYTES: usize = 2000;
const ADVISORIES: u64 = 20_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["layers", folder, first, end, ref rest @ ..] => {
            let database = match rest.first() {
                Some(source) => Database::Postgres {
                    source: (*source).to_owned(),
                    max_connections: 8,
                },
                None => Database::Sqlite {
                    path: PathBuf::from(folder).join("pellucid.sqlite"),
                },
            };
            std::fs::create_dir_all(folder).unwrap();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let images = first.parse::<u64>().unwrap() / CHAIN..end.parse::<u64>().unwrap() / CHAIN;
            runtime.block_on(layers(&database, images));
        }
        ["snapshot", folder, changed] => snapshot(folder, changed.parse().unwrap()),
        _ => {
            eprintln!("usage: layers DATA_DIR FIRST END [SOURCE] | snapshot DATA_DIR CHANGED");
            std::process::exit(2);
        }
    }
}

/// A sequence of numbers that is the same every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A package; low numbers are common.
    fn package(&mut self) -> u64 {
        let share = (self.next() % 10_000) as f64 / 10_000.0;
        (share * share * share * PACKAGES as f64) as u64
    }
}

fn version(number: u64) -> String {
    format!("1.{number}-1")
}

async fn layers(database: &Database, images: Range<u64>) {
    let store = Store::open(database).await.unwrap();
    let namespace = Arc::new(pellucid_store::Namespace {
        name: "debian:12".to_owned(),
        version_format: "dpkg".to_owned(),
    });
    let mut writers = Vec::new();
    let parallel = 8;
    for writer in 0..parallel {
        let (store, namespace) = (store.clone(), Arc::clone(&namespace));
        let images = (images.start + writer..images.end).step_by(parallel as usize);
        writers.push(tokio::spawn(async move {
            for number in images {
                image(&store, &namespace, number).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Stores the layers of an image, lowest first.
async fn image(store: &Store, namespace: &Arc<pellucid_store::Namespace>, number: u64) {
    let mut parent = None;
    let mut visible: BTreeMap<u64, u64> = BTreeMap::new();
    for number in number * CHAIN..(number + 1) * CHAIN {
        let mut numbers = Numbers(number);
        let mut own = BTreeMap::new();
        while own.len() < PER_LAYER {
            let (package, version) = (numbers.package(), numbers.next() % VERSIONS);
            if visible.get(&package) != Some(&version) {
                own.insert(package, version);
            }
        }
        visible.append(&mut own);
        let features: Vec<Feature> = visible
            .iter()
            .map(|(package, number)| {
                let (name, version) = (format!("package{package}"), version(*number));
                Feature {
                    namespace: Arc::clone(namespace),
                    package: Package::new(PackageKind::Deb, &*name, &*version),
                    repositories: None,
                    name,
                    version,
                }
            })
            .collect();
        let analysis: Vec<u8> = std::iter::repeat_with(|| numbers.next().to_le_bytes())
            .flatten()
            .take(ANALYSIS_BYTES)
            .collect();
        let (name, digest) = (
            format!("{number:064x}"),
            format!("sha256:{:064x}", u128::from(number) << 64),
        );
        let layer = NewLayer {
            name: &name,
            parent,
            namespace: Some(namespace),
            engine_version: 3,
            digest: &digest,
            analysis_version: "synthetic",
            below: None,
            analysis: &analysis,
            features: &features,
        };
        match store.add_layer(layer).await.unwrap() {
            Added::Inserted(id) => parent = Some(id),
            Added::AlreadyThere => panic!("layer {number} is there already"),
        }
        // As the service does beside its requests.
        if number % 512 == 0 {
            store.index_layers().await.unwrap();
        }
    }
    store.index_layers().await.unwrap();
}

fn snapshot(folder: &str, changed: u64) {
    let catalog = Catalog::open(folder).unwrap();
    let meta = Meta {
        key: "debian".to_owned(),
        feed: "debian".to_owned(),
        as_of: None,
    };
    let path = catalog.building_path("debian").unwrap();
    let mut builder = Builder::create(path, meta).unwrap();
    for number in 0..ADVISORIES {
        let fixed = 1 + number % 4 + if number < changed { 3 } else { 0 };
        let mut advisory = Advisory::new(format!("CVE-2024-{number:05}"));
        advisory.severity = Severity::High;
        advisory.description = format!("flaw {number}");
        advisory.affected = vec![Affected {
            namespace: Namespace::from("debian:12"),
            package: format!("package{}", number % PACKAGES),
            name_kind: NameKind::Source,
            status: Status::Affected,
            ranges: vec![pellucid_version::Range::before(version(fixed))],
            versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: None,
            cpes: Vec::new(),
            note: None,
        }];
        builder.add(&advisory).unwrap();
    }
    let built = builder.finish().unwrap();
    // Later than whatever is there.
    let before = catalog.entry("debian").and_then(|entry| entry.current);
    let fetched_at = before.map_or(1, |before| before.fetched_at + 1);
    catalog
        .publish("debian", built, fetched_at, FeedStatus::default())
        .unwrap();
}

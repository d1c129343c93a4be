//! Two real snapshots of Debian's tracker, four months apart, over made layers of real packages: the
//! notifications are exactly what rescanning every layer with both gives.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pellucid_feeds::{AdvisorySink, FeedState, Fetched, IndexFile, Plan, feed_of};
use pellucid_matcher::{MatchOptions, Source, Sources, find};
use pellucid_model::{
    Advisory, FixState, Image, Inventory, Namespace, Package, PackageEntry, PackageKind, Severity,
};
use pellucid_server::Options;
use pellucid_snapshot::{Builder, Catalog, FeedStatus, Meta, Snapshot};
use pellucid_store::{Database, NotificationId, Store};
use pellucid_testkit::LayerBuilder;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::service::{Service, config};

/// Packages that layers are made of.
#[rustfmt::skip]
const PACKAGES: &[&str] = &[
    "apache2", "avahi", "bash", "bind9", "busybox", "curl", "dbus", "dnsmasq", "expat", "file",
    "freetype", "git", "glib2.0", "glibc", "gnutls28", "haproxy", "krb5", "libarchive", "libssh2",
    "libxml2", "nginx", "openssh", "openssl", "perl", "postgresql-15", "python3.11", "redis",
    "rsync", "sqlite3", "sudo", "systemd", "tar", "util-linux", "wget", "xz-utils", "zlib",
];
const LAYERS: usize = 50;

/// Debian's data of a day, of these packages alone; `None` without the folder.
fn tracker(day: &str) -> Option<BTreeMap<String, Box<RawValue>>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/feeds/debian/snapshots");
    let file = folder.join(day).join("tracker/data/json.xz");
    let packed = std::fs::read(file).ok()?;
    let mut json = Vec::new();
    liblzma::read::XzDecoder::new(&*packed)
        .read_to_end(&mut json)
        .unwrap();
    let mut all: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&json).unwrap();
    all.retain(|name, _| PACKAGES.contains(&name.as_str()));
    Some(all)
}

struct Sink(Builder);

impl AdvisorySink for Sink {
    fn advisory(&mut self, advisory: Advisory) {
        self.0.add(&advisory).unwrap();
    }
    fn bad_record(&mut self, _id: &str, _reason: &str) {}
    fn left_out(&mut self, _id: &str, _reason: &'static str) {}
    fn built_from(&mut self, _namespace: &Namespace, _binary: &str, _source: &str) {}
}

/// Publishes a tracker's data in a folder as the command line would.
fn publish(folder: &Path, data: &BTreeMap<String, Box<RawValue>>, at: i64) -> Arc<Snapshot> {
    let feed = feed_of("debian").unwrap();
    let Ok(Plan::Index(lists)) = feed.plan("debian", &FeedState::default()) else {
        panic!("Debian's feed has no index any more");
    };
    let empty = |request| IndexFile {
        request,
        body: Vec::new(),
    };
    let indexes: Vec<_> = lists.into_iter().map(empty).collect();
    let state = FeedState {
        mark: None,
        indexes: &indexes,
    };
    let Ok(Plan::Advisories { requests, .. }) = feed.plan("debian", &state) else {
        panic!("Debian's feed has a second index now");
    };
    let catalog = Catalog::open(folder).unwrap();
    let meta = Meta {
        key: "debian".to_owned(),
        feed: "debian".to_owned(),
        as_of: Some(at),
    };
    let path = catalog.building_path("debian").unwrap();
    let mut sink = Sink(Builder::create(path, meta).unwrap());
    let body = serde_json::to_vec(data).unwrap();
    let file = Fetched {
        indexes: &[],
        key: "debian",
        request: &requests[0],
        member: None,
        body: &body,
    };
    feed.parse(&file, &mut sink).unwrap();
    let built = sink.0.finish().unwrap();
    let status = FeedStatus::default();
    catalog.publish("debian", built, at, status).unwrap()
}

/// Versions of a package around which answers change: those that a release says fix something, on
/// either day, and one a little older than each.
fn versions(
    data: &[&BTreeMap<String, Box<RawValue>>],
    package: &str,
    release: &str,
) -> Vec<String> {
    let mut found = BTreeSet::new();
    for data in data {
        let Some(records) = data.get(package) else {
            continue;
        };
        let records: BTreeMap<String, Value> = serde_json::from_str(records.get()).unwrap();
        for record in records.values() {
            if let Some(fixed) = record["releases"][release]["fixed_version"].as_str()
                && fixed != "0"
            {
                found.extend([fixed.to_owned(), format!("{fixed}~")]);
            }
        }
    }
    found.into_iter().collect()
}

/// Numbers that are the same every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn layer(release: &str, packages: &BTreeMap<String, String>) -> LayerBuilder {
    let status: String = packages
        .iter()
        .map(|(name, version)| {
            format!("Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n")
        })
        .collect();
    LayerBuilder::new()
        .file(
            "etc/os-release",
            format!("ID=debian\nVERSION_ID=\"{release}\"\n"),
        )
        .file("var/lib/dpkg/status", status)
}

/// A package that a layer brings in: namespace, name, version.
type Own = (String, String, String);
/// What is said of a package in a layer: by layer, package, version and vulnerability.
type Said =
    BTreeMap<(String, String, String, String, String), (Severity, Option<String>, FixState)>;

/// Scans the packages of every layer with a snapshot. Keys: namespace, vulnerability, layer, package,
/// version.
fn scan(layers: &[(String, Vec<Own>)], snapshot: &Arc<Snapshot>) -> Said {
    let mut said = Said::new();
    for (layer, features) in layers {
        let packages: Vec<PackageEntry> = features
            .iter()
            .map(|(namespace, name, version)| PackageEntry {
                namespace: Some(Namespace::new(namespace.as_str())),
                package: Package::new(PackageKind::Deb, name.as_str(), version.as_str()),
                locations: Vec::new(),
                hidden: false,
                owner: None,
                detector: String::new(),
            })
            .collect();
        let mut sources = Sources::new();
        for namespace in features
            .iter()
            .map(|it| it.0.as_str())
            .collect::<BTreeSet<_>>()
        {
            let source = Source {
                snapshot: Arc::clone(snapshot),
                namespace: Namespace::new(namespace),
                fetched_at: 0,
            };
            sources.add(Namespace::new(namespace), source);
        }
        let inventory = Inventory {
            image: Image {
                reference: String::new(),
                id: None,
                digest: None,
                tags: Vec::new(),
                platform: None,
                created: None,
                cpe: None,
                layers: Vec::new(),
            },
            distributions: Vec::new(),
            packages,
            repositories: None,
            warnings: Vec::new(),
        };
        let options = MatchOptions {
            hidden: false,
            undetermined: false,
            today: 0,
        };
        for finding in find(&inventory, &sources, &options).unwrap().findings {
            let (namespace, name, version) = features[finding.package].clone();
            said.insert(
                (namespace, finding.id, layer.clone(), name, version),
                (finding.severity, finding.fixed_version, finding.fix_state),
            );
        }
    }
    said
}

type Told = BTreeMap<(String, String), [BTreeSet<String>; 2]>;

/// What must be told: every vulnerability of which anything is said differently, with the layers on
/// either side.
fn expected(before: &Said, after: &Said) -> Told {
    let differs = before
        .iter()
        .filter(|(key, said)| after.get(*key) != Some(said))
        .chain(after.iter().filter(|(key, _)| !before.contains_key(*key)));
    let mut told: Told = differs
        .map(|((namespace, id, ..), _)| ((namespace.clone(), id.clone()), Default::default()))
        .collect();
    for (side, said) in [before, after].into_iter().enumerate() {
        for (namespace, id, layer, ..) in said.keys() {
            if let Some(sides) = told.get_mut(&(namespace.clone(), id.clone())) {
                sides[side].insert(layer.clone());
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_what_rescanning_every_layer_gives() {
    let (Some(older), Some(newer)) = (tracker("2024-10-17"), tracker("2025-02-12")) else {
        println!("skipped: no snapshots of Debian at ../shared/feeds");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let old = publish(folder.path(), &older, 1_729_000_000);
    let service = Service::within(folder, config(), Options::default()).await;

    let mut numbers = Numbers(20_241_017);
    let mut made: Vec<(String, usize, BTreeMap<String, String>)> = Vec::new();
    let releases = [("11", "bullseye"), ("12", "bookworm"), ("13", "trixie")];
    let mut known = BTreeMap::new();
    for number in 0..LAYERS {
        // Every third stands on an earlier one, and brings other versions and packages in.
        let parent = (number % 3 == 2).then(|| numbers.below(made.len()));
        let (release, mut packages) = match parent {
            Some(parent) => (made[parent].1, made[parent].2.clone()),
            None => (numbers.below(releases.len()), BTreeMap::new()),
        };
        let (shown, code) = releases[release];
        for _ in 0..12 {
            let package = PACKAGES[numbers.below(PACKAGES.len())];
            let choices = known
                .entry((package, code))
                .or_insert_with(|| versions(&[&older, &newer], package, code));
            if !choices.is_empty() {
                let version = choices[numbers.below(choices.len())].clone();
                packages.insert(package.to_owned(), version);
            }
        }
        let path = service.layer(&format!("{number}.tar"), layer(shown, &packages));
        let parent = parent.map_or_else(String::new, |parent| made[parent].0.clone());
        let name = format!("layer{number}");
        assert_eq!(service.post_layer(&name, &path, &parent).await.status, 201);
        made.push((name, release, packages));
    }
    // What each layer brings in itself.
    let mut layers = Vec::new();
    for (name, ..) in &made {
        let json = service
            .get(&format!("/v1/layers/{name}?features"))
            .await
            .json();
        let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
        let features = json["Layer"]["Features"].as_array().cloned();
        let own = features.unwrap_or_default();
        let own = own.iter().filter(|it| it["AddedBy"] == name.as_str());
        let own = own.map(|it| {
            (
                text(it, "NamespaceName"),
                text(it, "Name"),
                text(it, "Version"),
            )
        });
        layers.push((name.clone(), own.collect::<Vec<_>>()));
    }
    let count: usize = layers.iter().map(|(_, own)| own.len()).sum();
    assert!(count > 300, "only {count} packages");

    let new = publish(service.folder.path(), &newer, 1_739_000_000);
    let path: PathBuf = service.folder.path().join("pellucid.sqlite");
    let store = Store::open(&Database::Sqlite { path }).await.unwrap();
    let published = async {
        loop {
            let row = store.snapshot("debian").await.unwrap();
            if row.is_some_and(|row| row.digest == Some(new.digest().to_string())) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), published)
        .await
        .unwrap();

    let mut told = Told::new();
    for one in store
        .notifications(NotificationId(0), 100_000)
        .await
        .unwrap()
    {
        let mut sides = [BTreeSet::new(), BTreeSet::new()];
        let mut page = String::new();
        loop {
            let target = format!("/v1/notifications/{}?limit=12{page}", one.name);
            let json = service.get(&target).await.json();
            for (side, layers) in ["Old", "New"].iter().zip(&mut sides) {
                let list = &json["Notification"][side]["LayersIntroducingVulnerability"];
                for layer in list.as_array().into_iter().flatten() {
                    assert!(
                        layers.insert(layer.as_str().unwrap().to_owned()),
                        "twice on pages"
                    );
                }
            }
            match json["Notification"]["NextPage"].as_str() {
                Some(next) => page = format!("&page={next}"),
                None => break,
            }
        }
        let subject = (one.namespace, one.vulnerability);
        assert!(told.insert(subject, sides).is_none(), "told twice");
    }
    let expected = expected(&scan(&layers, &old), &scan(&layers, &new));
    println!(
        "{} notifications about {count} packages of {LAYERS} layers",
        told.len()
    );
    assert!(expected.len() > 50, "only {} changes", expected.len());
    let wrong: Vec<_> = expected
        .keys()
        .chain(told.keys())
        .filter(|key| told.get(*key) != expected.get(*key))
        .map(|key| (key, told.get(key), expected.get(key)))
        .collect();
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    service.server.stop();
    service.server.ended().await.unwrap();
}

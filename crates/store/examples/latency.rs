//! How long the store takes, in microseconds: `latency sqlite FILE` or `latency postgres SOURCE`.
//!
//! Layers of 400 feature versions each, in chains of five; stored only where the database is new.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pellucid_model::{Package, PackageKind};
use pellucid_store::{Added, Database, Feature, LayerId, Namespace, NewLayer, Store};

const LAYERS: usize = 200;
const READS: usize = 20_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let database = match arguments.as_slice() {
        [engine, path] if engine == "sqlite" => Database::Sqlite { path: path.into() },
        [_, source] => Database::Postgres {
            source: source.clone(),
            max_connections: 16,
        },
        _ => return println!("latency sqlite FILE | latency postgres SOURCE"),
    };
    let store = Store::open(&database).await.unwrap();
    let namespace = Arc::new(Namespace {
        name: "debian:12".into(),
        version_format: "dpkg".into(),
    });
    let analysis = vec![7_u8; 60_000];
    let mut parent: Option<LayerId> = None;
    let mut adding = Vec::new();
    for number in 0..LAYERS {
        if number % 5 == 0 {
            parent = None;
        }
        let features: Vec<Feature> = (0..400)
            .map(|at| {
                let (name, version) = (
                    format!("package-{at}"),
                    format!("1.{}", number / 5 * at % 977),
                );
                let package = Package::new(PackageKind::Deb, &name, &version);
                Feature {
                    namespace: Arc::clone(&namespace),
                    name,
                    version,
                    package,
                    repositories: None,
                }
            })
            .collect();
        let name = format!("layer-{number}");
        let started = Instant::now();
        let added = store
            .add_layer(NewLayer {
                name: &name,
                parent,
                namespace: Some(&namespace),
                engine_version: 3,
                digest: &name,
                analysis_version: "1",
                below: None,
                analysis: &analysis,
                features: &features,
            })
            .await
            .unwrap();
        adding.push(started.elapsed());
        let Added::Inserted(id) = added else {
            break;
        };
        parent = Some(id);
    }
    if !adding.is_empty() {
        say("add_layer, 400 features", adding);
    }

    let names: Vec<String> = (0..READS)
        .map(|at| format!("layer-{}", at * 7 % LAYERS))
        .collect();
    let mut reading = Vec::with_capacity(READS);
    for name in &names {
        let started = Instant::now();
        store.layer(name).await.unwrap().unwrap();
        reading.push(started.elapsed());
    }
    say("layer", reading);
    let mut reading = Vec::with_capacity(READS);
    for name in &names {
        let started = Instant::now();
        let view = store.layer(name).await.unwrap().unwrap();
        store.features_of(&view).await.unwrap();
        reading.push(started.elapsed());
    }
    say("layer and features_of", reading);
    let mut reading = Vec::with_capacity(READS);
    for name in names.iter().take(2000) {
        let started = Instant::now();
        store.chain(name).await.unwrap();
        reading.push(started.elapsed());
    }
    say("chain", reading);

    let started = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..16 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for at in 0..READS / 16 {
                store
                    .layer(&format!("layer-{}", (at + task) % LAYERS))
                    .await
                    .unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let rate = READS as f64 / started.elapsed().as_secs_f64();
    println!("{:<28} {rate:>10.0}/s", "layer, 16 tasks");
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| {
        times
            .get(times.len().saturating_sub(1) * part / 100)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    println!(
        "{what:<28} p50 {:>8.1}  p95 {:>8.1}  p99 {:>8.1}",
        at(50),
        at(95),
        at(99)
    );
}

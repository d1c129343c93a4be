//! kill -9 in the middle of writing: what was acknowledged is there, whole.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pellucid_store::{Database, Feature, Store, StoreError};

use crate::fixture::{add, feature, shown};

const DIRECTORY: &str = "PELLUCID_STORE_CRASH";

fn features(number: usize) -> Vec<Feature> {
    (0..50)
        .map(|at| feature(&format!("f{at}"), &format!("{}", number.min(at))))
        .collect()
}

/// The process that is killed: a test that does nothing unless it was asked to.
#[tokio::test]
async fn crash_child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let path = PathBuf::from(directory).join("store.sqlite");
    let store = Store::open(&Database::Sqlite { path }).await.unwrap();
    let mut parent = None;
    let mut number = 0;
    while store.layer(&number.to_string()).await.unwrap().is_some() {
        number += 1;
    }
    loop {
        let id = add(&store, &number.to_string(), parent, &features(number)).await;
        println!("stored {number}");
        parent = Some(id);
        number += 1;
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let mut acknowledged = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::crash_child", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // A different number of layers each time; the next one is on its way when it dies.
        for line in lines.by_ref() {
            let line = line.unwrap();
            let Some((_, number)) = line.split_once("stored ") else {
                continue;
            };
            acknowledged = number.parse::<usize>().unwrap() + 1;
            seen += 1;
            if seen == 1 + round * 3 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Acknowledged before the blow, read after it.
        for line in lines {
            if let Some((_, number)) = line.unwrap().split_once("stored ") {
                acknowledged = number.parse::<usize>().unwrap() + 1;
            }
        }

        let store = Store::open(&Database::Sqlite { path: path.clone() })
            .await
            .unwrap();
        for number in 0..acknowledged {
            assert_eq!(
                shown(&store, &number.to_string()).await.len(),
                50,
                "layer {number}"
            );
        }
        // At most the one in flight besides, and whole.
        let next = acknowledged.to_string();
        if store.layer(&next).await.unwrap().is_some() {
            assert_eq!(shown(&store, &next).await.len(), 50);
        }
        assert!(
            store
                .layer(&(acknowledged + 1).to_string())
                .await
                .unwrap()
                .is_none()
        );
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    let check: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let database = Database::Sqlite { path: path.clone() };
    drop(Store::open(&database).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let newer = "INSERT INTO schema_version (version, name, applied_at) VALUES (999, 'x', 0)";
    connection.execute_batch(newer).unwrap();
    let opened = Store::open(&database).await.err().unwrap();
    assert!(
        matches!(opened, StoreError::NewerSchema { found: 999, .. }),
        "{opened}"
    );
    let nowhere = Database::Sqlite {
        path: directory.path().join("no/such/folder"),
    };
    assert!(Store::open(&nowhere).await.err().unwrap().is_retryable());
}

//! Stores to test on, and layers to put into them.

use std::path::PathBuf;
use std::sync::Arc;

use pellucid_model::{Package, PackageKind};
use pellucid_store::{Added, Database, Feature, LayerId, Namespace, NewLayer, Store};

/// A database of its own for one case.
pub(crate) struct Fixture {
    pub(crate) database: Database,
    pub(crate) store: Store,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        // In memory where there is such a folder: the cases are about answers, and wait for no disk.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = directory.unwrap();
        let path: PathBuf = directory.path().join("store.sqlite");
        Self::on(Database::Sqlite { path }, Some(directory)).await
    }

    pub(crate) async fn on(database: Database, directory: Option<tempfile::TempDir>) -> Self {
        // Three replicas race to migrate it.
        let open = || Store::open(&database);
        let (store, ..) = tokio::try_join!(open(), open(), open()).unwrap();
        Self {
            database,
            store,
            _directory: directory,
        }
    }

    /// The same database, opened by another replica.
    pub(crate) async fn replica(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }
}

pub(crate) fn debian() -> Arc<Namespace> {
    namespace("debian:12", "dpkg")
}

pub(crate) fn namespace(name: &str, format: &str) -> Arc<Namespace> {
    Arc::new(Namespace {
        name: name.to_owned(),
        version_format: format.to_owned(),
    })
}

/// A Debian package whose source has the same name and version.
pub(crate) fn feature(name: &str, version: &str) -> Feature {
    Feature {
        namespace: debian(),
        name: name.to_owned(),
        version: version.to_owned(),
        package: Package::new(PackageKind::Deb, name, version),
        repositories: None,
    }
}

/// A layer of these features, with bytes of its own.
pub(crate) fn layer<'a>(
    name: &'a str,
    parent: Option<LayerId>,
    namespace: Option<&'a Namespace>,
    features: &'a [Feature],
) -> NewLayer<'a> {
    NewLayer {
        name,
        parent,
        namespace,
        engine_version: 3,
        digest: name,
        analysis_version: "1",
        below: None,
        analysis: name.as_bytes(),
        features,
    }
}

pub(crate) async fn add(
    store: &Store,
    name: &str,
    parent: Option<LayerId>,
    features: &[Feature],
) -> LayerId {
    match store
        .add_layer(layer(name, parent, Some(&debian()), features))
        .await
        .unwrap()
    {
        Added::Inserted(id) => id,
        Added::AlreadyThere => panic!("{name} was there"),
    }
}

/// What a layer shows: `name version added-by`.
pub(crate) async fn shown(store: &Store, name: &str) -> Vec<String> {
    let view = store.layer(name).await.unwrap().unwrap();
    let mut shown: Vec<String> = store
        .features_of(&view)
        .await
        .unwrap()
        .into_iter()
        .map(|feature| {
            format!(
                "{} {} {}",
                feature.feature.name, feature.feature.version, feature.added_by
            )
        })
        .collect();
    shown.sort();
    shown
}

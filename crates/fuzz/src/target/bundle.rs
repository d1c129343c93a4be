//! A bundle of snapshots, which may come from another machine.

use pellucid_snapshot::bundle::{self, SigningKey};
use pellucid_snapshot::{Built, Catalog, FeedStatus, Snapshot};
use sha2::Digest as _;

/// Takes it over into an empty catalog, signature or not. What is in use afterwards is whole.
pub(crate) fn run(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let Ok(catalog) = Catalog::open(folder.path()) else {
        return;
    };
    let imported = bundle::import(&catalog, data, None, false);
    for (bundled, _) in imported.into_iter().flatten() {
        assert!(
            catalog.verify(&bundled.key).is_ok(),
            "{} is not what the bundle says",
            bundled.key
        );
    }
}

/// Bundles of what [`super::snapshot`] begins with, one signed.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let snapshots = super::snapshot::seeds();
    let first = snapshots.first().map(std::slice::from_ref);
    // RFC 8410's example of a private key.
    let key = hex::decode(
        "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
    );
    let key = key.ok().and_then(|der| SigningKey::from_der(&der).ok());
    let whole = exported(&snapshots, None);
    let signed = exported(first.unwrap_or_default(), key.as_ref());
    whole.into_iter().chain(signed).collect()
}

fn exported(snapshots: &[Vec<u8>], key: Option<&SigningKey>) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().ok()?;
    let catalog = Catalog::open(folder.path()).ok()?;
    let mut keys = Vec::new();
    for bytes in snapshots {
        let path = catalog.building_path("seed").ok()?;
        std::fs::write(&path, bytes).ok()?;
        let digest = pellucid_model::Digest::Sha256(sha2::Sha256::digest(bytes).into());
        let snapshot = Snapshot::open(&path, digest).ok()?;
        let meta = snapshot.meta().clone();
        let built = Built {
            path,
            digest,
            bytes: bytes.len() as u64,
            advisories: snapshot.advisories(),
            affected: snapshot.namespaces().iter().map(|one| one.affected).sum(),
            namespaces: snapshot.namespaces().to_vec(),
            meta,
        };
        let key = built.meta.key.clone();
        catalog
            .publish(&key, built, 1_700_000_000, FeedStatus::default())
            .ok()?;
        keys.push(key);
    }
    let mut out = Vec::new();
    bundle::export(&catalog, &keys, key, &mut out).ok()?;
    Some(out)
}

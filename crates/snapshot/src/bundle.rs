//! Snapshots in one file, to carry them where no network is.
//!
//! ```text
//! bundle.json            format, and of each snapshot: key, digest, size, dates
//! bundle.json.sig        64 bytes of Ed25519 over bundle.json; only in signed bundles
//! <sha256>.snapshot      the files, in the order of the list
//! ```
//! A tar archive, not compressed, as snapshots are. The signature is checked before anything else of
//! the bundle is believed, the digests in the signed list then vouch for the files. Everything is
//! copied and read through before the first key changes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pellucid_model::Digest;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::digest::digest_of;
use crate::{Built, Catalog, FeedStatus, Snapshot, SnapshotError};

/// Version of the bundle.
const FORMAT: u32 = 1;
const LIST: &str = "bundle.json";
const SIGNATURE: &str = "bundle.json.sig";
/// The largest list that is read, in bytes.
const MAX_LIST: u64 = 16 << 20;
/// The largest snapshot that is read, in bytes.
const MAX_SNAPSHOT: u64 = 16 << 30;
const SIGNATURE_BYTES: u64 = 64;

/// Why a bundle was not written or taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A snapshot or the catalog could not be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The bundle could not be read or written.
    #[error("cannot read or write the bundle")]
    Io(#[from] io::Error),
    /// It is no bundle, or is cut short.
    #[error("this is no bundle of snapshots: {0}")]
    Malformed(String),
    /// Another version of the format.
    #[error("the bundle has format {0}, this pellucid reads format {FORMAT}")]
    Format(u32),
    /// A key was given, and the bundle carries no signature.
    #[error("the bundle is not signed")]
    Unsigned,
    /// The signature was not made with the key over this list.
    #[error("the signature of the bundle is not of this key")]
    Signature,
    /// A file of a key is no key.
    #[error("{0}")]
    Key(&'static str),
}

/// A snapshot in a bundle.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bundled {
    /// Its key.
    pub key: String,
    /// Digest of the file.
    pub digest: Digest,
    /// Size of the file.
    pub bytes: u64,
    /// The date of the data, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<i64>,
    /// When it was fetched, in seconds since the epoch.
    pub fetched_at: i64,
    /// When upstream was last asked for news, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct List {
    format: u32,
    snapshots: Vec<Bundled>,
}

/// What became of a snapshot of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imported {
    /// It is in use now.
    Published,
    /// It was in use already.
    Unchanged,
    /// What is here was fetched later, and stays.
    Older,
}

/// A private key to sign with.
pub struct SigningKey(Ed25519KeyPair);

/// A public key to check with.
pub struct VerifyingKey([u8; 32]);

impl SigningKey {
    /// Reads a PKCS #8 key, as `openssl genpkey -algorithm ed25519 -outform DER` writes it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(der: &[u8]) -> Result<Self, BundleError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Self)
            .map_err(|_| BundleError::Key("not a private Ed25519 key in PKCS #8"))
    }
}

impl VerifyingKey {
    /// Reads a public key, as `openssl pkey -pubout -outform DER` writes it.
    ///
    /// # Errors
    /// It is none.
    pub fn from_der(der: &[u8]) -> Result<Self, BundleError> {
        // RFC 8410: the algorithm's identifier and a bit string of 32 bytes.
        const HEAD: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        der.strip_prefix(HEAD)
            .and_then(|key| key.try_into().ok())
            .map(Self)
            .ok_or(BundleError::Key("not a public Ed25519 key"))
    }
}

/// Writes the current snapshots of these keys. Gives what was written, in order.
///
/// # Errors
/// A key has no snapshot, a file is damaged, or the bundle cannot be written.
pub fn export(
    catalog: &Catalog,
    keys: &[String],
    sign: Option<&SigningKey>,
    out: &mut dyn Write,
) -> Result<Vec<Bundled>, BundleError> {
    let mut snapshots = Vec::new();
    let mut paths = Vec::new();
    for key in keys {
        let missing = || SnapshotError::Missing {
            what: "snapshot",
            key: key.clone(),
        };
        let snapshot = catalog.current(key)?.ok_or_else(missing)?;
        let reference = catalog.reference(key).ok_or_else(missing)?;
        // A damaged file is found here, not where it is carried to.
        let (digest, bytes) = digest_of(snapshot.path())?;
        if digest != reference.digest {
            return Err(BundleError::Snapshot(SnapshotError::Digest {
                path: snapshot.path().to_owned(),
                found: Box::new(digest),
                expected: Box::new(reference.digest),
            }));
        }
        snapshots.push(Bundled {
            key: key.clone(),
            digest,
            bytes,
            as_of: reference.as_of,
            fetched_at: reference.fetched_at,
            checked_at: catalog.status(key).last_checked,
        });
        paths.push(snapshot.path().to_owned());
    }
    let list = List {
        format: FORMAT,
        snapshots,
    };
    let json = serde_json::to_vec_pretty(&list).map_err(io::Error::from)?;
    let mut archive = tar::Builder::new(out);
    append(&mut archive, LIST, json.len() as u64, &mut json.as_slice())?;
    if let Some(SigningKey(key)) = sign {
        let signature = key.sign(&json);
        append(
            &mut archive,
            SIGNATURE,
            SIGNATURE_BYTES,
            &mut signature.as_ref(),
        )?;
    }
    let mut written = BTreeSet::new();
    for (bundled, path) in list.snapshots.iter().zip(&paths) {
        if written.insert(bundled.digest) {
            let mut file = File::open(path)?;
            append(&mut archive, &file_name(bundled), bundled.bytes, &mut file)?;
        }
    }
    archive.finish()?;
    Ok(list.snapshots)
}

fn file_name(bundled: &Bundled) -> String {
    format!("{}.snapshot", bundled.digest.hex())
}

/// Equal snapshots make equal bundles: no times, owners or modes of this machine.
fn append(
    archive: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    bytes: u64,
    body: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    archive.append_data(&mut header, name, body.take(bytes))
}

/// Takes over the snapshots of a bundle that are newer than what is here, or with `older` all.
///
/// With a key nothing of a bundle without its signature is read. Holds the catalog's update lock.
///
/// # Errors
/// The bundle is damaged, of another format, or not signed with the key; another process is
/// updating. Nothing is in use then that was not before, unless the catalog itself cannot be written.
pub fn import(
    catalog: &Catalog,
    bundle: impl Read,
    key: Option<&VerifyingKey>,
    older: bool,
) -> Result<Vec<(Bundled, Imported)>, BundleError> {
    let _lock = catalog.lock_updates()?;
    catalog.reload()?;
    let mut archive = tar::Archive::new(bundle);
    let mut members = archive.entries()?;
    let mut next = || -> Result<Option<(String, u64, tar::Entry<'_, _>)>, BundleError> {
        let Some(member) = members.next() else {
            return Ok(None);
        };
        let member = member?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let bytes = member.size();
        Ok(Some((name, bytes, member)))
    };
    let malformed = |what: &str| BundleError::Malformed(what.to_owned());
    let json = match next()? {
        Some((name, bytes, member)) if name == LIST && bytes <= MAX_LIST => whole(member, bytes)?,
        _ => return Err(malformed("it does not begin with its list")),
    };
    let mut member = next()?;
    let signature = match member {
        Some((name, bytes, member_of)) if name == SIGNATURE && bytes == SIGNATURE_BYTES => {
            let signature = whole(member_of, bytes)?;
            member = next()?;
            Some(signature)
        }
        other => {
            member = other;
            None
        }
    };
    if let Some(VerifyingKey(key)) = key {
        let signature = signature.ok_or(BundleError::Unsigned)?;
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&json, &signature)
            .map_err(|_| BundleError::Signature)?;
    }
    let list: List =
        serde_json::from_slice(&json).map_err(|error| malformed(&error.to_string()))?;
    if list.format != FORMAT {
        return Err(BundleError::Format(list.format));
    }
    let mut staged = Staged::default();
    for bundled in &list.snapshots {
        if staged.has(&bundled.digest) {
            continue;
        }
        let (name, bytes, body) = member
            .take()
            .ok_or_else(|| malformed(&format!("the file of {} is missing", bundled.key)))?;
        if name != file_name(bundled) || bytes != bundled.bytes || bytes > MAX_SNAPSHOT {
            let what = format!("{name:?} stands where the file of {} belongs", bundled.key);
            return Err(BundleError::Malformed(what.chars().take(300).collect()));
        }
        staged.add(catalog, bundled, body)?;
        member = next()?;
    }
    let mut imported = Vec::new();
    for bundled in list.snapshots {
        let became = staged.publish(catalog, &bundled, older)?;
        imported.push((bundled, became));
    }
    Ok(imported)
}

fn whole(member: impl Read, bytes: u64) -> Result<Vec<u8>, BundleError> {
    let mut body = Vec::new();
    member.take(bytes).read_to_end(&mut body)?;
    if body.len() as u64 != bytes {
        return Err(BundleError::Malformed("it is cut short".to_owned()));
    }
    Ok(body)
}

/// Files of a bundle beside those in use; what is not published is removed.
#[derive(Default)]
struct Staged {
    files: Vec<(Digest, PathBuf)>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (_, path) in &self.files {
            // Best effort: a prune sweeps what stays.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Staged {
    fn has(&self, digest: &Digest) -> bool {
        self.files.iter().any(|(known, _)| known == digest)
    }

    /// Copies a file and reads all of it: it comes from outside.
    fn add(
        &mut self,
        catalog: &Catalog,
        bundled: &Bundled,
        body: impl Read,
    ) -> Result<(), BundleError> {
        let path = catalog.building_path(&bundled.key)?;
        self.files.push((bundled.digest, path.clone()));
        let mut file = File::create(&path)?;
        let copied = io::copy(&mut body.take(bundled.bytes), &mut file)?;
        if copied != bundled.bytes {
            return Err(BundleError::Malformed("it is cut short".to_owned()));
        }
        let snapshot = Snapshot::open(&path, bundled.digest)?;
        snapshot.verify()?;
        if snapshot.meta().key != bundled.key {
            let what = format!("the file of {} is of another key", bundled.key);
            return Err(BundleError::Malformed(what));
        }
        Ok(())
    }

    fn publish(
        &self,
        catalog: &Catalog,
        bundled: &Bundled,
        older: bool,
    ) -> Result<Imported, BundleError> {
        let current = catalog.entry(&bundled.key).and_then(|entry| entry.current);
        match &current {
            Some(here) if here.digest == bundled.digest => return Ok(Imported::Unchanged),
            Some(here) if here.fetched_at > bundled.fetched_at && !older => {
                return Ok(Imported::Older);
            }
            _ => {}
        }
        let path = self
            .files
            .iter()
            .find(|(digest, _)| *digest == bundled.digest)
            .map(|(_, path)| path.as_path())
            .unwrap_or(Path::new(""));
        let snapshot = Snapshot::open(path, bundled.digest)?;
        let built = Built {
            path: path.to_owned(),
            meta: snapshot.meta().clone(),
            digest: bundled.digest,
            bytes: bundled.bytes,
            advisories: snapshot.advisories(),
            affected: snapshot.namespaces().iter().map(|one| one.affected).sum(),
            namespaces: snapshot.namespaces().to_vec(),
        };
        drop(snapshot);
        let status = FeedStatus {
            last_checked: bundled.checked_at.or(Some(bundled.fetched_at)),
            ..FeedStatus::default()
        };
        catalog.publish(&bundled.key, built, bundled.fetched_at, status)?;
        Ok(Imported::Published)
    }
}

//! containerd's content store, without containerd: `containerd:DIR[#[NAMESPACE/]IMAGE]`.
//!
//! `io.containerd.metadata.v1.bolt/meta.db` says which images each namespace has, and the digest each
//! leads to; the content store beside it holds indexes, manifests, configurations and layers by their
//! digests, as an OCI layout does. Docker keeps its images so from version 29 on, below
//! `/var/lib/docker/containerd/daemon`.
//!
//! Not here: snapshots, and so containers. A layer that containerd threw away after unpacking it is
//! missing, and that is an error.

mod bolt;

use std::collections::BTreeMap;

use pellucid_model::Digest;

use crate::document::Descriptor;
use crate::reference::names;
use crate::region::Region;
use crate::source::{Asked, Found, Opened, Source, oci_layout};
use crate::{ImageError, OpenOptions};
use bolt::{Bolt, Value};

/// The `containerd:` source.
pub(crate) struct Containerd;

const METADATA: &str = "io.containerd.metadata.v1.bolt/meta.db";
const CONTENT: &str = "io.containerd.content.v1.content";

/// Images by namespace and name.
type Images = BTreeMap<(String, String), Descriptor>;

impl Source for Containerd {
    fn name(&self) -> &'static str {
        "containerd"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Folder(_)) && found.has(METADATA)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        let (name, entry, found) = chosen(&asked)?;
        let asked = Asked { found, ..asked };
        let mut opened = oci_layout::open_entry(&asked, entry)?;
        self.named(&name, &asked, &mut opened);
        Ok(opened)
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        let (name, entry, found) = chosen(&asked)?;
        let asked = Asked { found, ..asked };
        let mut images = oci_layout::open_entries(&asked, entry)?;
        for opened in &mut images {
            self.named(&name, &asked, opened);
        }
        Ok(images)
    }
}

impl Containerd {
    fn named(&self, name: &str, asked: &Asked<'_>, opened: &mut Opened) {
        let path = asked.reference.path.display();
        opened.image.reference = format!("{}:{path}#{name}", self.name());
        opened.image.tags = vec![name.to_owned()];
    }
}

/// The image that is asked for, and where its content is.
fn chosen(asked: &Asked<'_>) -> Result<(String, Descriptor, Found), ImageError> {
    let path = || asked.reference.path.clone();
    let none = |reason: &str| ImageError::NotAnImage {
        path: path(),
        reason: reason.to_owned(),
    };
    let Found::Folder(folder) = &asked.found else {
        return Err(none("not a directory"));
    };
    let unreadable = |name: &str, source| ImageError::Read {
        path: path().join(name),
        source,
    };
    let metadata = folder.file(METADATA.as_bytes()).and_then(Region::whole);
    let metadata = metadata.map_err(|error| unreadable(METADATA, error))?;
    let images = images(&metadata).map_err(|reason| ImageError::Document {
        document: path().join(METADATA).display().to_string(),
        reason: reason.to_owned(),
    })?;
    let listed = |images: &Images| {
        let all = images.keys().map(|(space, name)| format!("{space}/{name}"));
        all.take(50).collect()
    };
    let mut found: Images = match asked.reference.image.as_deref() {
        None => images.clone(),
        Some(wanted) => images
            .iter()
            .filter(|((space, name), entry)| {
                let own = wanted
                    .strip_prefix(space.as_str())
                    .and_then(|rest| rest.strip_prefix('/'));
                names(name, wanted)
                    || own.is_some_and(|own| names(name, own))
                    || entry.digest.to_string() == wanted
            })
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect(),
    };
    // One image under several names is one.
    let mut digests: Vec<Digest> = found.values().map(|entry| entry.digest).collect();
    digests.sort();
    digests.dedup();
    match (digests.len(), &asked.reference.image) {
        (1, _) => {}
        (0, Some(wanted)) => {
            return Err(ImageError::NoSuchImage {
                path: path(),
                wanted: wanted.clone(),
                available: listed(&images),
            });
        }
        (0, None) => return Err(none("it holds no image")),
        _ => {
            return Err(ImageError::SeveralImages {
                path: path(),
                available: listed(&found),
            });
        }
    }
    let content = folder.below(CONTENT.as_bytes());
    let content = content.map_err(|error| unreadable(CONTENT, error))?;
    match found.pop_first() {
        Some(((_, name), entry)) => Ok((name, entry, Found::Folder(content))),
        None => Err(none("it holds no image")),
    }
}

/// Everything below `v1/NAMESPACE/images/NAME/target`.
fn images(metadata: &Region) -> Result<Images, &'static str> {
    let bolt = Bolt::open(metadata)?;
    let mut images = Images::new();
    let Some(version) = bolt.bucket(&bolt.root(), b"v1")? else {
        return Ok(images);
    };
    for space in bolt.pairs(&version)? {
        let Value::Bucket(bucket) = space.value else {
            continue;
        };
        let Some(named) = bolt.bucket(&bucket, b"images")? else {
            continue;
        };
        for image in bolt.pairs(&named)? {
            let Value::Bucket(bucket) = image.value else {
                continue;
            };
            let Some(target) = bolt.bucket(&bucket, b"target")? else {
                continue;
            };
            let mut entry: (Option<Digest>, Option<u64>, Option<String>) = (None, None, None);
            for pair in bolt.pairs(&target)? {
                let Value::Bytes(bytes) = pair.value else {
                    continue;
                };
                let text = || String::from_utf8_lossy(&bytes).into_owned();
                match pair.key.as_slice() {
                    b"digest" => entry.0 = text().parse().ok(),
                    b"size" => entry.1 = varint(&bytes),
                    b"mediatype" => entry.2 = Some(text()),
                    _ => {}
                }
            }
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            if let (Some(digest), Some(size)) = (entry.0, entry.1) {
                let descriptor = Descriptor {
                    media_type: entry.2,
                    ..Descriptor::of(digest, size)
                };
                images.insert((text(&space.key), text(&image.key)), descriptor);
            }
        }
    }
    Ok(images)
}

/// Go's signed variable-length number, not negative.
fn varint(bytes: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f).checked_shl(u32::try_from(index).ok()? * 7)?;
        if byte & 0x80 == 0 {
            return (number & 1 == 0).then_some(number >> 1);
        }
    }
    None
}

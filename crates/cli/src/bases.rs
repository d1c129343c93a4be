//! Base images, recognised without a network: every image that is scanned leaves the chain id of its
//! top layer and its name in the data directory, and an image whose lower layers have that chain id was
//! built on it.
//!
//! A chain id names a stack of layers: the digest of the chain id below and the layer's own diff id
//! (OCI image specification, "Layer ChainID"). A file that cannot be read or written costs only the
//! recognition, never the scan.

use std::fs;
use std::path::Path;

use pellucid_model::{Digest, Image};
use pellucid_report::Base;
use sha2::{Digest as _, Sha256};

/// The folder below the data directory.
const FOLDER: &str = "images";

/// Most bytes of a name that is kept.
const NAME: usize = 500;

/// The chain ids of an image's layers, lowest first; none where a diff id is missing.
fn chain(image: &Image) -> Option<Vec<Digest>> {
    let mut chain: Vec<Digest> = Vec::new();
    for layer in &image.layers {
        let own = layer.diff_id?;
        let id = match chain.last() {
            None => own,
            Some(below) => {
                let text = format!("{below} {own}");
                Digest::Sha256(Sha256::digest(text.as_bytes()).into())
            }
        };
        chain.push(id);
    }
    Some(chain)
}

/// The largest image scanned before that this one was built on.
pub(crate) fn recognise(data: &Path, image: &Image) -> Option<Base> {
    let chain = chain(image)?;
    let below = chain.split_last()?.1;
    let found = below.iter().enumerate().rev().find_map(|(number, id)| {
        let name = fs::read_to_string(data.join(FOLDER).join(id.hex())).ok()?;
        Some((number + 1, name.trim().to_owned()))
    });
    found
        .filter(|(_, name)| !name.is_empty())
        .map(|(layers, name)| Base {
            name: name.chars().take(NAME).collect(),
            layers,
            is_detected: true,
        })
}

/// Whether one image was built on another, which is then the base.
pub(crate) fn named(name: &str, base: &Image, image: &Image) -> Option<Base> {
    let (below, above) = (chain(base)?, chain(image)?);
    let is_base = !below.is_empty() && above.starts_with(&below);
    is_base.then(|| Base {
        name: name.to_owned(),
        layers: below.len(),
        is_detected: false,
    })
}

/// Remembers an image for those that will be built on it.
pub(crate) fn remember(data: &Path, image: &Image) {
    let Some(top) = chain(image).and_then(|chain| chain.last().copied()) else {
        return;
    };
    let name = image.tags.first().unwrap_or(&image.reference);
    let name: String = name.chars().take(NAME).collect();
    let folder = data.join(FOLDER);
    let written = fs::create_dir_all(&folder).and_then(|()| {
        let path = folder.join(top.hex());
        if fs::read_to_string(&path).is_ok_and(|known| known == name) {
            return Ok(());
        }
        let file = tempfile::NamedTempFile::new_in(&folder)?;
        fs::write(file.path(), &name)?;
        file.persist(path)?;
        Ok(())
    });
    if let Err(error) = written {
        tracing::debug!("cannot remember the image for others built on it: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(layers: &[u8], tag: &str) -> Image {
        let layer = |byte: &u8| pellucid_model::Layer {
            digest: None,
            diff_id: Some(Digest::Sha256([*byte; 32])),
            digest_state: pellucid_model::DigestState::Declared,
            size: 1,
            created_by: None,
        };
        Image {
            reference: "docker-archive:x.tar".into(),
            id: None,
            digest: None,
            tags: vec![tag.into()],
            platform: None,
            created: None,
            cpe: None,
            layers: layers.iter().map(layer).collect(),
        }
    }

    #[test]
    fn the_largest_image_below_is_the_base_and_never_the_image_itself() {
        let data = tempfile::tempdir().unwrap();
        let recognised =
            |image: &Image| recognise(data.path(), image).map(|base| (base.name, base.layers));
        assert_eq!(recognised(&image(&[1, 2, 3], "app")), None);
        remember(data.path(), &image(&[1], "small:1"));
        remember(data.path(), &image(&[1, 2], "base:1"));
        remember(data.path(), &image(&[1, 2, 3], "app"));
        assert_eq!(
            recognised(&image(&[1, 2, 3], "app")),
            Some(("base:1".into(), 2))
        );
        assert_eq!(
            recognised(&image(&[1, 9], "other")),
            Some(("small:1".into(), 1))
        );
        assert_eq!(recognised(&image(&[2, 1], "other")), None);
        assert!(named("base:1", &image(&[1, 2], ""), &image(&[1, 2, 3], "")).is_some());
        assert!(named("base:1", &image(&[1, 3], ""), &image(&[1, 2, 3], "")).is_none());
    }
}

//! An OCI image layout in a tar, compressed or not.
//!
//! Same as a layout in a [directory](super::oci_layout), read in place.

use crate::source::{Asked, Found, Opened, Source, oci_layout};
use crate::{ImageError, OpenOptions};

/// The `oci-archive:` source.
pub(crate) struct OciArchive;

impl Source for OciArchive {
    fn name(&self) -> &'static str {
        "oci-archive"
    }

    fn recognises(&self, found: &Found, _: &OpenOptions) -> bool {
        matches!(found, Found::Archive(_)) && found.has("index.json")
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        match &asked.found {
            Found::Archive(_) => oci_layout::open(self.name(), &asked),
            _ => Err(ImageError::NotAnImage {
                path: asked.reference.path.clone(),
                reason: "a directory; for an OCI layout write oci:".to_owned(),
            }),
        }
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        oci_layout::open_all(self.name(), &asked)
    }
}

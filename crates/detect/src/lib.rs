//! Finds what is in an image: which distribution it is and which packages are installed.
//!
//! Place in the flow: `image` streams a layer's entries, the detectors of this crate read the
//! files they know, [`layer()`] collects what one layer says by itself, and [`overlay()`] lays the
//! layers over each other as a container runtime would. [`image()`] does all of it.
//!
//! A [`LayerInventory`] is a function of the layer's bytes and [`analysis_version`] alone, so it
//! can be computed once and shared by every image with that layer.
//!
//! A package database that cannot be read is an error, never a shorter list; one bad record in a
//! readable database is a warning. No detector touches the network, the clock or the host's files.

mod bill;
mod binary;
mod detector;
mod dispatch;
mod error;
mod json;
mod known;
mod layer;
mod lines;
mod merged;
mod namespace;
mod overlay;
mod ownership;
mod package;
mod path;
mod purl;
mod region;
mod repository;
mod reuse;
pub mod rpmdb;
mod run;
mod zip;

pub use bill::{BillError, read_bill, read_purls};
pub use detector::{
    Candidate, Class, DETECTORS, DetectFile, Detected, Detector, OwnedFile, OwnedFiles, Trigger,
    analysis_version,
};
pub use error::DetectError;
pub use known::KnownLayers;
pub use layer::{Facts, FileFacts, LayerInventory, LayerReader, layer};
pub use lines::{Line, Lines};
pub use merged::merge;
pub use overlay::{Need, NeedFacts, NeedKey, Overlaid, overlay};
pub use path::RawPath;
pub use run::{DetectOptions, image, image_sharing};

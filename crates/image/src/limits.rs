//! Bounds on everything an image can make us do.
//!
//! Every bound is settable and none is infinite. A breach ends the reading with an error that
//! names the bound and its value; what was read up to there is no answer.
//!
//! The defaults admit every image that a container engine can run on an ordinary host and, beyond
//! that, odd but harmless ones (names longer than `PATH_MAX`).

use std::time::Duration;

/// Bounds on one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one blob as stored, compressed or not.
    pub blob_bytes: u64,
    /// Bytes of one layer's tar, after decompression.
    pub layer_bytes: u64,
    /// Bytes of all layers' tars together; also of a compressed archive once decompressed.
    pub image_bytes: u64,
    /// How many times larger than its blob a layer's tar may be.
    pub ratio: u64,
    /// Bytes of tar before the ratio is looked at: small blobs of one repeated byte do no harm.
    pub ratio_after: u64,
    /// Entries of one layer.
    pub layer_entries: u64,
    /// Entries of all layers together.
    pub image_entries: u64,
    /// Layers of an image.
    pub image_layers: usize,
    /// Members of an image archive (its own files, not those of the layers).
    pub archive_members: u64,
    /// Bytes of a file that is kept for a detector, whatever the detector allows.
    pub file_bytes: u64,
    /// Bytes of a kept file that stay in memory; a larger one lies in an unnamed temporary file.
    pub spool_after: u64,
    /// Bytes that can be asked for with [`Want::Head`](crate::Want::Head).
    pub head_bytes: usize,
    /// Bytes of one tar member's extended headers: long names, PAX records, sparse map.
    pub header_bytes: u64,
    /// Bytes of a path.
    pub path_bytes: usize,
    /// Parts of a path.
    pub path_depth: usize,
    /// Links followed from one member of an image archive to another, as the kernel counts them.
    pub link_depth: usize,
    /// Bytes of an index, manifest or configuration.
    pub json_bytes: u64,
    /// Indexes inside indexes.
    pub index_depth: usize,
    /// Manifests and indexes looked at before one is chosen.
    pub index_entries: usize,
    /// Bytes of memory one decompressor may use for its window or dictionary.
    pub window_bytes: u64,
    /// Bytes of a lazily read layer's table of contents, decompressed; it takes some six times as many. A layer
    /// with a larger one is read whole.
    pub table_bytes: u64,
    /// Warnings kept per layer; the others are counted.
    pub layer_warnings: usize,
    /// Time from opening the image to the last byte of its last layer.
    pub wall: Duration,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes: 32 * GIB,
            layer_bytes: 64 * GIB,
            image_bytes: 128 * GIB,
            ratio: 200,
            ratio_after: 256 * MIB,
            layer_entries: 4_000_000,
            image_entries: 8_000_000,
            image_layers: 1000,
            archive_members: 100_000,
            file_bytes: GIB,
            spool_after: 4 * MIB,
            head_bytes: 64 << 10,
            header_bytes: MIB,
            path_bytes: 128 << 10,
            path_depth: 4096,
            link_depth: 40,
            json_bytes: 8 * MIB,
            index_depth: 8,
            index_entries: 1000,
            window_bytes: 128 * MIB,
            table_bytes: 32 * MIB,
            layer_warnings: 100,
            wall: Duration::from_secs(30 * 60),
        }
    }
}

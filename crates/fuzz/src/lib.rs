//! Entry points of everything that reads what strangers wrote: images, feeds, requests, files.
//!
//! A [`Target`] takes bytes and must return: whatever they are, no panic, no endless loop, no more
//! memory than the limits allow. What must hold of an answer (an order is an order, a purl is read
//! back as it was) is asserted there too. The same targets run under libFuzzer (`fuzz/`, for hours)
//! and in this crate's tests (for seconds, on seeds, their mutations, and every input that once
//! failed).
//!
//! Detectors, feeds and version schemes are targets by standing in their tables; what else reads
//! hostile bytes has a line in [`targets`].

mod input;
mod mutate;
mod seed;
mod target;
mod wal;

pub use mutate::Mutator;
pub use seed::root;

use pellucid_detect::DETECTORS;
use pellucid_feeds::FEEDS;
use pellucid_version::Scheme;

/// Something that reads what strangers wrote.
pub struct Target {
    /// Its name: a kind, a dash, and which one.
    pub name: String,
    entry: Entry,
}

/// What a target's bytes are handed to.
enum Entry {
    Detector(&'static dyn pellucid_detect::Detector),
    Feed(&'static dyn pellucid_feeds::Feed),
    Version(Scheme),
    Plain {
        run: fn(&[u8]),
        seeds: fn() -> Vec<Vec<u8>>,
    },
}

impl Target {
    /// Reads the bytes.
    ///
    /// # Panics
    /// When the code under test does, or gives an answer that cannot be.
    pub fn run(&self, data: &[u8]) {
        match &self.entry {
            Entry::Detector(detector) => target::detector::run(*detector, data),
            Entry::Feed(feed) => target::feed::run(*feed, data),
            Entry::Version(scheme) => target::version::run(*scheme, data),
            Entry::Plain { run, .. } => run(data),
        }
    }

    /// Inputs to begin with: the fixtures of the crates, in the target's own shape, sorted.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = match &self.entry {
            Entry::Detector(detector) => target::detector::seeds(*detector),
            Entry::Feed(feed) => target::feed::seeds(*feed),
            Entry::Version(scheme) => target::version::seeds(*scheme),
            Entry::Plain { seeds, .. } => seeds(),
        };
        seeds.sort();
        seeds.dedup();
        seeds
    }
}

/// Every target, sorted by name.
pub fn targets() -> Vec<Target> {
    let plain = |name: &str, run, seeds| Target {
        name: name.to_owned(),
        entry: Entry::Plain { run, seeds },
    };
    let mut targets = vec![
        plain(
            "archive-docker",
            target::archive::run,
            target::archive::docker,
        ),
        plain("archive-oci", target::archive::run, target::archive::oci),
        plain("bill-cyclonedx", target::bill::run, target::bill::cyclonedx),
        plain("bill-spdx", target::bill::run, target::bill::spdx),
        plain("bill-syft", target::bill::run, target::bill::syft),
        plain("bill-purls", target::bill::run_purls, target::bill::purls),
        plain("bundle", target::bundle::run, target::bundle::seeds),
        plain("config", target::config::run, target::config::seeds),
        plain(
            "config-database",
            pellucid_store::hostile::source,
            target::config::databases,
        ),
        plain(
            "config-webhook",
            pellucid_notify::hostile::webhook,
            target::config::webhooks,
        ),
        plain(
            "download",
            pellucid_updater::hostile::download,
            target::download::downloads,
        ),
        plain("inflate", target::inflate::run, target::inflate::seeds),
        plain("layer-tar", target::layer::run, target::layer::tar),
        plain("layer-gzip", target::layer::run, target::layer::gzip),
        plain("layer-zstd", target::layer::run, target::layer::zstd),
        plain("layer-bzip2", target::layer::run, target::layer::bzip2),
        plain("layer-xz", target::layer::run, target::layer::xz),
        plain(
            "local-image-answer",
            pellucid::hostile::layer_answer,
            target::local_image::answers,
        ),
        plain(
            "local-image-request",
            pellucid::hostile::layer_request,
            target::local_image::requests,
        ),
        plain(
            "local-image-saved",
            pellucid::hostile::saved_image,
            target::local_image::saved,
        ),
        plain(
            "mirror-list",
            pellucid_updater::hostile::mirror,
            target::download::lists,
        ),
        plain(
            "registry-name",
            pellucid_image::hostile::name,
            target::registry::names,
        ),
        plain(
            "registry-answer",
            pellucid_image::hostile::answer,
            target::registry::answers,
        ),
        plain(
            "registry-documents",
            pellucid_image::hostile::documents,
            target::registry::documents,
        ),
        plain(
            "registry-challenge",
            pellucid_image::hostile::challenge,
            target::registry::challenges,
        ),
        plain(
            "registry-table",
            pellucid_image::hostile::table,
            target::registry::tables,
        ),
        plain(
            "registry-lazy",
            target::registry::lazy,
            target::registry::lazies,
        ),
        plain(
            "containerd-metadata",
            pellucid_image::hostile::metadata,
            target::registry::metadata,
        ),
        plain(
            "registry-credentials",
            pellucid_image::hostile::credentials,
            target::registry::credentials,
        ),
        plain("storage", target::storage::run, target::storage::seeds),
        plain("report-json", target::report::run, target::report::seeds),
        plain(
            "request-body",
            pellucid_server::hostile::body,
            target::request::bodies,
        ),
        plain(
            "request-layer",
            pellucid_server::hostile::layer,
            target::request::layers,
        ),
        plain(
            "request-notifications",
            pellucid_server::hostile::notifications,
            target::request::notifications,
        ),
        plain(
            "request-page",
            pellucid_server::hostile::page_token,
            target::request::pages,
        ),
        plain(
            "request-target",
            pellucid_server::hostile::target,
            target::request::targets,
        ),
        plain("rpm-header", target::rpmdb::header, target::rpmdb::headers),
        plain("rpmdb-bdb", target::rpmdb::run, target::rpmdb::bdb),
        plain("rpmdb-ndb", target::rpmdb::run, target::rpmdb::ndb),
        plain("rpmdb-sqlite", target::rpmdb::run, target::rpmdb::sqlite),
        plain(
            "rpmdb-wal",
            target::rpmdb::with_log,
            target::rpmdb::sqlite_with_log,
        ),
        plain(
            "rules-ignore-file",
            pellucid::hostile::ignore_file,
            target::rules::ignore_files,
        ),
        plain(
            "rules-policy",
            pellucid::hostile::policy,
            target::rules::policies,
        ),
        plain("snapshot", target::snapshot::run, target::snapshot::seeds),
        plain(
            "snapshot-rows",
            target::snapshot::run_rows,
            target::snapshot::rows,
        ),
        plain("template", target::template::run, target::template::seeds),
        plain("vex-csaf", target::vex::run, target::vex::csaf),
        plain("vex-cyclonedx", target::vex::run, target::vex::cyclonedx),
        plain("vex-openvex", target::vex::run, target::vex::openvex),
        plain(
            "webhook-answer",
            pellucid_notify::hostile::answer,
            target::webhook::answers,
        ),
    ];
    targets.extend(DETECTORS.iter().map(|detector| Target {
        name: format!("detector-{}", detector.name()),
        entry: Entry::Detector(*detector),
    }));
    targets.extend(FEEDS.iter().map(|feed| Target {
        name: format!("feed-{}", feed.name()),
        entry: Entry::Feed(*feed),
    }));
    targets.extend(Scheme::ALL.iter().map(|scheme| Target {
        name: format!("version-{scheme}"),
        entry: Entry::Version(*scheme),
    }));
    targets.sort_by(|a, b| a.name.cmp(&b.name));
    targets
}

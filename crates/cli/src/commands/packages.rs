//! `pellucid packages IMAGE`: what is in an image, without asking any advisory.

use anyhow::Context as _;
use pellucid_detect::DetectOptions;
use pellucid_image::OpenOptions;
use pellucid_model::Inventory;
use pellucid_report::{Report, Tool};

use crate::args::{COMMIT, ImageArgs, Layers, PackagesArgs, Talk, Verify};
use crate::exit::Exit;
use crate::limits;
use crate::outputs::Outputs;
use crate::progress::LayerBar;

/// Lists the packages of an image.
pub(crate) fn run(args: &PackagesArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let outputs = Outputs::of(&args.output)?;
    let inventory = inventory(&args.image, talk)?;
    outputs.write(&Report::new(tool(), inventory, None, Vec::new()))?;
    Ok(Exit::Clean)
}

/// Opens an image and finds what is in it.
pub(super) fn inventory(args: &ImageArgs, talk: &Talk) -> anyhow::Result<Inventory> {
    let cannot_scan = || format!("cannot read the image {}", args.reference);
    let options = OpenOptions {
        platform: args.platform.clone(),
        limits: limits::with(&args.limits),
        verify: match args.verify {
            Verify::Read => pellucid_image::Verify::Read,
            Verify::Full => pellucid_image::Verify::Full,
        },
    };
    let image = pellucid_image::open(&args.reference, &options).with_context(cannot_scan)?;
    let options = DetectOptions {
        hidden: args.layers == Layers::Hidden,
        lock_files: args.lock_files,
        ..DetectOptions::default()
    };
    let progress = LayerBar::new(talk, image.image());
    let inventory =
        pellucid_detect::image(&image, &options, &progress).with_context(cannot_scan)?;
    tracing::info!(
        image.reference = args.reference,
        package.count = inventory.packages.len(),
        "read {} packages in {} layers",
        inventory.packages.len(),
        inventory.image.layers.len(),
    );
    Ok(inventory)
}

/// Which pellucid this is.
pub(super) fn tool() -> Tool {
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.to_owned(),
    }
}

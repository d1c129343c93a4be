//! `pellucid packages IMAGE`: what is in an image, without asking any advisory.

use anyhow::Context as _;
use pellucid_detect::{DetectOptions, KnownLayers};
use pellucid_image::OpenOptions;
use pellucid_model::Inventory;
use pellucid_report::{Report, Tool};

use crate::args::{COMMIT, ImageArgs, Layers, PackagesArgs, Talk};
use crate::exit::{Exit, Usage};
use crate::outputs::Outputs;
use crate::progress::LayerBar;
use crate::sources::{self, Platforms};
use crate::{bill, confined, hints};

/// Layers fetched at once from a registry.
const CONNECTIONS: usize = 4;

/// Lists the packages of images.
pub(crate) fn run(args: &PackagesArgs, talk: &Talk) -> anyhow::Result<Exit> {
    let outputs = Outputs::of(&args.output)?;
    each(&args.image, &outputs, false, talk, |inventory| {
        let report = Report::new(tool(), inventory, None, Vec::new());
        Ok((report, Exit::Clean))
    })
}

/// Reads every image and writes its report; ends as the worst of them. An image that cannot be read
/// costs the others nothing.
pub(super) fn each(
    args: &ImageArgs,
    outputs: &Outputs,
    offline: bool,
    talk: &Talk,
    report: impl Fn(Inventory) -> anyhow::Result<(Report, Exit)>,
) -> anyhow::Result<Exit> {
    let references = sources::references(args)?;
    let options = sources::options(args, &references, offline)?;
    let known = match args.memory {
        Some(_) => KnownLayers::keeping(0),
        None => KnownLayers::default(),
    };
    let one = |reference: &str| {
        let inventory = read(reference, args, &options, &known, talk)?;
        let done = report(inventory)?;
        check(args)?;
        anyhow::Ok(done)
    };
    if let [only] = references.as_slice() {
        let (report, exit) = one(only)?;
        outputs.write_image(&report, only)?;
        check(args)?;
        return Ok(exit);
    }
    outputs.check_several(&references)?;
    let mut worst = Exit::Clean;
    for reference in &references {
        let done = one(reference).and_then(|(report, exit)| {
            outputs.write_image(&report, reference)?;
            check(args)?;
            Ok(exit)
        });
        let exit = done.unwrap_or_else(|error| {
            hints::print(&error);
            Exit::of(&error)
        });
        worst = worst.or_worse(exit);
    }
    Ok(worst)
}

/// Opens the only image that is named and finds what is in it.
pub(super) fn inventory(args: &ImageArgs, offline: bool, talk: &Talk) -> anyhow::Result<Inventory> {
    let references = sources::references(args)?;
    let options = sources::options(args, &references, offline)?;
    let [only] = references.as_slice() else {
        return Err(Usage("one image is wanted here, not several".to_owned()).into());
    };
    let inventory = read(only, args, &options, &KnownLayers::default(), talk)?;
    check(args)?;
    Ok(inventory)
}

/// Whether the run has kept to the memory that it may take.
fn check(args: &ImageArgs) -> anyhow::Result<()> {
    match args.memory {
        Some(memory) => Ok(memory.check()?),
        None => Ok(()),
    }
}

fn read(
    reference: &str,
    args: &ImageArgs,
    options: &OpenOptions,
    known: &KnownLayers,
    talk: &Talk,
) -> anyhow::Result<Inventory> {
    let cannot_scan = || format!("cannot read the image {reference}");
    let explained = |error: anyhow::Error| match args.memory {
        Some(memory) => memory.explain(error),
        None => error,
    };
    if let Some(memory) = args.memory {
        memory.watch();
    }
    if let Some(bill) = bill::asked(reference) {
        return bill.read(args.memory).with_context(cannot_scan);
    }
    let images = match &args.platform {
        Some(Platforms::All) => pellucid_image::open_all(reference, options),
        _ => pellucid_image::open(reference, options).map(|image| vec![image]),
    }
    .with_context(cannot_scan)?;
    let detect = DetectOptions {
        hidden: args.layers == Layers::Hidden,
        lock_files: args.lock_files,
        ..DetectOptions::default()
    };
    let mut inventories = Vec::new();
    for image in images {
        let progress = LayerBar::new(talk, image.image());
        // Of a registry's layers more can be on their way than there are processors.
        let is_remote = image.image().reference.starts_with("registry:");
        let mut detect = DetectOptions {
            threads: if is_remote { CONNECTIONS } else { processors() },
            ..detect.clone()
        };
        if let Some(memory) = args.memory {
            memory.detect(&mut detect);
        }
        let found = confined::reading(&image, || {
            pellucid_detect::image_sharing(&image, &detect, &progress, known)
        });
        let found = found.map_err(|error| explained(error.into()));
        inventories.push(found.with_context(cannot_scan)?);
    }
    let inventory = pellucid_detect::merge(inventories)
        .ok_or_else(|| anyhow::anyhow!("it is for no platform"))
        .with_context(cannot_scan)?;
    tracing::info!(
        image.reference = reference,
        package.count = inventory.packages.len(),
        "read {} packages in {} layers",
        inventory.packages.len(),
        inventory.image.layers.len(),
    );
    Ok(inventory)
}

/// Layers of a local image read at once. Asked for before reading begins: a confined thread does not
/// see what the machine allows.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Which pellucid this is.
pub(super) fn tool() -> Tool {
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.to_owned(),
    }
}

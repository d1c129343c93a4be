//! Layers made of a few entries, and images of them, without a tar.

use std::collections::BTreeMap;

use pellucid_detect::{
    DETECTORS, DetectError, DetectFile, DetectOptions, Facts, LayerInventory, NeedFacts, Overlaid,
    layer, overlay,
};
use pellucid_image::{Body, Entry, EntryKind, LayerVisitor as _, Want};
use pellucid_model::{DigestState, Image, Inventory, Layer};

/// An entry of a layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    File(&'static str, Vec<u8>),
    Folder(&'static str),
    Link(&'static str, &'static str),
    Hard(&'static str, &'static str),
    White(&'static str),
    Opaque(&'static str),
    Device(&'static str),
}

pub(crate) fn file(path: &'static str, content: impl AsRef<[u8]>) -> Op {
    Op::File(path, content.as_ref().to_vec())
}

impl Op {
    pub(crate) fn entry(&self) -> Entry<'_> {
        let (path, kind) = match self {
            Self::File(path, body) => (
                path,
                EntryKind::File {
                    size: body.len() as u64,
                },
            ),
            Self::Folder(path) => (path, EntryKind::Directory),
            Self::Link(path, target) => (
                path,
                EntryKind::Symlink {
                    target: target.as_bytes(),
                },
            ),
            Self::Hard(path, target) => (
                path,
                EntryKind::Hardlink {
                    target: target.as_bytes(),
                },
            ),
            Self::White(path) => (path, EntryKind::Whiteout),
            Self::Opaque(path) => (path, EntryKind::Opaque),
            Self::Device(path) => (path, EntryKind::Other),
        };
        let magics: [&[u8]; 3] = [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
        let program = matches!(self, Self::File(_, body) if magics.iter().any(|magic| body.starts_with(magic)));
        Entry {
            path: path.as_bytes(),
            kind,
            mode: if program { 0o755 } else { 0o644 },
        }
    }

    fn body(&self) -> Body<'static> {
        match self {
            Self::File(_, body) => Body::Memory(body.clone()),
            _ => Body::Memory(Vec::new()),
        }
    }
}

/// What a layer of these entries says, also after a trip through a cache.
pub(crate) fn inventory_of(ops: &[Op]) -> LayerInventory {
    let mut reader = layer();
    for op in ops {
        let entry = op.entry();
        let mut want = reader.entry(&entry);
        if let (Want::Head(count), Op::File(_, body)) = (want, op) {
            want = reader.head(&entry, &body[..count.min(body.len())]);
        }
        match want {
            Want::Whole { limit } => {
                let body = op.body();
                if body.len().unwrap() > limit {
                    reader.too_large(&entry, limit);
                } else {
                    reader.file(&entry, &body);
                }
            }
            Want::Head(_) | Want::Skip => {}
        }
    }
    let inventory = reader.finish(0).unwrap();
    let text = serde_json::to_string(&inventory).unwrap();
    assert_eq!(
        serde_json::from_str::<LayerInventory>(&text).unwrap(),
        inventory
    );
    inventory
}

/// An image of so many layers.
pub(crate) fn image_of(layers: usize) -> Image {
    let layer = Layer {
        digest: None,
        diff_id: None,
        digest_state: DigestState::Declared,
        size: 0,
        created_by: None,
    };
    Image {
        reference: "memory".to_owned(),
        id: None,
        digest: None,
        tags: Vec::new(),
        platform: None,
        created: None,
        cpe: None,
        layers: vec![layer; layers],
    }
}

/// What an image of these layers contains.
pub(crate) fn inventory(layers: &[Vec<Op>]) -> Result<Inventory, DetectError> {
    inventory_with(layers, &DetectOptions::default())
}

pub(crate) fn inventory_with(
    layers: &[Vec<Op>],
    options: &DetectOptions,
) -> Result<Inventory, DetectError> {
    let inventories: Vec<_> = layers
        .iter()
        .map(|ops| std::sync::Arc::new(inventory_of(ops)))
        .collect();
    let image = image_of(layers.len());
    let mut read = NeedFacts::new();
    for round in 0.. {
        match overlay(&image, &inventories, &read, round == 4, options)? {
            Overlaid::Done(inventory) => return Ok(*inventory),
            Overlaid::Needs(needs) => {
                assert!(round < 4);
                for need in needs {
                    let facts = read_again(layers, &need);
                    read.insert(need.key, facts);
                }
            }
        }
    }
    unreachable!()
}

fn read_again(layers: &[Vec<Op>], need: &pellucid_detect::Need) -> Facts {
    let body = |(layer, entry): (u32, u32)| layers[layer as usize][entry as usize].body();
    let detector = DETECTORS
        .iter()
        .find(|one| one.name() == need.key.detector)
        .unwrap();
    let addition = need.key.addition.map(body);
    let body = body(need.key.file);
    let file = DetectFile {
        path: need.path.bytes(),
        body: &body,
        addition: addition.as_ref(),
    };
    let mut found = pellucid_detect::Detected::default();
    match detector.detect(&file, &mut found) {
        Ok(()) => Facts::Found(Box::new(found)),
        Err(error) => Facts::Failed(error.to_string()),
    }
}

/// `name version` of every package, with the layer and a mark for hidden ones.
pub(crate) fn packages(inventory: &Inventory) -> Vec<String> {
    inventory
        .packages
        .iter()
        .map(|entry| {
            let hidden = if entry.hidden { " hidden" } else { "" };
            let (name, version) = (&entry.package.name, &entry.package.version);
            format!("{name} {version} @{}{hidden}", entry.layer().unwrap())
        })
        .collect()
}

/// A dpkg status that lists these packages, `name version`.
pub(crate) fn status(packages: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for package in packages {
        let (name, version) = package.split_once(' ').unwrap();
        text.push_str(&format!(
            "Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n"
        ));
    }
    text.into_bytes()
}

/// How often each kind of warning was given.
pub(crate) fn warnings(inventory: &Inventory) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for warning in &inventory.warnings {
        *counts.entry(format!("{:?}", warning.kind)).or_default() += 1;
    }
    counts
}

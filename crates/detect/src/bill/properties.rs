//! The properties of our own lists: all that decides, so that nothing is lost on the way.

use std::collections::BTreeMap;

use pellucid_model::{
    Digest, DigestState, Image, Layer, Location, Namespace, Owner, Package, PackageEntry,
    PackageKind, Repository, SourcePackage,
};

/// Most layers and places that a list may count up to.
const MOST: usize = 10_000;

type Properties = BTreeMap<String, String>;

/// The package that our properties tell; nothing where they are not ours.
pub(super) fn package(properties: &Properties) -> Option<PackageEntry> {
    let get = |name: &str| properties.get(&format!("pellucid:package:{name}")).cloned();
    let kind = PackageKind::from_name(&get("kind")?)?;
    let package = Package {
        arch: get("arch"),
        source: get("source").map(|name| SourcePackage {
            name,
            version: get("sourceVersion"),
        }),
        module: get("module"),
        vendor: get("vendor"),
        ..Package::new(kind, get("name")?, get("version")?)
    };
    let place = |number: usize, what: &str| {
        properties
            .get(&format!("pellucid:location:{number}:{what}"))
            .cloned()
    };
    let locations = (0..MOST).map_while(|number| {
        let layer = place(number, "layer")?.parse().ok()?;
        let path = place(number, "path")?;
        Some(Location { layer, path })
    });
    Some(PackageEntry {
        namespace: get("namespace").map(Namespace::new),
        package,
        locations: locations.collect(),
        hidden: get("hidden").is_some(),
        owner: get("owner").map(|name| Owner {
            name,
            version: get("ownerVersion").unwrap_or_default(),
        }),
        detector: get("detector").unwrap_or_else(|| "sbom".to_owned()),
    })
}

/// The repositories that our properties tell; `None` where nobody looked for any.
pub(super) fn repositories(properties: &Properties) -> Option<Vec<Repository>> {
    let count: usize = properties
        .get("pellucid:image:repositories")?
        .parse()
        .ok()?;
    let get = |number: usize, what: &str| {
        properties
            .get(&format!("pellucid:repository:{number}:{what}"))
            .cloned()
    };
    let repositories = (0..count.min(MOST)).map_while(|number| {
        Some(Repository {
            name: get(number, "name")?,
            path: get(number, "path")?,
            layer: get(number, "layer")?.parse().ok()?,
        })
    });
    Some(repositories.collect())
}

/// What our properties tell of the image.
pub(super) fn image(properties: &Properties, image: &mut Image) {
    let get = |name: &str| properties.get(&format!("pellucid:{name}"));
    let digest = |name: &str| get(name).and_then(|text| text.parse::<Digest>().ok());
    image.id = digest("image:id");
    image.digest = digest("image:digest");
    image.platform = get("image:platform").and_then(|text| text.parse().ok());
    image.created = get("image:created").cloned();
    image.tags = (0..MOST)
        .map_while(|number| get(&format!("image:tag:{number}")).cloned())
        .collect();
    image.layers = (0..MOST)
        .map_while(|number| {
            let state = get(&format!("layer:{number}:digestState"))?;
            let size = get(&format!("layer:{number}:size"));
            Some(Layer {
                digest: digest(&format!("layer:{number}:digest")),
                diff_id: digest(&format!("layer:{number}:diffId")),
                // A list of something is no proof of its bytes.
                digest_state: match state.as_str() {
                    "verified" => DigestState::Verified,
                    _ => DigestState::Declared,
                },
                size: size.and_then(|size| size.parse().ok()).unwrap_or_default(),
                created_by: get(&format!("layer:{number}:createdBy")).cloned(),
            })
        })
        .collect();
}

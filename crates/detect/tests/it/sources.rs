//! The same image from everywhere gives the same packages: engines' folders, engines, registries.

use std::path::Path;

use pellucid_detect::{DetectOptions, KnownLayers, image_sharing, merge};
use pellucid_image::{ImageError, OpenOptions, open, open_all};
use pellucid_model::Inventory;
use pellucid_testkit::registry::Registry;
use pellucid_testkit::{CONTAINER, Compression, ContainerOf, Engine, ImageBuilder, LayerBuilder};

use crate::layers::packages;

const STATUS: &str = "var/lib/dpkg/status";

fn status(packages: &[&str]) -> String {
    let stanza = |name: &&str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
        )
    };
    packages.iter().map(stanza).collect()
}

fn metadata(name: &str) -> String {
    format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
}

/// A distribution, Python packages of which an upper layer removes one file and one whole folder.
fn image() -> ImageBuilder {
    let site = |name: &str| format!("usr/lib/python3/dist-packages/{name}-1.0.dist-info/METADATA");
    ImageBuilder::new()
        .tag("team/app:1.0")
        .layer(
            LayerBuilder::new()
                .directory("usr/lib")
                .file("usr/lib/os-release", "ID=debian\nVERSION_ID=12\n")
                .directory("etc")
                .symlink("etc/os-release", "../usr/lib/os-release")
                .file(STATUS, status(&["adduser", "bash"])),
        )
        .layer(
            LayerBuilder::new()
                .file(&site("kept"), metadata("kept"))
                .file(&site("gone"), metadata("gone"))
                .file(
                    "opt/venv/lib/hidden-1.0.dist-info/METADATA",
                    metadata("hidden"),
                )
                .created_by("RUN pip install"),
        )
        .layer(
            LayerBuilder::new()
                .whiteout(&site("gone"))
                .directory("opt/venv")
                .file("opt/venv/.wh..wh..opq", "")
                .file("opt/venv/lib/new-1.0.dist-info/METADATA", metadata("new")),
        )
}

fn container() -> ContainerOf {
    ContainerOf {
        name: "web".to_owned(),
        upper: LayerBuilder::new().file(STATUS, status(&["adduser", "bash", "curl"])),
    }
}

fn read(reference: &str, options: &OpenOptions) -> Result<Inventory, ImageError> {
    let opened = open(reference, options)?;
    let detect = DetectOptions {
        hidden: true,
        ..DetectOptions::default()
    };
    Ok(pellucid_detect::image(&opened, &detect, &()).unwrap())
}

/// What an image holds, whatever is known of its bytes.
fn holds(inventory: &Inventory) -> String {
    format!("{:#?}\n{:#?}", inventory.distributions, inventory.packages)
}

fn from_archive() -> Inventory {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    std::fs::write(&path, image().docker_archive()).unwrap();
    read(path.to_str().unwrap(), &OpenOptions::default()).unwrap()
}

/// Writes an engine's folder; `false` where the system does not let us.
fn written(written: std::io::Result<()>) -> bool {
    if let Err(error) = &written {
        println!("skipped: no overlay can be written here: {error}");
    }
    written.is_ok()
}

#[test]
fn a_folder_of_an_engine_s_is_the_archive() {
    type Write = fn(ImageBuilder, &Path, Option<ContainerOf>) -> std::io::Result<()>;
    let engines: [(&str, Write); 2] = [
        ("docker-root", ImageBuilder::docker_root),
        ("containers-storage", ImageBuilder::containers_storage),
    ];
    let wanted = from_archive();
    assert!(
        packages(&wanted)
            .iter()
            .any(|one| one.starts_with("hidden")),
        "{:?}",
        packages(&wanted)
    );
    for (source, write) in engines {
        let folder = tempfile::tempdir().unwrap();
        if !written(write(image(), folder.path(), Some(container()))) {
            return;
        }
        let root = folder.path().to_str().unwrap();
        let options = OpenOptions::default();
        for reference in [
            root.to_owned(),
            format!("{source}:{root}"),
            format!("{source}:{root}#team/app:1.0"),
            format!("{source}:{root}#{}", wanted.image.id.unwrap()),
            format!("{source}:{root}#{}", &wanted.image.id.unwrap().hex()[..12]),
        ] {
            let found = read(&reference, &options).unwrap();
            assert_eq!(holds(&found), holds(&wanted), "{reference}");
            assert_eq!(found.image.id, wanted.image.id);
            let ids = |inventory: &Inventory| -> Vec<_> {
                inventory
                    .image
                    .layers
                    .iter()
                    .map(|layer| (layer.diff_id, layer.created_by.clone()))
                    .collect()
            };
            assert_eq!(ids(&found), ids(&wanted));
        }
        for name in ["web", CONTAINER, &CONTAINER[..8]] {
            let found = read(&format!("{source}:{root}#{name}"), &options).unwrap();
            let curl = found
                .packages
                .iter()
                .find(|one| one.package.name == "curl")
                .unwrap();
            let layer = &found.image.layers[curl.layer().unwrap()];
            assert_eq!(
                layer.created_by.as_deref(),
                Some("written for the container web")
            );
        }
        let said = read(&format!("{source}:{root}#nothing"), &options)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("no image \"nothing\"") && said.contains("team/app:1.0"),
            "{said}"
        );
    }
}

/// Makes of every device and attribute that removes something the name that a tar has for it, as
/// containers/storage writes layers for fuse-overlayfs.
fn whiteouts_by_name(folder: &Path) {
    use std::os::unix::fs::FileTypeExt as _;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_char_device() {
            let name = entry.file_name().into_string().unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::write(folder.join(format!(".wh.{name}")), "").unwrap();
        } else if kind.is_dir() {
            whiteouts_by_name(&path);
        }
    }
}

#[test]
fn layers_that_a_program_mounts_are_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    if !written(image().containers_storage(folder.path(), None)) {
        return;
    }
    let overlay = folder.path().join("overlay");
    whiteouts_by_name(&overlay);
    let top = overlay.join(format!("{:064x}/diff", 2));
    // The same folder again, without the attribute.
    std::fs::rename(top.join("opt/venv"), top.join("opt/aside")).unwrap();
    std::fs::create_dir(top.join("opt/venv")).unwrap();
    std::fs::rename(top.join("opt/aside/lib"), top.join("opt/venv/lib")).unwrap();
    std::fs::remove_dir(top.join("opt/aside")).unwrap();
    std::fs::write(top.join("opt/venv/.wh..wh..opq"), "").unwrap();
    let reference = format!("containers-storage:{}", folder.path().display());
    let found = read(&reference, &OpenOptions::default()).unwrap();
    assert_eq!(holds(&found), holds(&from_archive()));
}

#[test]
fn nothing_outside_an_engine_s_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("docker");
    if !written(image().docker_root(&root, None)) {
        return;
    }
    let reference = format!("docker-root:{}", root.display());
    let fault = || read(&reference, &OpenOptions::default()).unwrap_err();
    // A layer's directory that is a link to somewhere.
    let diff = root.join("overlay2/cache1/diff");
    let aside = folder.path().join("aside");
    std::fs::rename(&diff, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &diff).unwrap();
    assert!(fault().to_string().contains("cannot read"), "{}", fault());
    std::fs::remove_file(&diff).unwrap();
    std::fs::rename(&aside, &diff).unwrap();
    assert!(read(&reference, &OpenOptions::default()).is_ok());
    // A name that leads out, and a directory that says it lies on others.
    let layers = root.join("image/overlay2/layerdb/sha256");
    let layer = std::fs::read_dir(layers)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let own = std::fs::read(layer.join("cache-id")).unwrap();
    std::fs::write(layer.join("cache-id"), "../../aside").unwrap();
    assert!(
        fault().to_string().contains("a directory that cannot be"),
        "{}",
        fault()
    );
    std::fs::write(layer.join("cache-id"), own).unwrap();
    std::fs::write(root.join("overlay2/cache2/lower"), "l/LINK0:l/LINK1").unwrap();
    assert!(fault().to_string().contains("other layers"), "{}", fault());
}

#[test]
fn an_engine_is_asked_before_a_registry() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let docker = Engine::start(folder.path(), "team/app:1.0", image().docker_archive());
    let podman = Engine::start(other.path(), "other:1.0", image().docker_archive());
    let mut options = OpenOptions::default();
    options.daemons.docker = vec![folder.path().join("absent.sock"), docker.socket()];
    options.daemons.podman = vec![podman.socket()];
    let wanted = holds(&from_archive());
    for (reference, source) in [
        ("team/app:1.0", "docker:team/app:1.0"),
        ("docker:team/app:1.0", "docker:team/app:1.0"),
        ("other:1.0", "podman:other:1.0"),
        ("podman:other:1.0", "podman:other:1.0"),
    ] {
        let found = read(reference, &options).unwrap();
        assert_eq!(found.image.reference, source);
        assert_eq!(holds(&found), wanted);
    }
    assert!(docker.asked().iter().all(|target| !target.contains("..")));
    let said = read("docker:gone:1.0", &options).unwrap_err();
    let cause = std::error::Error::source(&said).unwrap().to_string();
    assert_eq!(
        format!("{said}: {cause}"),
        "cannot get the image gone:1.0 from docker: it has no such image"
    );
    assert!(read("docker:../../secrets", &options).is_err());
    options.daemons.docker.truncate(1);
    let said = read("docker:team/app:1.0", &options).unwrap_err();
    let cause = std::error::Error::source(&said).unwrap().to_string();
    assert!(cause.starts_with("there is no socket at"), "{cause}");
}

#[test]
fn offline_no_engine_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let docker = Engine::start(folder.path(), "team/app:1.0", image().docker_archive());
    let mut options = OpenOptions::default();
    options.daemons.docker = vec![docker.socket()];
    options.offline = true;
    for reference in ["team/app:1.0", "docker:team/app:1.0"] {
        let said = read(reference, &options).unwrap_err();
        let mut told = said.to_string();
        let mut cause = std::error::Error::source(&said);
        while let Some(source) = cause {
            told.push_str(&format!(": {source}"));
            cause = source.source();
        }
        assert!(told.contains("no socket may be opened"), "{told}");
    }
    assert!(docker.asked().is_empty());
}

#[test]
fn shared_layers_are_read_once_and_platforms_are_one_report() {
    let registry = Registry::new();
    let of = |architecture: &str| {
        let own = LayerBuilder::new().file(
            "usr/lib/python3/dist-packages/own-1.0.dist-info/METADATA",
            metadata(&format!("own-{architecture}")),
        );
        image()
            .compression(Compression::Gzip)
            .architecture(architecture)
            .layer(own)
    };
    registry.push_index("app", "latest", vec![of("amd64"), of("arm64")]);
    let mut options = OpenOptions::default();
    options.registry.plain_http = vec![registry.host()];
    let known = KnownLayers::default();
    let images = open_all(&format!("{}/app", registry.host()), &options).unwrap();
    let inventories = images
        .iter()
        .map(|image| image_sharing(image, &DetectOptions::default(), &(), &known).unwrap())
        .collect();
    let merged = merge(inventories).unwrap();
    let names = packages(&merged);
    let places = |name: &str| names.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!(
        (
            places("own-amd64"),
            places("own-arm64"),
            places("kept"),
            places("bash")
        ),
        (1, 1, 1, 1),
        "{names:?}"
    );
    assert_eq!(merged.image.layers.len(), 5);
    let own = merged
        .packages
        .iter()
        .find(|one| one.package.name == "own-arm64")
        .unwrap();
    assert_eq!(own.layer(), Some(4));
    let said = &merged
        .warnings
        .iter()
        .find(|one| one.message.contains("platforms"))
        .unwrap()
        .message;
    assert_eq!(
        said,
        "one report over several platforms: linux/amd64 has layers 0 1 2 3; linux/arm64 has layers 0 1 2 4"
    );
    let blobs: Vec<String> = registry
        .server()
        .asked()
        .into_iter()
        .map(|request| request.target)
        .filter(|target| target.contains("/blobs/"))
        .collect();
    // Two configurations, and five layers once each.
    assert_eq!(blobs.len(), 7, "{blobs:?}");
}

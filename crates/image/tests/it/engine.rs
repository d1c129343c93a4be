//! Engines; and one platform of several, or all, where `docker save` or an engine holds them.

use pellucid_image::{ImageError, OpenImage, OpenOptions, open, open_all};
use pellucid_testkit::registry::Registry;
use pellucid_testkit::{Engine, ImageBuilder, LayerBuilder};
use serde_json::{Value, json};

use crate::build::{self, Files, INDEX, Tar, docker, gzip, layout, saved, sha256};
use crate::seen::{self, Line};

fn tars(architecture: &str) -> [Vec<u8>; 1] {
    [Tar::default()
        .file("etc/arch", architecture.as_bytes())
        .end()]
}

fn wanted(architecture: &str) -> Vec<Line> {
    let [tar] = tars(architecture);
    seen::tar(&tar).unwrap().lines
}

/// What `docker save` writes where images are in containerd: `manifest.json` lists the first of the
/// platforms, `index.json` leads to all; `absent` were never pulled.
fn save(here: &[&str], absent: &[&str]) -> Vec<u8> {
    let mut files = Files::default();
    let mut manifests: Vec<Value> = here
        .iter()
        .map(|one| build::image(&mut files, one, &tars(one), gzip))
        .collect();
    for one in absent {
        manifests.push(build::image(&mut Files::default(), one, &tars(one), gzip));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
    let mut index = files.blob(INDEX, index.to_string().as_bytes());
    index["annotations"] = json!({"io.containerd.image.name": "docker.io/library/app:1.0",
        "org.opencontainers.image.ref.name": "1.0"});
    layout(&mut files, &[index]);
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", sha256(bytes).hex());
    let first = tars(here[0]);
    let manifest = json!([{"Config": path(&build::config(here[0], &first)),
        "RepoTags": ["app:1.0"], "Layers": [path(&gzip(&first[0]))]}]);
    files.put("manifest.json", manifest.to_string());
    files.tar()
}

fn on(platform: &str) -> OpenOptions {
    OpenOptions {
        platform: Some(platform.parse().unwrap()),
        ..OpenOptions::default()
    }
}

/// The platform, and what is in the only layer.
fn held(image: &OpenImage) -> (String, Vec<Line>) {
    let platform = image.image().platform.as_ref().unwrap().to_string();
    let mut seen = seen::Seen::default();
    image.read_layer(0, &mut seen, &()).unwrap();
    (platform, seen.lines)
}

fn of(architecture: &str) -> (String, Vec<Line>) {
    (format!("linux/{architecture}"), wanted(architecture))
}

fn warnings(images: &[OpenImage]) -> Vec<String> {
    let all = images.iter().flat_map(OpenImage::warnings);
    all.map(|warning| warning.message.clone()).collect()
}

fn fault<T>(opened: Result<T, ImageError>) -> String {
    seen::chain(&opened.err().unwrap())
}

#[test]
fn an_archive_of_several_platforms_gives_each_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(&folder, &save(&["amd64", "arm64"], &["s390x"]));
    let path = path.to_str().unwrap();
    for architecture in ["amd64", "arm64"] {
        for reference in [path.to_owned(), format!("{path}:app:1.0")] {
            let opened = open(&reference, &on(&format!("linux/{architecture}"))).unwrap();
            assert_eq!(held(&opened), of(architecture));
            assert_eq!(opened.image().tags, ["app:1.0"]);
            assert_eq!(opened.image().reference, format!("docker-archive:{path}"));
            assert!(opened.warnings().is_empty(), "{:?}", opened.warnings());
        }
    }
    let said = fault(open(path, &on("linux/s390x")));
    assert_eq!(
        said,
        "the image has no platform linux/s390x; there is: linux/amd64, linux/arm64"
    );
    let all = open_all(path, &OpenOptions::default()).unwrap();
    let each: Vec<_> = all.iter().map(held).collect();
    assert_eq!(each, [of("amd64"), of("arm64")]);
    assert!(all.iter().all(|one| one.image().tags == ["app:1.0"]));
    assert_eq!(
        warnings(&all),
        ["the image's index names what is not here, and was not looked at: linux/s390x"]
    );
}

#[test]
fn a_place_that_has_one_platform_says_so_when_all_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let classic = docker("app:1.0", &tars("amd64")).tar();
    // Since Docker 25 one image is a layout too, whose entry is no index.
    let mut modern = build::oci(&tars("amd64"), gzip);
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", sha256(bytes).hex());
    let manifest = json!([{"Config": path(&build::config("amd64", &tars("amd64"))),
        "RepoTags": ["app:1.0"], "Layers": [path(&gzip(&tars("amd64")[0]))]}]);
    modern.put("manifest.json", manifest.to_string());
    for archive in [classic, modern.tar()] {
        let path = saved(&folder, &archive);
        let all = open_all(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
        assert_eq!(all.iter().map(held).collect::<Vec<_>>(), [of("amd64")]);
        let said = warnings(&all);
        assert!(
            said.len() == 1 && said[0].contains("is here for linux/amd64 alone"),
            "{said:?}"
        );
        // What one file holds is taken whatever it is for, and said.
        let opened = open(path.to_str().unwrap(), &on("linux/arm64")).unwrap();
        assert_eq!(held(&opened), of("amd64"));
        assert!(opened.warnings()[0].message.contains("not linux/arm64"));
    }
}

#[test]
fn an_engine_gives_the_platform_that_is_asked_for_or_another_source_does() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let name = format!("{}/app:1.0", registry.host());
    let engine = Engine::start(folder.path(), &name, save(&["amd64", "arm64"], &["s390x"]));
    let with = |mut options: OpenOptions| {
        options.daemons.docker = vec![engine.socket()];
        options.registry.plain_http = vec![registry.host()];
        options
    };
    let pulled = format!("docker:{name}");
    for reference in [&name, &pulled] {
        let opened = open(reference, &with(on("linux/arm64"))).unwrap();
        assert_eq!(held(&opened), of("arm64"));
        assert_eq!(opened.image().reference, pulled);
        let all = open_all(reference, &with(OpenOptions::default())).unwrap();
        let each: Vec<_> = all.iter().map(held).collect();
        assert_eq!(each, [of("amd64"), of("arm64")]);
        assert!(all.iter().all(|one| one.image().reference == pulled));
    }
    let said = fault(open(&pulled, &with(on("linux/s390x"))));
    assert_eq!(
        said,
        "the image has no platform linux/s390x; there is: linux/amd64, linux/arm64"
    );
    // A name alone goes on to its registry, which may not have it either.
    let said = fault(open(&name, &with(on("linux/s390x"))));
    assert!(
        said.starts_with(
            "docker has the image, but not for linux/s390x (linux/amd64, linux/arm64 alone), and it \
             was not to be had elsewhere: cannot get the image 127.0.0.1"
        ),
        "{said}"
    );
    let image = ImageBuilder::new()
        .architecture("s390x")
        .layer(LayerBuilder::new().file("etc/arch", "s390x"));
    registry.push("app", "1.0", image);
    let opened = open(&name, &with(on("linux/s390x"))).unwrap();
    assert_eq!(opened.image().reference, format!("registry:{name}"));
    assert_eq!(held(&opened), of("s390x"));
}

#[test]
fn an_engine_s_only_platform_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let archive = docker("app:1.0", &tars("amd64")).tar();
    let engine = Engine::start(folder.path(), "app:1.0", archive);
    let mut options = on("linux/arm64");
    options.daemons.podman = vec![engine.socket()];
    let said = fault(open("podman:app:1.0", &options));
    assert_eq!(
        said,
        "the image has no platform linux/arm64; there is: linux/amd64"
    );
    options.platform = None;
    let all = open_all("podman:app:1.0", &options).unwrap();
    assert!(warnings(&all)[0].contains("is here for linux/amd64 alone"));
}

#[test]
fn an_engine_is_asked_for_one_tag_and_never_for_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let archive = || docker("app:latest", &tars("amd64")).tar();
    let engine = Engine::start(folder.path(), "app:latest", archive());
    let mut options = OpenOptions::default();
    options.daemons.docker = vec![engine.socket()];
    for reference in ["docker:app", "app", "docker:app:latest"] {
        let opened = open(reference, &options).unwrap();
        assert_eq!(held(&opened), of("amd64"));
        let name = reference.strip_prefix("docker:").unwrap_or(reference);
        assert_eq!(opened.image().reference, format!("docker:{name}"));
    }
    let asked = engine.asked();
    let of_tag = |target: &String| target.starts_with("/images/app:latest/");
    assert!(asked.iter().all(of_tag), "{asked:?}");
    // An id has no tag.
    let other = tempfile::tempdir().unwrap();
    let engine = Engine::start(other.path(), "0123456789ab", archive());
    options.daemons.docker = vec![engine.socket()];
    assert!(open("docker:0123456789ab", &options).is_ok());
}

#[test]
fn an_engine_that_gives_no_answer_is_named_and_one_that_is_not_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let registry = Registry::new();
    registry.push("app", "1.0", ImageBuilder::new());
    let name = |name: &str| format!("{}/{name}:1.0", registry.host());
    let mut options = OpenOptions::default();
    options.registry.plain_http = vec![registry.host()];
    options.daemons.docker = vec![folder.path().join("absent.sock")];
    assert_eq!(warnings(&[open(&name("app"), &options).unwrap()]), [""; 0]);
    options.daemons.docker.push(socket.clone());
    let why = format!(
        "docker could not be asked for the image: {}: Connection refused",
        socket.display()
    );
    for opened in [
        vec![open(&name("app"), &options).unwrap()],
        open_all(&name("app"), &options).unwrap(),
    ] {
        let said = warnings(&opened);
        assert!(said.len() == 1 && said[0].starts_with(&why), "{said:?}");
    }
    let said = fault(open(&name("other"), &options));
    assert!(
        said.starts_with(&why) && said.contains("cannot get the image"),
        "{said}"
    );
}

#[test]
fn an_engine_of_another_machine_is_not_asked_and_that_is_said() {
    let mut options = OpenOptions::default();
    let said = "DOCKER_HOST=tcp://…".to_owned();
    options.daemons.elsewhere.insert("docker", said);
    let said = fault(open("docker:app:1.0", &options));
    assert!(
        said.ends_with("DOCKER_HOST=tcp://… is no unix:// socket, which alone is read"),
        "{said}"
    );
}

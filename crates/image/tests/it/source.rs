//! The places that images come from, and choosing one of several.

use std::os::unix::fs::symlink;

use pellucid_image::{OpenOptions, Verify, open};
use pellucid_model::{DigestState, Platform};
use serde_json::json;

use crate::build::{
    self, Files, INDEX, Tar, bzip2, docker, gzip, image, layout, oci, saved, sha256, various, xz,
    zstd,
};
use crate::seen::{self, image_at};

fn tars() -> [Vec<u8>; 2] {
    [
        various().end(),
        Tar::default().file("etc/second", b"2").end(),
    ]
}

/// The error that opening or reading ends with.
fn fault(reference: &str, options: &OpenOptions) -> String {
    match seen::image(reference, options) {
        Ok(_) => "no error".to_owned(),
        Err(error) => seen::chain(&error),
    }
}

fn wanted() -> Vec<Vec<seen::Line>> {
    tars()
        .iter()
        .map(|tar| seen::tar(tar).unwrap().lines)
        .collect()
}

#[test]
fn all_shapes_of_an_image_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let tars = tars();
    let archive = docker("web:latest", &tars).tar();
    let mut modern = oci(&tars, <[u8]>::to_vec);
    let layers: Vec<_> = tars
        .iter()
        .map(|tar| format!("blobs/sha256/{}", sha256(tar).hex()))
        .collect();
    let config = sha256(&build::config("amd64", &tars));
    let manifest = json!([{"Config": format!("blobs/sha256/{}", config.hex()),
        "RepoTags": ["web:latest"], "Layers": layers}]);
    modern.put("manifest.json", manifest.to_string());
    for (name, bytes, source, state) in [
        (
            "docker",
            archive.clone(),
            "docker-archive",
            DigestState::Declared,
        ),
        (
            "docker.gz",
            gzip(&archive),
            "docker-archive",
            DigestState::Verified,
        ),
        (
            "docker.zst",
            zstd(&archive),
            "docker-archive",
            DigestState::Verified,
        ),
        (
            "docker.bz2",
            bzip2(&archive),
            "docker-archive",
            DigestState::Verified,
        ),
        (
            "docker.xz",
            xz(&archive),
            "docker-archive",
            DigestState::Verified,
        ),
        (
            "docker 25",
            modern.tar(),
            "docker-archive",
            DigestState::Declared,
        ),
        (
            "oci of plain tars",
            oci(&tars, <[u8]>::to_vec).tar(),
            "oci-archive",
            DigestState::Declared,
        ),
        (
            "oci of gzip",
            oci(&tars, gzip).tar(),
            "oci-archive",
            DigestState::Verified,
        ),
        (
            "oci of zstd",
            oci(&tars, zstd).tar(),
            "oci-archive",
            DigestState::Verified,
        ),
        (
            "oci.gz",
            gzip(&oci(&tars, gzip).tar()),
            "oci-archive",
            DigestState::Verified,
        ),
    ] {
        let path = saved(&folder, &bytes);
        let reference = path.to_str().unwrap();
        let opened = open(reference, &OpenOptions::default()).unwrap();
        let described = opened.image();
        assert_eq!(
            described.reference,
            format!("{source}:{reference}"),
            "{name}"
        );
        assert_eq!(described.id, Some(config), "{name}");
        assert_eq!(
            described.platform,
            Some("linux/amd64".parse::<Platform>().unwrap())
        );
        assert_eq!(described.created.as_deref(), Some("2025-01-01T00:00:00Z"));
        assert_eq!(described.layers[1].created_by.as_deref(), Some("step 1"));
        assert_eq!(
            described.digest.is_some(),
            name.starts_with("oci") || name == "docker 25"
        );
        let read = image_at(&path).unwrap();
        for ((lines, read), (wanted, tar)) in read.iter().zip(wanted().iter().zip(&tars)) {
            assert!(lines == wanted, "{name}");
            assert_eq!(read.diff_id, Some(sha256(tar)), "{name}");
            assert_eq!(read.digest_state, state, "{name}");
        }
        let options = OpenOptions {
            verify: Verify::Full,
            ..OpenOptions::default()
        };
        for (lines, read) in seen::image(reference, &options).unwrap() {
            assert_eq!(read.digest_state, DigestState::Verified, "{name}");
            assert_eq!(read.entries, lines.len() as u64);
        }
    }
}

#[test]
fn a_layout_in_a_directory_is_read_without_following_links() {
    let folder = tempfile::tempdir().unwrap();
    oci(&tars(), gzip).write_below(folder.path());
    let read = image_at(folder.path()).unwrap();
    assert!(read.iter().map(|(lines, _)| lines).eq(&wanted()));

    let blob = folder
        .path()
        .join("blobs/sha256")
        .join(sha256(&gzip(&tars()[0])).hex());
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&blob, &elsewhere).unwrap();
    symlink(&elsewhere, &blob).unwrap();
    // As Bazel's rules write layouts.
    let said = fault(folder.path().to_str().unwrap(), &OpenOptions::default());
    assert!(
        said.starts_with("blobs/sha256/")
            && said.contains("is a symbolic link")
            && said.contains("cp -rL"),
        "{said}"
    );
}

#[test]
fn digests_of_layers_are_checked_when_they_are_read_through() {
    let folder = tempfile::tempdir().unwrap();
    let tars = tars();
    let mut files = oci(&tars, gzip);
    let length = files.0[0].1.len();
    let other = gzip(&Tar::default().file("evil", b"x").end());
    files.0[0].1 = other;
    files.0[0].1.resize(length, 0);
    files.write_below(folder.path());
    let said = fault(folder.path().to_str().unwrap(), &OpenOptions::default());
    assert!(said.starts_with("layer 0 (sha256:"), "{said}");

    // In a plain archive bodies are seeked over: only a full check sees that one has changed.
    let mut archive = docker("web:latest", &tars).tar();
    let at = archive
        .windows(7)
        .position(|window| window == b"file-99")
        .unwrap()
        + 512;
    archive[at] ^= 1;
    let path = saved(&folder, &archive);
    let reference = path.to_str().unwrap();
    assert!(image_at(&path).is_ok());
    let options = OpenOptions {
        verify: Verify::Full,
        ..OpenOptions::default()
    };
    assert!(fault(reference, &options).contains("has the digest"));
}

#[test]
fn manifest_and_configuration_are_always_checked() {
    let folder = tempfile::tempdir().unwrap();
    let files = oci(&tars(), gzip);
    for (at, text) in [(2, "configuration sha256:"), (3, "manifest sha256:")] {
        let mut files = files.clone();
        let last = files.0[at].1.len() - 2;
        files.0[at].1[last] ^= 1;
        let said = fault(
            saved(&folder, &files.tar()).to_str().unwrap(),
            &OpenOptions::default(),
        );
        assert!(
            said.starts_with(text) && said.contains("has the digest"),
            "{said}"
        );
    }
}

#[test]
fn one_of_several_images_is_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = tars();
    let mut files = docker("web:1", &[first]);
    let other = docker("db:latest", &[second]);
    for (name, bytes) in &other.0[..2] {
        files.put(
            format!("other-{}", name.replace('/', "-")),
            bytes.as_slice(),
        );
    }
    let both = json!([
        {"Config": "config.json", "RepoTags": ["web:1", "web:old"], "Layers": ["0/layer.tar"]},
        {"Config": "other-config.json", "RepoTags": ["db:latest"], "Layers": ["other-0-layer.tar"]},
        {"Config": "other-config.json", "RepoTags": null, "Layers": ["other-0-layer.tar"]},
    ]);
    files.0.retain(|(name, _)| name != "manifest.json");
    files.put("manifest.json", both.to_string());
    let path = saved(&folder, &files.tar());
    let path = path.to_str().unwrap();
    let options = OpenOptions::default();
    let said = fault(path, &options);
    assert!(
        said.ends_with("choose one of: @2, db:latest, web:1, web:old"),
        "{said}"
    );
    let said = fault(&format!("{path}:web:2"), &options);
    assert!(said.contains("holds no image \"web:2\""), "{said}");
    for (name, layer) in [
        ("web:old", 0),
        ("db", 1),
        ("docker.io/library/db:latest", 1),
        ("@2", 1),
    ] {
        let read = seen::image(&format!("docker-archive:{path}:{name}"), &options).unwrap();
        assert!(read[0].0 == wanted()[layer], "{name}");
    }
    for (layer, tar) in tars().into_iter().enumerate() {
        let id = sha256(&build::config("amd64", &[tar]));
        for name in [
            id.to_string(),
            id.hex().to_string(),
            id.hex()[..12].to_owned(),
        ] {
            let read = seen::image(&format!("{path}:{name}"), &options).unwrap();
            assert!(read[0].0 == wanted()[layer], "{name}");
        }
    }
    let said = fault(&format!("{path}:sha256:{}", "0".repeat(64)), &options);
    assert!(said.contains("holds no image"), "{said}");
}

#[test]
fn a_layout_of_several_images_asks_for_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = tars();
    let mut files = Files::default();
    let mut entries = [
        image(&mut files, "amd64", &[first], gzip),
        image(&mut files, "amd64", &[second], gzip),
    ];
    entries[0]["annotations"] = json!({"org.opencontainers.image.ref.name": "1.0"});
    entries[1]["annotations"] = json!({"io.containerd.image.name": "docker.io/library/web:2.0"});
    layout(&mut files, &entries);
    files.write_below(folder.path());
    let path = folder.path().to_str().unwrap();
    let options = OpenOptions::default();
    let said = fault(path, &options);
    assert!(
        said.ends_with("choose one of: 1.0, docker.io/library/web:2.0"),
        "{said}"
    );
    let digest = entries[1]["digest"].as_str().unwrap();
    let id = |tar| sha256(&build::config("amd64", &[tar])).to_string();
    let ids = tars().map(id);
    for (name, layer) in [
        ("1.0", 0),
        ("web:2.0", 1),
        ("@1", 1),
        (digest, 1),
        (&ids[0], 0),
        (&ids[1][7..19], 1),
    ] {
        let read = seen::image(&format!("oci:{path}:{name}"), &options).unwrap();
        assert!(read[0].0 == wanted()[layer], "{name}");
    }
}

/// A layout of these entries: a name, an architecture, and which of the tars.
fn layout_of(folder: &std::path::Path, entries: &[(Option<&str>, &str, usize)]) -> Vec<String> {
    let mut files = Files::default();
    let described: Vec<_> = entries
        .iter()
        .map(|(name, architecture, tar)| {
            let mut entry = image(&mut files, architecture, &[tars()[*tar].clone()], gzip);
            if let Some(name) = name {
                entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
            }
            entry
        })
        .collect();
    layout(&mut files, &described);
    files.write_below(folder);
    let digest = |entry: &serde_json::Value| entry["digest"].as_str().unwrap().to_owned();
    described.iter().map(digest).collect()
}

/// The error that opening for every platform ends with.
fn fault_of_all(reference: &str) -> String {
    match pellucid_image::open_all(reference, &OpenOptions::default()) {
        Ok(_) => "no error".to_owned(),
        Err(error) => seen::chain(&error),
    }
}

#[test]
fn what_a_tag_led_to_before_is_not_taken_for_what_it_leads_to() {
    let options = OpenOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    // As skopeo and buildah leave it when they write to the same tag twice.
    let digests = layout_of(
        folder.path(),
        &[(None, "amd64", 0), (Some("latest"), "amd64", 1)],
    );
    let wanted_choice = format!("choose one of: latest, {}", digests[0]);
    for said in [fault(path, &options), fault_of_all(path)] {
        assert!(said.ends_with(&wanted_choice), "{said}");
    }
    for (name, layer, tags) in [
        ("latest", 1, vec!["latest"]),
        (&*digests[0], 0, vec![]),
        ("@0", 0, vec![]),
    ] {
        let reference = format!("oci:{path}:{name}");
        let read = seen::image(&reference, &options).unwrap();
        assert!(read[0].0 == wanted()[layer], "{name}");
        assert_eq!(open(&reference, &options).unwrap().image().tags, tags);
        let all = pellucid_image::open_all(&reference, &options).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].image().tags, tags);
    }
    // Also where the one before was for another platform.
    let folder = tempfile::tempdir().unwrap();
    layout_of(
        folder.path(),
        &[(None, "amd64", 0), (Some("latest"), "arm64", 1)],
    );
    let said = fault(folder.path().to_str().unwrap(), &options);
    assert!(said.contains("choose one of: latest, sha256:"), "{said}");
}

#[test]
fn two_images_of_one_platform_are_not_guessed_between() {
    let options = OpenOptions::default();
    for name in [None, Some("latest")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let mut digests = layout_of(folder.path(), &[(name, "amd64", 0), (name, "amd64", 1)]);
        digests.sort();
        let wanted_choice = format!("choose one of: {}", digests.join(", "));
        for said in [fault(path, &options), fault_of_all(path)] {
            assert!(said.ends_with(&wanted_choice), "{said}");
        }
        if name.is_some() {
            let said = fault(&format!("{path}:latest"), &options);
            assert!(said.ends_with(&wanted_choice), "{said}");
        }
    }
    // Different names are different images, whatever they are for.
    let folder = tempfile::tempdir().unwrap();
    layout_of(
        folder.path(),
        &[(Some("a"), "amd64", 0), (Some("b"), "arm64", 1)],
    );
    let said = fault_of_all(folder.path().to_str().unwrap());
    assert!(said.ends_with("choose one of: a, b"), "{said}");
}

#[test]
fn entries_of_one_name_or_none_are_platforms_of_one_image() {
    for name in [None, Some("latest")] {
        let folder = tempfile::tempdir().unwrap();
        layout_of(folder.path(), &[(name, "arm64", 0), (name, "amd64", 1)]);
        let path = folder.path().to_str().unwrap();
        let on_amd64 = OpenOptions {
            platform: Some("linux/amd64".parse().unwrap()),
            ..OpenOptions::default()
        };
        assert!(seen::image(path, &on_amd64).unwrap()[0].0 == wanted()[1]);
        let all = pellucid_image::open_all(path, &OpenOptions::default()).unwrap();
        assert_eq!(all.len(), 2);
        let tags: Vec<&str> = name.into_iter().collect();
        assert!(all.iter().all(|one| one.image().tags == tags));
    }
    // One image under two names is one; a signature beside it is none.
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::default();
    let mut entry = image(&mut files, "amd64", &tars(), gzip);
    let mut again = entry.clone();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "1.0"});
    again["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let empty = files.blob("application/vnd.oci.empty.v1+json", b"{}");
    let artifact = json!({"schemaVersion": 2, "artifactType": "application/x", "config": empty,
        "layers": [empty]});
    let artifact = files.blob(build::MANIFEST, artifact.to_string().as_bytes());
    let mut signature = files.blob(build::MANIFEST, b"never looked at");
    signature["annotations"] = json!({"kind": "dev.cosignproject.cosign/sigs"});
    layout(&mut files, &[artifact, entry, again, signature]);
    files.write_below(folder.path());
    let opened = open(folder.path().to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!(opened.image().tags, ["1", "1.0"]);
    assert_eq!(opened.image().layers.len(), 2);
}

#[test]
fn a_nested_index_is_chosen_from_by_platform() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = tars();
    let mut files = Files::default();
    let amd64 = image(&mut files, "amd64", &[first], gzip);
    let mut arm64 = image(&mut files, "arm64", &[second], gzip);
    arm64["platform"]["variant"] = json!("v8");
    let mut attestation = files.blob(build::MANIFEST, b"{}");
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let index = json!({"schemaVersion": 2, "manifests": [attestation, amd64, arm64]});
    let nested = files.blob(INDEX, index.to_string().as_bytes());
    layout(&mut files, &[nested]);
    files.write_below(folder.path());
    let path = folder.path().to_str().unwrap();
    let on = |platform: &str| OpenOptions {
        platform: Some(platform.parse().unwrap()),
        ..OpenOptions::default()
    };
    for (platform, layer) in [
        ("linux/amd64", 0),
        ("linux/arm64", 1),
        ("linux/arm64/v8", 1),
    ] {
        assert!(
            seen::image(path, &on(platform)).unwrap()[0].0 == wanted()[layer],
            "{platform}"
        );
    }
    let said = fault(path, &on("linux/s390x"));
    assert_eq!(
        said,
        "the image has no platform linux/s390x; there is: linux/amd64, linux/arm64/v8"
    );

    // What was never pulled is in the index all the same.
    let name = |entry: &serde_json::Value| entry["digest"].as_str().unwrap()[7..].to_owned();
    std::fs::remove_file(folder.path().join("blobs/sha256").join(name(&arm64))).unwrap();
    assert!(seen::image(path, &OpenOptions::default()).unwrap()[0].0 == wanted()[0]);
    let said = fault(path, &on("linux/arm64"));
    assert_eq!(
        said,
        "the image has no platform linux/arm64; there is: linux/amd64"
    );
    std::fs::remove_file(folder.path().join("blobs/sha256").join(name(&amd64))).unwrap();
    assert!(fault(path, &OpenOptions::default()).contains("which is not there"));

    // A single image is taken whatever it is for.
    let single = tempfile::tempdir().unwrap();
    oci(&tars(), gzip).write_below(single.path());
    let opened = open(single.path().to_str().unwrap(), &on("linux/s390x")).unwrap();
    assert_eq!(opened.warnings().len(), 1);
}

#[test]
fn links_inside_a_docker_archive_are_followed_there_only() {
    let folder = tempfile::tempdir().unwrap();
    let layer = tars()[1].clone();
    let config = build::config("amd64", &[layer.clone(), layer.clone(), layer.clone()]);
    let manifest = |second: &str| {
        json!([{"Config": "config.json", "RepoTags": ["web:1"],
            "Layers": ["a/layer.tar", second, "c/layer.tar"]}])
        .to_string()
    };
    let archive = |second: &str| {
        Tar::default()
            .file("a/layer.tar", &layer)
            .symlink("b/layer.tar", "../a/layer.tar")
            .hardlink("c/layer.tar", "b/layer.tar")
            .symlink("out/layer.tar", "../../../../etc/passwd")
            .symlink("loop/layer.tar", "layer.tar")
            .file("config.json", &config)
            .file("manifest.json", manifest(second).as_bytes())
            .end()
    };
    let read = image_at(&saved(&folder, &archive("b/layer.tar"))).unwrap();
    assert_eq!(read.len(), 3);
    assert!(read.iter().all(|(lines, _)| *lines == wanted()[1]));
    for (bad, text) in [
        ("out/layer.tar", "which is not there"),
        ("../../../etc/shadow", "which is not there"),
        ("/etc/passwd", "which is not there"),
        ("loop/layer.tar", "link_depth = 40"),
    ] {
        let path = saved(&folder, &archive(bad));
        let said = fault(path.to_str().unwrap(), &OpenOptions::default());
        assert!(said.contains(text), "{bad}: {said}");
    }
}

#[test]
fn descriptions_that_make_no_sense_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, files: Files| {
        (
            name.to_owned(),
            fault(
                saved(&folder, &files.tar()).to_str().unwrap(),
                &OpenOptions::default(),
            ),
        )
    };
    let described = |document: serde_json::Value| {
        let mut files = Files::default();
        let entry = files.blob(build::MANIFEST, document.to_string().as_bytes());
        layout(&mut files, &[entry]);
        files
    };
    let mut cases = Vec::new();
    let (name, said) = at(
        "schema 1",
        described(json!({"schemaVersion": 1, "fsLayers": []})),
    );
    cases.push((name, said, "schema 1"));
    let (name, said) = at("both", described(json!({"manifests": [], "layers": []})));
    cases.push((name, said, "at once"));
    let (name, said) = at("neither", described(json!({"schemaVersion": 2})));
    cases.push((name, said, "neither"));
    for (from, to, text) in [
        (
            "layer.v1.tar+gzip",
            "layer.v1.squashfs",
            "unknown media type",
        ),
        (
            "image.config.v1+json",
            "helm.config.v1+json",
            "unknown media type",
        ),
        ("\"size\":", "\"size\":1", "bytes, not 1"),
        ("sha256:", "sha256:../../", "not an OCI digest"),
        ("sha256:", "md5:", "not an OCI digest"),
    ] {
        let mut files = oci(&tars(), gzip);
        let manifest = String::from_utf8(files.0[3].1.clone()).unwrap();
        let changed = if text == "bytes, not 1" {
            manifest.replacen(from, to, 2)
        } else {
            manifest.replace(from, to)
        };
        files.0.truncate(3);
        let entry = files.blob(build::MANIFEST, changed.as_bytes());
        layout(&mut files, &[entry]);
        let (name, said) = at(to, files);
        cases.push((name, said, text));
    }
    let mut files = oci(&tars(), gzip);
    files.0.remove(1);
    let (name, said) = at("missing", files);
    cases.push((name, said, "which is not there"));
    let mut files = docker("web:1", &tars());
    files.0[2].1 = build::config("amd64", &tars()[..1]);
    let (name, said) = at("diff ids", files);
    cases.push((name, said, "1 diff ids for 2 layers"));
    let mut files = oci(&tars(), gzip);
    files.0[4].1 = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let (name, said) = at("deep", files);
    cases.push((name, said, "index.json is not readable"));
    for (name, said, text) in cases {
        assert!(said.contains(text), "{name}: {said}");
    }
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions::default();
    for (bytes, text) in [
        (various().end(), "without manifest.json and index.json"),
        (b"just some text".to_vec(), "not a tar"),
        (vec![b'x'; 4096], "not a tar"),
        (Vec::new(), "without manifest.json"),
        (gzip(b"text"), "not a tar"),
    ] {
        let path = saved(&folder, &bytes);
        let said = fault(path.to_str().unwrap(), &options);
        assert!(
            said.contains("is not an image") && said.contains(text),
            "{said}"
        );
    }
    let path = saved(&folder, &oci(&tars(), gzip).tar());
    let said = fault(&format!("docker-archive:{}", path.display()), &options);
    assert!(said.contains("no manifest.json"), "{said}");
    let said = fault(&format!("dir:{}", path.display()), &options);
    assert!(said.contains("not a directory"), "{said}");
    let said = fault("no/such/file.tar", &options);
    assert!(
        said.starts_with("there is no file or folder no/such/file.tar"),
        "{said}"
    );
    assert!(fault("", &options).contains("not an image reference"));
}

//! Whole images, read from archives.

use std::io::Write as _;

use pellucid_detect::{DetectError, DetectOptions, image, layer};
use pellucid_image::{Expected, Limits, OpenOptions, open, read_layer_stream};
use pellucid_model::{DigestState, Inventory};
use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder};

use crate::layers::{packages, status, warnings};

const STATUS: &str = "var/lib/dpkg/status";
const DEBIAN: &str = "ID=debian\nVERSION_ID=12\n";
const RHEL: &str = "ID=\"rhel\"\nVERSION_ID=\"9.4\"\n";
const DATABASE: &[u8] = include_bytes!("../data/rpm/log/root/var/lib/rpm/rpmdb.sqlite");
const LOG: &[u8] = include_bytes!("../data/rpm/log/root/var/lib/rpm/rpmdb.sqlite-wal");

fn scan(archive: &[u8], options: &DetectOptions) -> Result<Inventory, DetectError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    let opened = open(file.path().to_str().unwrap(), &OpenOptions::default()).unwrap();
    let mut inventory = image(&opened, options, &())?;
    inventory.image.reference = String::new();
    Ok(inventory)
}

fn found(image: ImageBuilder) -> Vec<String> {
    packages(&scan(&image.docker_archive(), &DetectOptions::default()).unwrap())
}

#[test]
fn a_database_and_its_log_are_one_wherever_they_lie() {
    let main = |layer: LayerBuilder, path: &str| layer.file(path, DATABASE);
    let log = |layer: LayerBuilder, path: &str| layer.file(path, LOG);
    let base = || LayerBuilder::new().file("etc/os-release", RHEL);
    let (path, wal) = ("var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite-wal");
    let all = |at: usize| {
        vec![
            "bash 5.1.8-6.el9 @0".to_owned(),
            format!("openssl-libs 1:3.0.7-27.el9 @{at}"),
            format!("php-cli 7.4.19-4.module @{at}"),
        ]
    };
    let one = ImageBuilder::new().layer(log(main(base(), path), wal));
    assert_eq!(found(one), all(0));
    let before = ImageBuilder::new().layer(main(log(base(), wal), path));
    assert_eq!(found(before), all(0));
    let two = ImageBuilder::new()
        .layer(main(base(), path))
        .layer(log(LayerBuilder::new(), wal));
    assert_eq!(found(two), all(1));
    let gone = ImageBuilder::new()
        .layer(log(main(base(), path), wal))
        .layer(LayerBuilder::new().whiteout(wal));
    assert_eq!(found(gone), ["bash 5.1.8-6.el9 @0"]);
    let empty = ImageBuilder::new()
        .layer(main(base(), path))
        .layer(LayerBuilder::new().file(wal, ""));
    assert_eq!(found(empty), ["bash 5.1.8-6.el9 @0"]);
    // The folder that the log is in may be a link of a lower layer.
    let linked = ImageBuilder::new()
        .layer(
            main(base(), "usr/lib/sysimage/rpm/rpmdb.sqlite")
                .symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm"),
        )
        .layer(log(LayerBuilder::new(), wal));
    assert_eq!(found(linked), all(1));
    let link = ImageBuilder::new().layer(
        log(main(base(), "opt/db"), "var/lib/rpm/rpmdb.sqlite-wal").symlink(path, "/opt/db"),
    );
    // The kernel opens the log beside the file that the link leads to.
    assert_eq!(found(link), ["bash 5.1.8-6.el9 @0"]);
}

#[test]
fn files_behind_links_are_read_in_a_second_pass() {
    let base = LayerBuilder::new()
        .file("opt/os", DEBIAN)
        .file("opt/status", status(&["a 1"]))
        .symlink("etc/os-release", "/opt/os")
        .symlink(STATUS, "../../../opt/status");
    let image = ImageBuilder::new()
        .layer(base)
        .layer(LayerBuilder::new().file("opt/status", status(&["a 1", "b 1"])));
    let inventory = scan(&image.oci_archive(), &DetectOptions::default()).unwrap();
    assert_eq!(packages(&inventory), ["a 1 @0", "b 1 @1"]);
    assert_eq!(inventory.distributions[0].namespace.as_str(), "debian:12");
    assert_eq!(inventory.distributions[0].path, "opt/os");
    assert_eq!(inventory.packages[0].path(), Some("opt/status"));
    assert!(warnings(&inventory).is_empty());
}

fn webshop() -> ImageBuilder {
    let mut image = ImageBuilder::new().compression(Compression::Gzip).layer(
        LayerBuilder::new()
            .file("etc/os-release", DEBIAN)
            .file(STATUS, status(&["a 1", "b 1", "c 1"])),
    );
    for number in 2..9 {
        let text = [status(&["a 1", "c 1"]), status(&[&*format!("b {number}")])].concat();
        image = image.layer(LayerBuilder::new().file(STATUS, text));
    }
    image
}

#[test]
fn the_answer_does_not_depend_on_threads_or_the_archive() {
    let once = |threads, archive: Vec<u8>| {
        let options = DetectOptions {
            hidden: true,
            threads,
            ..DetectOptions::default()
        };
        let mut inventory = scan(&archive, &options).unwrap();
        assert_eq!(inventory.packages.len(), 10);
        for layer in &inventory.image.layers {
            assert_eq!(layer.digest_state, DigestState::Verified);
        }
        inventory.image.digest = None;
        inventory.image.tags.clear();
        serde_json::to_string(&(inventory.packages, inventory.distributions)).unwrap()
    };
    let first = once(1, webshop().oci_archive());
    for threads in [0, 2, 8] {
        assert_eq!(once(threads, webshop().oci_archive()), first);
        assert_eq!(once(threads, webshop().docker_archive()), first);
    }
}

#[test]
fn of_several_broken_layers_the_lowest_is_named() {
    let broken = || LayerBuilder::new().file("var/lib/rpm/Packages", "junk");
    let image = || {
        ImageBuilder::new()
            .layer(LayerBuilder::new().file("etc/os-release", RHEL))
            .layer(broken())
            .layer(LayerBuilder::new().file("usr/lib/sysimage/rpm/Packages.db", "junk"))
    };
    for threads in [1, 2, 8] {
        let options = DetectOptions {
            threads,
            ..DetectOptions::default()
        };
        match scan(&image().oci_archive(), &options) {
            Err(DetectError::Database { path, .. }) => {
                assert_eq!(path, "usr/lib/sysimage/rpm/Packages.db");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_layer_that_ends_early_gives_no_shorter_list() {
    let tar = LayerBuilder::new()
        .file("etc/os-release", DEBIAN)
        .file(STATUS, status(&["a 1", "b 1"]))
        .file("var/lib/rpm/rpmdb.sqlite", DATABASE)
        .file("srv/data", vec![7; 9000])
        .tar();
    let read = |mut bytes: &[u8]| {
        let mut reader = layer();
        let limits = Limits::default();
        read_layer_stream(&mut bytes, &Expected::default(), &limits, &mut reader, &()).ok()?;
        Some(reader.finish(0).unwrap())
    };
    let whole = read(&tar).unwrap();
    let mut errors = 0;
    for cut in (1..tar.len()).step_by(97) {
        match read(&tar[..cut]) {
            Some(inventory) => assert_eq!(inventory.files(), whole.files(), "cut at {cut}"),
            None => errors += 1,
        }
    }
    assert!(errors > 150, "{errors} of {} cuts", tar.len() / 97);
}

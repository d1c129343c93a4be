//! Threads that read gave up files and sockets, and everything is read all the same.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pellucid_image::{OpenImage, OpenOptions, open, open_all};
use pellucid_sandbox::{Allowed, Confined, available, confine};
use pellucid_testkit::Engine;
use pellucid_testkit::registry::{Guard, Registry};

use crate::build::{Tar, docker, gzip, oci, saved};
use crate::registry::{CANARY, image as pushed, options as of_registry, token_server, with_login};
use crate::seen::{self, Line};

/// What was asked of [`alone`], by this file's only test.
static ASKED: Mutex<Vec<Option<PathBuf>>> = Mutex::new(Vec::new());

fn alone(place: Option<&Path>) {
    ASKED.lock().unwrap().push(place.map(Path::to_owned));
    let confined = confine(&Allowed {
        read: place.map(Path::to_owned).into_iter().collect(),
        spool: vec![std::env::temp_dir()],
        ..Allowed::default()
    });
    if confined == Confined::Fully {
        assert!(File::open("/etc/passwd").is_err());
    }
}

/// The layers, read on a thread that is confined as the one was that opened the image.
fn read(opened: &OpenImage) -> Vec<Vec<Line>> {
    let layers = || {
        alone(opened.place());
        let indices = 0..opened.image().layers.len();
        let layer = |index| {
            let mut seen = seen::Seen::default();
            opened.read_layer(index, &mut seen, &()).unwrap();
            seen.lines
        };
        indices.map(layer).collect()
    };
    std::thread::scope(|scope| scope.spawn(layers).join().unwrap())
}

#[test]
fn what_an_image_says_is_read_by_threads_that_gave_up_the_rest() {
    if available() != Confined::Fully {
        println!("nothing is given up: this kernel does not know all of landlock");
    }
    let folder = tempfile::tempdir().unwrap();
    let tars = [
        Tar::default().file("etc/os-release", b"ID=debian\n").end(),
        Tar::default().file("big", &[7; 6 << 20]).end(),
    ];
    let archive = saved(&folder, &gzip(&docker("app:latest", &tars).tar()));
    let layout = folder.path().join("layout");
    oci(&tars, gzip).write_below(&layout);
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/os-release"), "ID=debian\n").unwrap();
    let engine = Engine::start(folder.path(), "app:latest", docker("app", &tars).tar());
    let (registry, tokens) = (Registry::new(), token_server());
    registry.push("team/app", "latest", pushed());
    registry.content().guard = Guard::Token {
        realm: format!("http://{}/token", tokens.host()),
        token: "t0ken".to_owned(),
    };
    let hosts = [registry.host(), tokens.host()];
    let hosts = hosts.each_ref().map(String::as_str);
    let options = with_login(of_registry(&hosts), hosts[0], CANARY);
    let options = OpenOptions {
        daemons: pellucid_image::Daemons {
            docker: vec![engine.socket()],
            ..pellucid_image::Daemons::default()
        },
        ..options
    };
    let apart = OpenOptions {
        confine: Some(alone),
        ..options.clone()
    };
    let of_path = |path: &Path| (path.display().to_string(), Some(path.to_owned()));
    for (reference, place) in [
        of_path(&archive),
        of_path(&layout),
        of_path(&root),
        ("app".to_owned(), None),
        (format!("{}/team/app", registry.host()), None),
    ] {
        let image = open(&reference, &options).unwrap();
        let indices = 0..image.image().layers.len();
        let wanted: Vec<_> = indices
            .map(|index| {
                let mut seen = seen::Seen::default();
                image.read_layer(index, &mut seen, &()).unwrap();
                seen.lines
            })
            .collect();
        assert!(ASKED.lock().unwrap().is_empty(), "none was asked for");
        let image = open(&reference, &apart).unwrap();
        assert_eq!(image.place(), place.as_deref(), "{reference}");
        assert_eq!(
            *ASKED.lock().unwrap(),
            std::slice::from_ref(&place),
            "{reference}"
        );
        assert_eq!(read(&image), wanted, "{reference}");
        ASKED.lock().unwrap().clear();
        let images = open_all(&reference, &apart).unwrap();
        assert_eq!(images.len(), 1);
        let mut asked = std::mem::take(&mut *ASKED.lock().unwrap());
        asked.dedup();
        assert_eq!(asked, [place], "{reference}");
    }
}

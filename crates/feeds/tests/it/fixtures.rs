//! Every folder `data/<feed>/<case>/` holds the files that the feed's plan names, as upstream would
//! serve them, and what pellucid reads in them. `part` names the snapshot key where it is not the
//! feed's only one.

use std::fs;
use std::path::{Path, PathBuf};

use pellucid_feeds::{FEEDS, Fetched};
use serde_json::json;

use crate::{Collected, requests};

#[test]
fn every_case_reads_as_recorded() {
    for feed in FEEDS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(feed.name());
        let cases = folders(&folder);
        assert!(
            !cases.is_empty(),
            "no fixture folder in {}",
            folder.display()
        );
        for case in cases {
            let key = fs::read_to_string(case.join("part"))
                .unwrap_or_else(|_| feed.parts().swap_remove(0));
            let mut read = Collected::default();
            let mut files = 0;
            for request in requests(&key) {
                if let Ok(body) = fs::read(case.join(&request.name)) {
                    files += 1;
                    let file = Fetched {
                        key: &key,
                        request: &request,
                        member: None,
                        body: &body,
                    };
                    feed.parse(&file, &mut read).unwrap();
                }
            }
            assert!(
                files > 0,
                "{} holds none of the feed's files",
                case.display()
            );
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(&case);
            settings.set_prepend_module_to_snapshot(false);
            settings.bind(|| {
                insta::assert_json_snapshot!(
                    "read",
                    json!({
                        "advisories": read.advisories,
                        "bad records": read.bad_records,
                        "left out": read.left_out,
                    })
                );
            });
        }
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

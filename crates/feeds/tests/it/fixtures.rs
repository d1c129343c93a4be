//! Every folder `data/<feed>/<case>/` holds the files that the feed's plan names, as upstream would
//! serve them, unpacked, and what pellucid reads in them. An archive is a folder. `part` names the snapshot key where it is not the
//! feed's only one.

use std::fs;
use std::path::{Path, PathBuf};

use pellucid_feeds::{FEEDS, Fetched};
use serde_json::json;

use crate::{Collected, requests_with};

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
            // One that is absent is handed back empty, as the updater does.
            let index = |name: &str| fs::read(case.join(name)).unwrap_or_default();
            let (requests, indexes) = requests_with(&key, index);
            for request in requests {
                let path = case.join(&request.name);
                let members = members(&path);
                let mut parse = |member: Option<&str>, body: &[u8]| {
                    files += 1;
                    let file = Fetched {
                        indexes: &indexes,
                        key: &key,
                        request: &request,
                        member,
                        body,
                    };
                    feed.parse(&file, &mut read).unwrap();
                };
                for member in &members {
                    if feed.wants_member(&request, member) {
                        parse(Some(member), &fs::read(path.join(member)).unwrap());
                    }
                }
                if let Ok(body) = fs::read(&path) {
                    parse(None, &body);
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
                let mut all = json!({
                    "advisories": read.advisories,
                    "bad records": read.bad_records,
                    "left out": read.left_out,
                });
                if !read.built_from.is_empty() {
                    all["built from"] = json!(read.built_from);
                }
                insta::assert_json_snapshot!("read", all);
            });
        }
    }
}

/// Members of an archive, which is a folder here, by their paths in it.
fn members(folder: &Path) -> Vec<String> {
    let mut members = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                members.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    members.sort();
    members
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

//! Every feed against every way in which a server fails: the last good snapshot stays, the status says
//! what happened, and another feed of the same run is not touched by it.
//!
//! The documents are the feeds' own fixtures, the index files and the data of each fail in turn.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use pellucid_feeds::{FEEDS, Feed, FeedState, IndexFile, Plan, Request};
use pellucid_updater::Updated;

use crate::server::Answer;
use crate::{ALPINE, DEBIAN, World, secdb, tracker};

/// What a server does wrong, and what the status must say of it, one of these.
const FAULTS: &[(Fault, &[&str])] = &[
    (Fault::Status(500), &["answers with status 500"]),
    (Fault::Status(404), &["answers with status 404"]),
    (Fault::TooMany, &["asks to come back in 3600 seconds"]),
    (Fault::Hang, &["sent nothing for"]),
    (
        Fault::Drip,
        &["sends fewer than", "is larger than the limit"],
    ),
    // Where an index says what the file is, that is looked at first.
    (Fault::TruncatedGzip, &["cannot be unpacked", "has sha256"]),
    // What an empty document of a feed is called is the feed's; that it is an error is not.
    (Fault::Empty, &[""]),
    (Fault::WebPage, &[""]),
    (Fault::TooLarge, &["is larger than the limit"]),
    (Fault::Older, &["older than what is there", "has sha256"]),
    (Fault::Checksum, &["has sha256"]),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Status(u16),
    TooMany,
    Hang,
    Drip,
    TruncatedGzip,
    Empty,
    WebPage,
    TooLarge,
    Older,
    Checksum,
}

/// Which of a feed's files fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    Indexes,
    Data,
}

/// A file as the fake server has it.
struct Served {
    request: Request,
    which: Which,
    body: Vec<u8>,
}

/// A feed's key, and every file that it reads.
struct Case {
    key: String,
    files: Vec<Served>,
    /// Whether with the mark of a good update it reads no data, so that none of it could fail.
    rests: bool,
}

impl Case {
    /// Of the feed's first fixture; `None` if it holds no files of the feed.
    fn of(feed: &dyn Feed) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../feeds/tests/data");
        let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join(feed.name()))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.ends_with("broken-records"))
            .collect();
        folders.sort();
        let folder = folders.first().unwrap();
        let key = std::fs::read_to_string(folder.join("part"))
            .unwrap_or_else(|_| feed.parts().swap_remove(0));
        let mut files = Vec::new();
        let mut indexes = Vec::new();
        let mut mark: Option<String> = None;
        let mut rests = false;
        // The second way round asks as an update does that has a mark.
        for _ in 0..16 {
            let state = FeedState {
                mark: mark.as_deref(),
                indexes: &indexes,
            };
            let (requests, next) = match feed.plan(&key, &state).unwrap() {
                Plan::Index(requests) => {
                    for request in requests {
                        let body = read(folder, &request).unwrap_or_default();
                        files.push(Served {
                            request: request.clone(),
                            which: Which::Indexes,
                            body: body.clone(),
                        });
                        indexes.push(IndexFile { request, body });
                    }
                    continue;
                }
                Plan::Advisories { requests, mark } | Plan::Changes { requests, mark, .. } => {
                    (requests, mark)
                }
                other => panic!("{key} plans {other:?}"),
            };
            rests = mark.is_some() && requests.is_empty();
            for request in requests {
                if let Some(body) = read(folder, &request) {
                    files.push(Served {
                        request,
                        which: Which::Data,
                        body,
                    });
                }
            }
            if mark.is_some() || next.is_none() {
                break;
            }
            mark = next;
        }
        Self { key, files, rests }
    }

    /// Whether an update does without the index files rather than fail.
    fn does_without_indexes(&self) -> bool {
        let mut indexes = self
            .files
            .iter()
            .filter(|file| file.which == Which::Indexes);
        indexes.all(|file| file.request.may_fail)
    }

    fn needs_no_index(&self) -> bool {
        let mut indexes = self
            .files
            .iter()
            .filter(|file| file.which == Which::Indexes);
        indexes.all(|file| file.request.may_be_absent)
    }

    fn has(&self, which: Which) -> bool {
        self.files.iter().any(|file| file.which == which)
    }

    /// Serves every file, those of a kind with a fault.
    fn serve(&self, world: &World, broken: Option<(Which, Fault)>) {
        let day = if broken.is_some() { "10" } else { "12" };
        for file in &self.files {
            let fault = broken.filter(|(which, _)| *which == file.which);
            let answer = match fault {
                None => dated(day, file.body.clone()),
                Some((_, fault)) => answer(fault, file),
            };
            world.server.answer(&path(&file.request.url), [answer]);
        }
    }
}

/// The fixture of a request; a folder is an archive.
fn read(folder: &Path, request: &Request) -> Option<Vec<u8>> {
    let path = folder.join(&request.name);
    if !path.is_dir() {
        return std::fs::read(path).ok();
    }
    let mut archive = tar::Builder::new(Vec::new());
    let mut left = vec![path.clone()];
    let mut members = BTreeMap::new();
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                left.push(entry);
            } else {
                let name = entry.strip_prefix(&path).unwrap().to_owned();
                members.insert(name, std::fs::read(entry).unwrap());
            }
        }
    }
    for (name, body) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, body.as_slice())
            .unwrap();
    }
    Some(archive.into_inner().unwrap())
}

/// Where a mirror without a list has a URL.
fn path(url: &str) -> String {
    let (_, path) = url.split_once("://").unwrap();
    format!("/{}", path.replace(' ', "%20"))
}

fn dated(day: &str, body: Vec<u8>) -> Answer {
    let date = format!("Wed, {day} Feb 2025 10:00:00 GMT");
    Answer::Body(vec![("last-modified", date)], body)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

fn answer(fault: Fault, file: &Served) -> Answer {
    match fault {
        Fault::Status(status) => Answer::Status(status, Vec::new()),
        Fault::TooMany => Answer::Status(429, vec![("retry-after", "3600".to_owned())]),
        Fault::Hang => Answer::Hang,
        Fault::Drip => Answer::Drip,
        Fault::TruncatedGzip => {
            let whole = gzip(&[file.body.as_slice(), &[b' '; 64]].concat());
            Answer::body(whole.get(..whole.len() / 2).unwrap())
        }
        Fault::Empty => Answer::body(empty(file)),
        Fault::WebPage => Answer::body("<!DOCTYPE html><html><title>Sign in</title></html>"),
        Fault::TooLarge => {
            let promised = usize::try_from(file.request.limit).unwrap() + 1;
            Answer::CutShort(promised, file.body.clone())
        }
        // Other bytes, so that it is no copy of what is there.
        Fault::Older => {
            let date = "Thu, 02 Jan 2025 10:00:00 GMT".to_owned();
            Answer::Body(vec![("last-modified", date)], gzip(&file.body))
        }
        // The list of the mirror is what is wrong.
        Fault::Checksum => dated("12", file.body.clone()),
    }
}

/// A well-formed document of the same kind with nothing in it.
fn empty(file: &Served) -> Vec<u8> {
    if file.which == Which::Indexes {
        return b"\n".to_vec();
    }
    if file.request.member_limit.is_some() {
        return tar::Builder::new(Vec::new()).into_inner().unwrap();
    }
    let text = String::from_utf8_lossy(&file.body);
    match text.trim_start().chars().next() {
        Some('{') => b"{}".to_vec(),
        Some('[') => b"[]".to_vec(),
        Some('<') => {
            let root = text
                .split('<')
                .skip(1)
                .find(|tag| !tag.starts_with(['?', '!']))
                .unwrap();
            let tag = root.split('>').next().unwrap();
            let name = tag.split_ascii_whitespace().next().unwrap();
            format!("<{tag}></{name}>").into_bytes()
        }
        // A table without rows.
        _ => {
            let head = text.lines().take_while(|line| !line.starts_with("CVE-"));
            head.collect::<Vec<_>>().join("\n").into_bytes()
        }
    }
}

/// A list of a mirror that is wrong about these files, and right about the witness.
fn wrong_list(case: &Case, which: Which, witness: &[&str]) -> String {
    let mut list = "url\tfile\tsha256\n".to_owned();
    for file in &case.files {
        let url = &file.request.url;
        let sum = if file.which == which {
            "0".repeat(64)
        } else {
            "-".to_owned()
        };
        let place = path(url);
        list.push_str(&format!(
            "{url}\t{}\t{sum}\n",
            place.trim_start_matches('/')
        ));
    }
    for path in witness {
        let path = path.trim_start_matches('/');
        list.push_str(&format!("https://{path}\t{path}\t-\n"));
    }
    list
}

/// Runs all faults against one feed. What is wrong, in words.
async fn run(feed: &'static dyn Feed) -> Vec<String> {
    let case = Case::of(feed);
    let mut wrong = Vec::new();
    let mut world = World::new().await;
    world.options.attempts = 2;
    let patient = world.options.clone();
    let (witness, own): (&str, &[&str]) = if case.key == "debian" {
        ("alpine/v3.20", &ALPINE)
    } else {
        ("debian", &[DEBIAN])
    };
    case.serve(&world, None);
    for outcome in world.update(&[&case.key, witness]).await {
        if !matches!(outcome.result, Ok(Updated::Published { .. })) {
            wrong.push(format!("{}: not well to begin with: {outcome:?}", case.key));
            return wrong;
        }
    }
    let mut good = world.digest(&case.key);
    for (number, which) in [Which::Indexes, Which::Data].into_iter().enumerate() {
        if !case.has(which) {
            continue;
        }
        for (turn, (fault, says)) in FAULTS.iter().enumerate() {
            case.serve(&world, Some((which, *fault)));
            if *fault == Fault::Checksum {
                let list = wrong_list(&case, which, own);
                world.server.answer("/MANIFEST.tsv", [Answer::body(list)]);
            }
            // The other feed has news every time.
            let news = 101 + number * FAULTS.len() + turn;
            world.server.answer(DEBIAN, [Answer::body(tracker(news))]);
            world
                .server
                .answer(ALPINE[0], [Answer::body(secdb(&format!("p{news}")))]);
            // One of the two is the feed itself, whose fault it must not undo.
            if case.key == "debian" || case.key == "alpine/v3.20" {
                case.serve(&world, Some((which, *fault)));
            }
            world.options = patient.clone();
            // Short of patience only where it is tried: the machine may be busy.
            if *fault == Fault::Hang {
                world.options.connect_timeout = Duration::from_millis(100);
                world.options.read_timeout = Duration::from_millis(400);
            } else if *fault == Fault::Drip {
                world.options.rate_window = Duration::from_millis(300);
                world.options.least_rate = 10_000;
            }
            if case.rests {
                let mut status = world.catalog().status(&case.key);
                for file in status.state.values_mut() {
                    file.remove("mark");
                }
                world.catalog().record_status(&case.key, status).unwrap();
            }
            let outcomes = world.update(&[&case.key, witness]).await;
            world
                .server
                .answer("/MANIFEST.tsv", [Answer::Status(404, Vec::new())]);
            let mut check = |what: &str, holds: bool| {
                if !holds {
                    let result = &outcomes.first().unwrap().result;
                    wrong.push(format!(
                        "{} {which:?} {fault:?}: {what}: {result:?}",
                        case.key
                    ));
                }
            };
            let status = world.catalog().status(&case.key);
            let said = status.last_error.clone().unwrap_or_default();
            // Index files have no date of their own, so that these lead to news like any others.
            // And what need not be there is as good as not there if it is empty.
            let harmless = which == Which::Indexes
                && (*fault == Fault::Older
                    || case.does_without_indexes()
                    || case.needs_no_index()
                        && matches!(fault, Fault::Status(404) | Fault::Empty | Fault::WebPage));
            if harmless {
                good = world.digest(&case.key);
            }
            if !harmless {
                check("no error", outcomes.first().unwrap().result.is_err());
                check("no status", status.last_error.is_some());
                let told = says.iter().any(|words| said.contains(words));
                check(&format!("the status says {said:?}"), told);
            }
            check("another snapshot", world.digest(&case.key) == good);
            check("it is damaged", world.catalog().verify(&case.key).is_ok());
            check(
                "the other feed has no news",
                matches!(
                    outcomes.last().unwrap().result,
                    Ok(Updated::Published { .. })
                ),
            );
        }
    }
    // Once all is well again, so is the status.
    case.serve(&world, None);
    let outcome = world.update(&[&case.key]).await.remove(0);
    if outcome.result.is_err() || world.catalog().status(&case.key).last_error.is_some() {
        wrong.push(format!("{}: not well in the end: {outcome:?}", case.key));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_does_the_last_good_snapshot_stays() {
    let runs: Vec<_> = FEEDS.iter().map(|feed| run(*feed)).collect();
    let wrong: Vec<Vec<String>> = futures_util::stream::iter(runs)
        .map(tokio::spawn)
        .buffer_unordered(8)
        .map(Result::unwrap)
        .collect()
        .await;
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

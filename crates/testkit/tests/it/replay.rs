//! A server that plays a recording back is found to be as recorded; one that changes anything is not.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use pellucid_testkit::golden::{Pair, Transcript};
use pellucid_testkit::replay::{Outcome, Outcomes, Permitted, Stage, Surroundings, Target, replay};

/// Changes what the server plays back.
type Mutation = fn(&mut Reply);

#[derive(Clone)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

struct Plays {
    target: Target,
    names: Vec<String>,
}

impl Surroundings for Plays {
    fn notifications(&mut self) -> Result<Vec<String>, String> {
        Ok(self.names.clone())
    }

    fn enter(&mut self, _: Stage) -> Result<Target, String> {
        Ok(self.target.clone())
    }
}

/// What a server makes up is never what another made up.
fn live(text: &str) -> String {
    text.replace("gAAAAAB", "gLIVEAB").replace("4abc-", "4def-")
}

fn play_back(transcript: &Transcript, permitted: &Permitted, mutate: Mutation) -> Outcomes {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let pairs = transcript.pairs.clone();
    let folder = transcript.folder.to_str().unwrap().to_owned();
    let mut names = Vec::new();
    let mut notifications = HashMap::new();
    for pair in &pairs {
        if let Some(name) = pair.path.strip_prefix("/v1/notifications/")
            && pair.response.is_json
            && pair.method == "GET"
        {
            let name = live(name.split('?').next().unwrap());
            if name.len() == 36 {
                notifications.insert(name.clone(), pair.clone());
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names.reverse();
    std::thread::spawn(move || {
        let mut pairs = pairs.into_iter().peekable();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (method, target, body) = request(&stream);
            let pair = match pairs.next_if(|pair| is_for(pair, &method, &target)) {
                Some(pair) => pair,
                None => {
                    let name = target.strip_prefix("/v1/notifications/").unwrap();
                    let name = name.split('?').next().unwrap();
                    notifications.get(name).unwrap().clone()
                }
            };
            let port = body.split("http://127.0.0.1:").nth(1).unwrap_or_default();
            let port: String = port.chars().take_while(char::is_ascii_digit).collect();
            let recorded = String::from_utf8_lossy(&pair.response.body);
            let recorded = live(&recorded).replace("@GOLDEN@", &folder);
            let mut reply = Reply {
                status: pair.response.status,
                headers: pair.response.headers.clone(),
                body: recorded.replace("127.0.0.1:18099", &format!("127.0.0.1:{port}")),
            };
            mutate(&mut reply);
            answer(&mut stream, &method, &reply);
        }
    });
    let target = Target {
        api: address.clone(),
        health: Some(address),
    };
    let mut plays = Plays {
        target: target.clone(),
        names,
    };
    replay(transcript, target, permitted, &mut plays).unwrap()
}

fn is_for(pair: &Pair, method: &str, target: &str) -> bool {
    let split = |target: &str| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (path.to_owned(), query.to_owned())
    };
    let (path, query) = split(&live(&pair.path));
    let (asked_path, asked_query) = split(target);
    let tokens = query.contains("page=") && asked_query.contains("page=");
    pair.method == method && path == asked_path && (tokens || query == asked_query)
}

fn request(stream: &TcpStream) -> (String, String, String) {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split(' ').map(str::to_owned);
    (
        words.next().unwrap(),
        words.next().unwrap(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

fn answer(stream: &mut TcpStream, method: &str, reply: &Reply) {
    let mut text = format!("HTTP/1.1 {} x\r\n", reply.status);
    for (name, value) in &reply.headers {
        // The body is played back as it was kept: inflated and whole.
        if !["content-length", "transfer-encoding", "content-encoding"]
            .contains(&name.to_ascii_lowercase().as_str())
        {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let mut body = reply.body.clone().into_bytes();
    if reply
        .headers
        .iter()
        .any(|(name, _)| name == "Content-Encoding")
    {
        text += "Content-Encoding: gzip\r\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&body).unwrap();
        body = gzip.finish().unwrap();
    }
    text += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(text.as_bytes()).unwrap();
    if method != "HEAD" {
        stream.write_all(&body).unwrap();
    }
}

fn write(folder: &Path, name: &str, request: &str, status: u16, response: &str) {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("request.json"), request).unwrap();
    fs::write(folder.join("response.status"), format!("{status}\n")).unwrap();
    let headers = "Content-Type: application/json;charset=utf-8\r\nServer: clair\r\n";
    fs::write(folder.join("response.headers"), headers).unwrap();
    fs::write(folder.join("response.json"), response).unwrap();
}

/// A layer, two pages of a list, and a notification.
fn small() -> (tempfile::TempDir, Transcript) {
    let folder = tempfile::tempdir().unwrap();
    let get = |path: &str, volatile: &str| {
        format!(
            r#"{{"method":"GET","path":"{path}","port":"api","headers":{{}},"volatile":[{volatile}]}}"#
        )
    };
    let token = format!("gAAAAAB{}=", "a".repeat(60));
    write(
        folder.path(),
        "070-post",
        r#"{"method":"POST","path":"/v1/layers","port":"api","headers":{"Content-Type":"application/json"},
            "body":{"Layer":{"Name":"a","Path":"@GOLDEN@/layers/a.tar","Format":"Docker"}}}"#,
        201,
        r#"{"Layer":{"Name":"a","Path":"@GOLDEN@/layers/a.tar","Format":"Docker"}}"#,
    );
    write(
        folder.path(),
        "076-get",
        &get("/v1/layers/a?features", r#""Layer.Features order""#),
        200,
        r#"{"Layer":{"Name":"a","Features":[{"Name":"b"},{"Name":"a"}]}}"#,
    );
    write(
        folder.path(),
        "305-page",
        &get("/v1/namespaces/x/vulnerabilities?limit=1", r#""NextPage""#),
        200,
        &format!(r#"{{"Vulnerabilities":[{{"Name":"a"}}],"NextPage":"{token}"}}"#),
    );
    let encoded = token.replace('=', "%3D");
    write(
        folder.path(),
        "306-page",
        &get(
            &format!("/v1/namespaces/x/vulnerabilities?limit=1&page={encoded}"),
            "",
        ),
        200,
        r#"{"Vulnerabilities":[{"Name":"b"}]}"#,
    );
    let name = "070d2f5f-80dc-4abc-8c6f-44c91490b170";
    write(
        folder.path(),
        "405-notification",
        &get(
            &format!("/v1/notifications/{name}?limit=9"),
            r#""Created","Name (uuid)","NextPage","Index""#,
        ),
        200,
        &format!(
            r#"{{"Notification":{{"Name":"{name}","Created":"1","Page":"{token}","New":{{"Vulnerability":{{"Name":"a"}},
                "OrderedLayersIntroducingVulnerability":[{{"Index":4,"LayerName":"a"}},{{"Index":9,"LayerName":"b"}}]}}}}}}"#
        ),
    );
    let transcript = Transcript::read(folder.path()).unwrap();
    (folder, transcript)
}

fn all_wrong(transcript: &Transcript, mutate: Mutation) -> Vec<String> {
    let outcomes = play_back(transcript, &Permitted::default(), mutate);
    let wrong = outcomes.pairs.into_iter();
    wrong
        .filter(|(_, outcome)| matches!(outcome, Outcome::Wrong { .. }))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn what_is_played_back_is_as_recorded() {
    let (_folder, transcript) = small();
    let outcomes = play_back(&transcript, &Permitted::default(), |reply| {
        reply.body = reply
            .body
            .replace(
                r#"[{"Name":"b"},{"Name":"a"}]"#,
                r#"[{"Name":"a"},{"Name":"b"}]"#,
            )
            .replace(r#""Created":"1""#, r#""Created":"2""#)
            .replace(r#""Index":9"#, r#""Index":5"#);
    });
    assert_eq!(
        outcomes.count(|outcome| *outcome == Outcome::Same),
        5,
        "{outcomes}"
    );
}

#[test]
fn every_change_is_found() {
    let (_folder, transcript) = small();
    let changes: [(Mutation, &[&str]); 7] = [
        (
            |reply| reply.status += 1,
            &[
                "070-post",
                "076-get",
                "305-page",
                "306-page",
                "405-notification",
            ],
        ),
        (
            |reply| reply.headers.retain(|(name, _)| name != "Server"),
            &[
                "070-post",
                "076-get",
                "305-page",
                "306-page",
                "405-notification",
            ],
        ),
        // The order of fields.
        (
            |reply| {
                let (name, path) = (r#""Name":"a","#, r#""Path":"#);
                if reply.body.contains(path) {
                    reply.body = reply
                        .body
                        .replace(name, "")
                        .replace(r#""Format":"#, &format!(r#"{name}"Format":"#));
                }
            },
            &["070-post"],
        ),
        (
            |reply| reply.body = reply.body.replace(r#"{"Name":"b"},"#, ""),
            &["076-get"],
        ),
        (
            |reply| reply.body = reply.body.replace("\"NextPage\"", "\"nextPage\""),
            &["305-page"],
        ),
        // The order of internal numbers.
        (
            |reply| reply.body = reply.body.replace("\"Index\":9", "\"Index\":3"),
            &["405-notification"],
        ),
        (
            |reply| reply.body = reply.body.replace("\"Created\":\"1\",", ""),
            &["405-notification"],
        ),
    ];
    for (index, (mutate, wrong)) in changes.into_iter().enumerate() {
        assert_eq!(all_wrong(&transcript, mutate), wrong, "change {index}");
    }
}

#[test]
fn a_listed_difference_passes_until_it_is_gone() {
    let (_folder, transcript) = small();
    let permitted = Permitted::parse("76 | status | 1 | better here").unwrap();
    let outcomes = play_back(&transcript, &permitted, |reply| {
        if reply.body.contains("Features") {
            reply.status = 202;
        }
    });
    assert_eq!(outcomes.wrong(), 0, "{outcomes}");
    assert_eq!(
        outcomes.count(|outcome| matches!(outcome, Outcome::Permitted(..))),
        1
    );
    let outcomes = play_back(&transcript, &permitted, |_| {});
    assert_eq!(outcomes.wrong(), 1, "{outcomes}");
}

#[test]
fn the_real_recording_is_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let Ok(transcript) = Transcript::read(&folder) else {
        println!("skipped: no recording at ../shared/golden");
        return;
    };
    let none = Permitted::default();
    let outcomes = play_back(&transcript, &none, |_| {});
    assert_eq!(
        outcomes.count(|outcome| *outcome == Outcome::Same),
        transcript.pairs.len(),
        "{outcomes}"
    );
    let outcomes = play_back(&transcript, &none, |reply| reply.status += 1);
    assert_eq!(outcomes.wrong(), transcript.pairs.len());
}

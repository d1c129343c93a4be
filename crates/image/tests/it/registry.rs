//! Images in registries on loopback: who may read, what breaks, and where credentials never go.

use std::path::Path;
use std::time::Duration;

use pellucid_image::{Login, OpenImage, OpenOptions, RegistryOptions, Secret, open, open_all};
use pellucid_model::DigestState;
use pellucid_testkit::registry::{Guard, Registry, basic, digest};
use pellucid_testkit::web::{Answer, WebServer};
use pellucid_testkit::{Compression, ImageBuilder, LayerBuilder};

use crate::seen::{self, Line, chain};

/// A password that must be seen nowhere but where it belongs.
pub(crate) const CANARY: &str = "canary-5f1c";

pub(crate) fn image() -> ImageBuilder {
    let big: Vec<u8> = (0_u32..200_000)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect();
    ImageBuilder::new()
        .compression(Compression::Gzip)
        .layer(
            LayerBuilder::new()
                .file("etc/os-release", "ID=debian\n")
                .created_by("FROM"),
        )
        .layer(LayerBuilder::new().file("big", big))
}

/// Plain HTTP is said; nobody waits long.
pub(crate) fn options(hosts: &[&str]) -> OpenOptions {
    OpenOptions {
        registry: RegistryOptions {
            plain_http: hosts.iter().map(|host| (*host).to_owned()).collect(),
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(2),
            ..RegistryOptions::default()
        },
        ..OpenOptions::default()
    }
}

pub(crate) fn with_login(mut options: OpenOptions, registry: &str, password: &str) -> OpenOptions {
    options.registry.login = Some(Login {
        registry: registry.to_owned(),
        username: "robot".to_owned(),
        password: Secret::new(password),
    });
    options
}

fn lines(image: &OpenImage) -> Vec<Vec<Line>> {
    (0..image.image().layers.len())
        .map(|index| {
            let mut seen = seen::Seen::default();
            let read = image.read_layer(index, &mut seen, &()).unwrap();
            assert_eq!(read.digest_state, DigestState::Verified);
            seen.lines
        })
        .collect()
}

fn said(reference: &str, options: &OpenOptions) -> String {
    let outcome = seen::image(reference, options);
    let said = chain(&outcome.unwrap_err());
    assert!(!said.contains(CANARY), "{said}");
    assert!(!format!("{options:?}").contains(CANARY));
    said
}

/// The same image from an archive.
fn wanted() -> Vec<Vec<Line>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    std::fs::write(&path, image().oci_archive()).unwrap();
    let layers = seen::image_at(&path).unwrap();
    layers.into_iter().map(|(lines, _)| lines).collect()
}

#[test]
fn an_image_is_read_by_tag_and_by_digest() {
    let registry = Registry::new();
    let digest = registry.push("team/app", "1.0", image());
    let options = options(&[&registry.host()]);
    for (text, tags) in [
        (format!("{}/team/app:1.0", registry.host()), 1),
        (format!("registry:{}/team/app:1.0", registry.host()), 1),
        (format!("{}/team/app@{digest}", registry.host()), 0),
        (format!("{}/team/app:gone@{digest}", registry.host()), 0),
    ] {
        let opened = open(&text, &options).unwrap();
        let image = opened.image();
        assert_eq!(image.digest.unwrap().to_string(), digest);
        assert_eq!(image.tags.len(), tags, "{:?}", image.tags);
        assert!(
            image.reference.starts_with("registry:127.0.0.1:"),
            "{}",
            image.reference
        );
        assert_eq!(image.layers[0].created_by.as_deref(), Some("FROM"));
        assert_eq!(lines(&opened), wanted(), "{text}");
    }
}

#[test]
fn what_is_not_said_is_not_done() {
    let registry = Registry::new();
    registry.push("app", "latest", image());
    let text = format!("{}/app", registry.host());
    // Plain HTTP, not even on loopback.
    let mut strict = options(&[]);
    strict.registry.retries = 0;
    assert!(said(&text, &strict).contains("cannot be reached"));
    assert!(
        registry
            .server()
            .asked()
            .iter()
            .all(|request| request.target.is_empty() || !request.target.starts_with("/v2/"))
    );
    let mut offline = options(&[&registry.host()]);
    offline.offline = true;
    assert!(said(&text, &offline).contains("no socket may be opened"));
    // What looks like a file, or is a path's source, asks no registry.
    assert!(said("missing.tar", &offline).starts_with("there is no file or folder missing.tar"));
    assert!(said("oci:missing", &offline).starts_with("there is no file or folder missing"));
}

#[test]
fn a_platform_is_chosen_or_all_are_read() {
    let registry = Registry::new();
    let of = |architecture: &str| {
        let own = LayerBuilder::new().file("own", architecture);
        image().architecture(architecture).layer(own)
    };
    registry.push_index("app", "latest", vec![of("amd64"), of("arm64"), of("s390x")]);
    let text = format!("{}/app", registry.host());
    let on = |platform: &str| OpenOptions {
        platform: Some(platform.parse().unwrap()),
        ..options(&[&registry.host()])
    };
    for platform in ["linux/amd64", "linux/arm64"] {
        let opened = open(&text, &on(platform)).unwrap();
        assert_eq!(
            opened.image().platform.as_ref().unwrap().to_string(),
            platform
        );
        let own = lines(&opened)[2][0].1.clone();
        assert!(platform.ends_with(&*String::from_utf8(own).unwrap()));
    }
    let said = said(&text, &on("linux/riscv64"));
    assert!(
        said.contains("no platform linux/riscv64; there is: linux/amd64, linux/arm64, linux/s390x"),
        "{said}"
    );
    let all = open_all(&text, &options(&[&registry.host()])).unwrap();
    let platforms: Vec<_> = all
        .iter()
        .map(|one| one.image().platform.clone().unwrap().to_string())
        .collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64", "linux/s390x"]);
    // The digest of one platform's manifest needs no platform to be said.
    let arm = all[1].image().digest.unwrap();
    let pinned = open(&format!("{text}@{arm}"), &options(&[&registry.host()])).unwrap();
    assert_eq!(
        pinned.image().platform.as_ref().unwrap().architecture,
        "arm64"
    );
}

#[test]
fn a_password_is_shown_to_its_registry_alone() {
    let registry = Registry::new();
    registry.push("app", "latest", image());
    registry.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let text = format!("{}/app", registry.host());
    let open_to = options(&[&registry.host()]);
    let none = said(&text, &open_to);
    assert!(
        none.contains("wants credentials, and none are known for 127.0.0.1"),
        "{none}"
    );
    let wrong = said(
        &text,
        &with_login(open_to.clone(), &registry.host(), "wrong-canary-5f1c"),
    );
    assert!(
        wrong.contains("refused the credentials") && wrong.contains("401"),
        "{wrong}"
    );
    let other = said(&text, &with_login(open_to.clone(), "example.com", CANARY));
    assert!(other.contains("none are known"), "{other}");
    let right = with_login(open_to.clone(), &registry.host(), CANARY);
    assert_eq!(lines(&open(&text, &right).unwrap()), wanted());

    // From a file, as `docker login` writes it.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let auth = basic("robot", CANARY);
    let auth = auth.strip_prefix("Basic ").unwrap();
    std::fs::write(
        &file,
        format!(
            r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#,
            registry.host()
        ),
    )
    .unwrap();
    let mut from_file = open_to;
    from_file.registry.auth_files = vec![file];
    assert_eq!(lines(&open(&text, &from_file).unwrap()), wanted());
}

/// A token server that knows one password and one identity token.
pub(crate) fn token_server() -> WebServer {
    WebServer::start(|request| {
        let form = String::from_utf8_lossy(&request.body);
        let known = request.header("authorization") == Some(&basic("robot", CANARY))
            || (request.method == "POST" && form.contains(&format!("refresh_token={CANARY}")));
        let scope = "repository%3Ateam%2Fapp%3Apull";
        let asks = request.target.contains(scope) || form.contains(scope);
        match (known, asks) {
            (true, true) => Answer::ok(r#"{"token": "t0ken", "expires_in": 60}"#),
            _ => Answer::status(401),
        }
    })
}

#[test]
fn a_token_is_fetched_with_what_belongs_to_the_registry() {
    let (registry, tokens) = (Registry::new(), token_server());
    registry.push("team/app", "latest", image());
    let guard = |realm: String| Guard::Token {
        realm,
        token: "t0ken".to_owned(),
    };
    let text = format!("{}/team/app", registry.host());
    let hosts = [registry.host(), tokens.host(), tokens.other_host()];
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let open_to = options(&hosts);
    let right = with_login(open_to.clone(), &registry.host(), CANARY);
    registry.content().guard = guard(format!("http://{}/token", tokens.host()));
    assert_eq!(lines(&open(&text, &right).unwrap()), wanted());
    // One token does for all of it.
    assert_eq!(tokens.asked().len(), 1);
    // The registry sees the token and never the password.
    for request in registry.server().asked() {
        assert!(matches!(
            request.header("authorization"),
            None | Some("Bearer t0ken")
        ));
    }
    assert!(said(&text, &open_to).contains("wants credentials"));
    let wrong = said(
        &text,
        &with_login(open_to.clone(), &registry.host(), "wrong"),
    );
    assert!(wrong.contains("refused the credentials"), "{wrong}");

    // A registry that sends us elsewhere gets nothing for it, unless the caller knows the place.
    registry.content().guard = guard(format!("http://{}/token", tokens.other_host()));
    let before = tokens.asked().len();
    let strayed = said(&text, &right);
    assert!(
        strayed.contains("sends us to localhost") && strayed.contains("are not for that host"),
        "{strayed}"
    );
    assert_eq!(tokens.asked().len(), before);
    let mut trusting = right.clone();
    trusting.registry.token_hosts = vec![tokens.other_host()];
    assert_eq!(lines(&open(&text, &trusting).unwrap()), wanted());

    // An identity token is exchanged, and in the body alone.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    std::fs::write(
        &file,
        format!(
            r#"{{"auths": {{"{}/team": {{"identitytoken": "{CANARY}"}}}}}}"#,
            registry.host()
        ),
    )
    .unwrap();
    let mut identity = open_to;
    identity.registry.auth_files = vec![file];
    registry.content().guard = guard(format!("http://{}/token", tokens.host()));
    assert_eq!(lines(&open(&text, &identity).unwrap()), wanted());
    let last = tokens.asked().pop().unwrap();
    assert_eq!(last.method, "POST");
    assert!(!last.target.contains(CANARY) && last.header("authorization").is_none());
}

#[test]
fn a_token_that_ran_out_is_fetched_again() {
    let (registry, tokens) = (Registry::new(), token_server());
    registry.push("team/app", "latest", image());
    let realm = format!("http://{}/token", tokens.host());
    let again = Answer::status(401).header("www-authenticate", format!("Bearer realm=\"{realm}\""));
    let blob = open(
        &format!("{}/team/app", registry.host()),
        &options(&[&registry.host()]),
    )
    .unwrap();
    let blob = blob.image().layers[1].digest.unwrap().to_string();
    registry.content().guard = Guard::Token {
        realm,
        token: "t0ken".to_owned(),
    };
    registry.content().first.push((blob, again));
    let options = with_login(
        options(&[&registry.host(), &tokens.host()]),
        &registry.host(),
        CANARY,
    );
    let opened = open(&format!("{}/team/app", registry.host()), &options).unwrap();
    assert_eq!(lines(&opened), wanted());
    assert_eq!(tokens.asked().len(), 2);
}

#[test]
fn after_a_redirect_to_another_host_nobody_hears_who_we_are() {
    let (registry, store) = (Registry::new(), Registry::new());
    registry.push("app", "latest", image());
    store.push("app", "latest", image());
    {
        let mut content = registry.content();
        content.guard = Guard::Basic("robot".into(), CANARY.into());
        content.blobs_at = Some(format!("http://{}", store.server().other_host()));
    }
    let text = format!("{}/app", registry.host());
    let options = with_login(options(&[&registry.host()]), &registry.host(), CANARY);
    assert_eq!(lines(&open(&text, &options).unwrap()), wanted());
    // A store that wants to know is not told.
    store.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let refused = said(&text, &options);
    assert!(
        refused.contains("refused the credentials") || refused.contains("wants credentials"),
        "{refused}"
    );
    let strayed = store.server().asked();
    assert!(!strayed.is_empty());
    for request in strayed {
        assert_eq!(request.header("authorization"), None);
        assert!(!format!("{request:?}").contains(CANARY));
    }
    // Back again is still another host's doing.
    let back = Answer::status(302).header(
        "location",
        format!("http://{}/v2/app/manifests/latest", registry.host()),
    );
    let bounce = WebServer::start(move |_| back.clone());
    registry.content().first.push((
        "/manifests/latest".into(),
        Answer::status(302).header("location", format!("http://{}/", bounce.host())),
    ));
    let before = registry.server().asked().len();
    said(&text, &options);
    let after = registry.server().asked().split_off(before);
    assert!(
        after
            .iter()
            .skip(2)
            .all(|request| request.header("authorization").is_none()),
        "{after:?}"
    );
}

#[test]
fn a_blob_that_was_cut_is_read_on_from_there() {
    let registry = Registry::new();
    registry.push("app", "latest", image());
    let text = format!("{}/app", registry.host());
    let options = options(&[&registry.host()]);
    let opened = open(&text, &options).unwrap();
    let layer = opened.image().layers[1].clone();
    let blob = layer.digest.unwrap().to_string();
    let bytes = registry.content().documents[&format!("app/blobs/{blob}")]
        .1
        .clone();
    let cut = |at: usize| {
        let answer = Answer {
            cut: Some(at),
            ..Answer::ok(bytes.clone())
        };
        (blob.clone(), answer)
    };
    for no_ranges in [false, true] {
        registry.content().no_ranges = no_ranges;
        registry.content().first = vec![
            cut(bytes.len() / 2),
            (blob.clone(), Answer::status(503)),
            (blob.clone(), Answer::status(429).header("retry-after", "0")),
        ];
        let before = registry.content().sent;
        assert_eq!(lines(&open(&text, &options).unwrap()), wanted());
        let asked = registry.server().asked();
        let range = asked
            .iter()
            .rfind(|one| one.target.ends_with(&blob))
            .unwrap()
            .header("range")
            .unwrap()
            .to_owned();
        assert!(
            range.starts_with("bytes=") && range != "bytes=0-",
            "{range}"
        );
        let sent = registry.content().sent - before;
        assert!(no_ranges || sent < layer.size * 7 / 4, "{sent}");
    }
    // One that is always cut at the same place ends.
    registry.content().first = (0..20).map(|_| cut(0)).collect();
    registry.content().no_ranges = false;
    assert!(said(&text, &options).contains("cannot be read"));
}

#[test]
fn a_limit_is_explained() {
    let registry = Registry::new();
    registry.push("app", "latest", image());
    let limited = || {
        let answer = Answer::status(429)
            .header("ratelimit-limit", "100;w=21600")
            .header("ratelimit-remaining", "0;w=21600")
            .header("retry-after", "3600");
        ("/manifests/latest".to_owned(), answer)
    };
    registry.content().first = vec![limited()];
    let said = said(
        &format!("{}/app", registry.host()),
        &options(&[&registry.host()]),
    );
    for part in [
        "limits how much",
        "100 requests in 21600 s",
        "0 left",
        "in 3600 s",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn every_5xx_is_asked_again_when_the_registry_says() {
    let registry = Registry::new();
    registry.push("app", "latest", image());
    let text = format!("{}/app", registry.host());
    let options = options(&[&registry.host()]);
    let answer = |status: u16| ("/manifests/latest".to_owned(), Answer::status(status));
    registry.content().first = vec![answer(520), answer(507)];
    assert_eq!(lines(&open(&text, &options).unwrap()), wanted());
    // One that wants to be left alone for longer than we wait is not asked again.
    let (target, busy) = answer(503);
    registry.content().first = vec![(target, busy.header("retry-after", "3600"))];
    let before = registry.server().asked().len();
    let said = said(&text, &options);
    assert!(
        said.contains("answered 503; it wants to be asked again in 3600 s"),
        "{said}"
    );
    assert_eq!(registry.server().asked().len(), before + 1);
}

#[test]
fn an_index_need_not_say_what_its_images_are_for() {
    let registry = Registry::new();
    let of = |architecture: &str| image().architecture(architecture);
    registry.push_index("app", "latest", vec![of("amd64"), of("arm64")]);
    {
        let mut content = registry.content();
        let (_, index) = content.documents.get_mut("app/manifests/latest").unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(index).unwrap();
        let entries = document["manifests"].as_array_mut().unwrap();
        entries.truncate(2);
        for entry in entries {
            entry.as_object_mut().unwrap().remove("platform");
        }
        *index = document.to_string().into_bytes();
    }
    let text = format!("{}/app", registry.host());
    let on = |platform: &str| OpenOptions {
        platform: Some(platform.parse().unwrap()),
        ..options(&[&registry.host()])
    };
    for platform in ["linux/amd64", "linux/arm64"] {
        let opened = open(&text, &on(platform)).unwrap();
        let own = opened.image().platform.as_ref().unwrap();
        assert_eq!(own.to_string(), platform);
        assert_eq!(lines(&opened), wanted());
    }
    let said = said(&text, &on("linux/s390x"));
    assert!(
        said.ends_with("there is: linux/amd64, linux/arm64"),
        "{said}"
    );
}

#[test]
fn what_is_not_its_digest_is_refused() {
    let registry = Registry::new();
    let manifest = registry.push("app", "latest", image());
    let text = format!("{}/app", registry.host());
    let options = options(&[&registry.host()]);
    let opened = open(&text, &options).unwrap();
    let layer = format!("app/blobs/{}", opened.image().layers[0].digest.unwrap());
    let config = format!("app/blobs/{}", opened.image().id.unwrap());
    let lie = |path: &str, change: fn(&mut Vec<u8>)| {
        let mut content = registry.content();
        let own = content.documents[path].clone();
        change(&mut content.documents.get_mut(path).unwrap().1);
        own
    };
    let flip = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 9;
        bytes[last] ^= 1;
    };
    let space = |bytes: &mut Vec<u8>| bytes.push(b' ');
    for (path, wanted, change) in [
        (layer.clone(), "layer 0", flip as fn(&mut Vec<u8>)),
        (config, "configuration sha256:", space),
        (
            format!("app/manifests/{manifest}"),
            "manifest sha256:",
            space,
        ),
    ] {
        let own = lie(&path, change);
        let said = said(&format!("{text}@{manifest}"), &options);
        assert!(said.contains(wanted), "{said}");
        registry.content().documents.insert(path, own);
    }
    // A whole other blob, well compressed.
    let other = image().layer(LayerBuilder::new().file("evil", "x"));
    registry.push("other", "latest", other);
    let evil = {
        let content = registry.content();
        let (_, evil) = content
            .documents
            .iter()
            .rfind(|(path, (_, bytes))| {
                path.starts_with("other/blobs/") && bytes.starts_with(&[0x1f, 0x8b])
            })
            .unwrap();
        evil.clone()
    };
    assert_ne!(format!("app/blobs/{}", digest(&evil.1)), layer);
    registry.content().documents.insert(layer, evil);
    assert!(said(&text, &options).contains("layer 0"));
}

#[test]
fn a_mirror_is_asked_first_and_never_with_the_registry_s_password() {
    let (registry, mirror) = (Registry::new(), Registry::new());
    registry.push("team/app", "latest", image());
    mirror.push("cache/team/app", "latest", image());
    registry.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let mut options = options(&[&registry.host(), &mirror.server().other_host()]);
    options.registry.mirrors = vec![(
        registry.host(),
        format!("{}/cache", mirror.server().other_host()),
    )];
    let options = with_login(options, &registry.host(), CANARY);
    let text = format!("{}/team/app", registry.host());
    assert_eq!(lines(&open(&text, &options).unwrap()), wanted());
    assert_eq!(registry.server().asked().len(), 0);
    // One that has nothing, or wants a password that we do not have for it, is passed over.
    let warnings = |opened: &OpenImage| -> Vec<String> {
        let all = opened.warnings().iter();
        all.map(|warning| warning.message.clone()).collect()
    };
    mirror.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let opened = open(&text, &options).unwrap();
    assert_eq!(lines(&opened), wanted());
    assert!(!registry.server().asked().is_empty());
    // That it could not be asked is said, that it has nothing is not.
    for opened in [vec![opened], open_all(&text, &options).unwrap()] {
        let said = warnings(&opened[0]);
        let at = mirror.server().other_host();
        assert!(
            said.len() == 1
                && said[0].starts_with(&format!("the mirror {at} was passed over: "))
                && said[0].contains("wants credentials"),
            "{said:?}"
        );
    }
    // Where the registry fails too, that is said of both.
    let at = mirror.server().other_host();
    let both = said(&format!("{}/team/other", registry.host()), &options);
    assert!(
        both.starts_with(&format!("the mirror {at} was passed over: "))
            && both.contains("cannot get the image")
            && both.contains("team/other: manifests/latest"),
        "{both}"
    );
    let mut elsewhere = options.clone();
    elsewhere.registry.mirrors[0].1 = format!("{}/nothing", mirror.server().other_host());
    mirror.content().guard = Guard::Open;
    assert!(warnings(&open(&text, &elsewhere).unwrap()).is_empty());
    for request in mirror.server().asked() {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn a_helper_s_answer_is_used_and_its_silence_is_no_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let registry = Registry::new();
    registry.push("app", "latest", image());
    registry.content().guard = Guard::Basic("robot".into(), CANARY.into());
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let host = registry.host();
    script(
        "knows",
        &format!(
            r#"read key; test "$key" = {host} && test "$1" = get && echo '{{"ServerURL":"x","Username":"robot","Secret":"{CANARY}"}}'"#
        ),
    );
    script(
        "silent",
        "echo credentials not found in native keychain; exit 1",
    );
    // Tests share their process's environment: the helper is found through a program of its own.
    let try_with = |json: String| {
        std::fs::write(folder.path().join("config.json"), json).unwrap();
        run_with_path(folder.path(), &host)
    };
    assert_eq!(
        try_with(format!(r#"{{"credHelpers": {{"{host}": "knows"}}}}"#)),
        "ok"
    );
    assert_eq!(try_with(r#"{"credsStore": "knows"}"#.to_owned()), "ok");
    let silent = try_with(r#"{"credsStore": "silent"}"#.to_owned());
    assert!(silent.contains("none are known"), "{silent}");
}

/// Reads `HOST/app` in another process whose `PATH` begins with the folder.
fn run_with_path(folder: &Path, host: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "registry::in_another_process", "--nocapture"])
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("PELLUCID_TEST_HOST", host)
        .env("PELLUCID_TEST_CONFIG", folder.join("config.json"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains(CANARY));
    let line = text.lines().find_map(|line| line.split_once("outcome: "));
    line.map_or(text.clone(), |(_, outcome)| outcome.to_owned())
}

/// What [`run_with_path`] runs; by itself it has nothing to do.
#[test]
fn in_another_process() {
    let Ok(host) = std::env::var("PELLUCID_TEST_HOST") else {
        return;
    };
    let mut options = options(&[&host]);
    options.registry.auth_files = vec![std::env::var("PELLUCID_TEST_CONFIG").unwrap().into()];
    let outcome = match open(&format!("{host}/app"), &options) {
        Ok(image) => {
            assert_eq!(lines(&image), wanted());
            "ok".to_owned()
        }
        Err(error) => chain(&error),
    };
    println!("outcome: {outcome}");
}

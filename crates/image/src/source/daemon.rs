//! What Docker and podman share: their API over a unix socket, and an image exported as `docker save`
//! would write it.
//!
//! The export is a stream that names its images at its end, so it goes through an unnamed temporary
//! file. Nothing is asked of an engine but whether it has the image, and the image.

use std::borrow::Cow;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::region::Region;
use crate::source::archive::Archive;
use crate::source::registry::Name;
use crate::source::{Asked, Found, Opened, Source as _, docker_archive::DockerArchive};
use crate::{ImageError, Limits};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How long an engine may think before it sends.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the question whether it has an image may take.
const QUESTION: Duration = Duration::from_secs(5);

/// Whether an engine that listens has the image; none is asked offline.
///
/// # Errors
/// There is a socket, and it gives no answer: why.
pub(crate) fn has(sockets: &[PathBuf], found: &Found, offline: bool) -> Result<bool, String> {
    let (Found::Name(name), Some(socket), false) = (found, listening(sockets), offline) else {
        return Ok(false);
    };
    if !is_name(name) {
        return Ok(false);
    }
    let answer = run(async {
        let name = complete(name);
        let request = client(socket)?.get(format!("http://localhost/images/{name}/json"));
        let answer = tokio::time::timeout(QUESTION, request.send()).await??;
        Ok(answer.status().as_u16())
    });
    let socket = socket.display();
    match answer {
        Ok(200) => Ok(true),
        Ok(404) => Ok(false),
        Ok(status) => Err(format!("{socket}: it answered {status}")),
        Err(fault) => Err(format!("{socket}: {}", innermost(&*fault))),
    }
}

/// The cause that has no other: `Permission denied`, where those before it tell of requests.
fn innermost<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Opens an engine's image. One that the engine has for other platforms alone is not it.
pub(crate) fn open(
    daemon: &'static str,
    sockets: &[PathBuf],
    asked: &Asked<'_>,
) -> Result<Opened, ImageError> {
    let mut opened = exported(daemon, sockets, asked, |asked| DockerArchive.open(asked))?;
    if let (Some(wanted), Some(own)) = (&asked.options.platform, &opened.image.platform)
        && !own.serves(wanted)
    {
        return Err(ImageError::NoSuchPlatform {
            wanted: wanted.clone(),
            available: vec![own.to_string()],
        });
    }
    opened.image.reference = reference(daemon, asked);
    Ok(opened)
}

/// Opens an engine's image for every platform that the engine has.
pub(crate) fn open_all(
    daemon: &'static str,
    sockets: &[PathBuf],
    asked: &Asked<'_>,
) -> Result<Vec<Opened>, ImageError> {
    let mut all = exported(daemon, sockets, asked, |asked| {
        DockerArchive.open_all(asked)
    })?;
    for opened in &mut all {
        opened.image.reference = reference(daemon, asked);
    }
    Ok(all)
}

fn reference(daemon: &str, asked: &Asked<'_>) -> String {
    format!("{daemon}:{}", asked.reference.path.display())
}

/// Opens the archive that an engine exports.
fn exported<T: Send>(
    daemon: &'static str,
    sockets: &[PathBuf],
    asked: &Asked<'_>,
    open: impl FnOnce(Asked<'_>) -> Result<T, ImageError> + Send,
) -> Result<T, ImageError> {
    let text = asked.reference.path.display().to_string();
    let fault = |source: Fault| ImageError::Daemon {
        daemon,
        image: text.clone(),
        source,
    };
    if !is_name(&text) {
        return Err(ImageError::Reference {
            reference: text,
            reason: "neither an image's name nor its id",
        });
    }
    if asked.options.offline {
        return Err(fault("no socket may be opened offline".into()));
    }
    let socket = listening(sockets).ok_or_else(|| {
        if let Some(said) = asked.options.daemons.elsewhere.get(daemon) {
            return fault(format!("{said} is no unix:// socket, which alone is read").into());
        }
        let all: Vec<_> = sockets
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        fault(format!("there is no socket at {}", all.join(" or ")).into())
    })?;
    let start = Instant::now();
    let file = run(export(socket, &complete(&text), &asked.options.limits)).map_err(fault)?;
    let region = Region::whole(file).map_err(|source| ImageError::Spool { source })?;
    let (reference, options) = (asked.reference, asked.options);
    options.confined(None, || {
        let archive = Archive::open(Path::new(&text), region, &options.limits, start)?;
        open(Asked {
            reference,
            found: Found::Archive(archive),
            options,
        })
    })
}

fn listening(sockets: &[PathBuf]) -> Option<&Path> {
    let is_socket = |path: &&PathBuf| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    };
    sockets.iter().find(is_socket).map(PathBuf::as_path)
}

/// A name, or an id: both are part of an address.
fn is_name(text: &str) -> bool {
    is_id(text) || Name::parse(text).is_ok()
}

fn is_id(text: &str) -> bool {
    let id = text.strip_prefix("sha256:").unwrap_or(text);
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name with its tag: asked to export one without, Docker gives every tag of the repository.
fn complete(text: &str) -> Cow<'_, str> {
    match Name::parse(text) {
        Ok(name) if name.tag.is_none() && name.digest.is_none() && !is_id(text) => {
            Cow::Owned(format!("{text}:latest"))
        }
        _ => Cow::Borrowed(text),
    }
}

fn run<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

fn client(socket: &Path) -> Result<reqwest::Client, Fault> {
    // An error means that the program has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .unix_socket(socket)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()?)
}

async fn export(socket: &Path, name: &str, limits: &Limits) -> Result<std::fs::File, Fault> {
    let request = client(socket)?.get(format!("http://localhost/images/{name}/get"));
    let mut answer = tokio::time::timeout(PATIENCE, request.send()).await??;
    match answer.status().as_u16() {
        200 => {}
        404 => return Err("it has no such image".into()),
        status => return Err(format!("it answered {status}").into()),
    }
    let mut file = tempfile::tempfile()?;
    let mut bytes = 0_u64;
    while let Some(piece) = tokio::time::timeout(PATIENCE, answer.chunk()).await?? {
        bytes += piece.len() as u64;
        if bytes > limits.image_bytes {
            return Err(
                format!("it is over the limit image_bytes = {}", limits.image_bytes).into(),
            );
        }
        file.write_all(&piece)?;
    }
    Ok(file)
}

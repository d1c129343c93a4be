//! Where images are looked for: registries, their credentials, and the engines of this machine.
//!
//! The environment is read here and nowhere below: which files hold credentials, which sockets
//! engines listen on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueHint;
use pellucid_image::{Daemons, Login, OpenOptions, RegistryOptions, Secret};
use pellucid_model::Platform;

use crate::args::{ImageArgs, Verify};
use crate::exit::Usage;
use crate::{confined, limits};

/// Most bytes of a list of images.
const LIST: u64 = 16 << 20;

/// How registries are asked. What is not said is not done.
#[derive(clap::Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct RegistryArgs {
    /// The user at the image's registry; the password is read with --password-stdin or from
    /// $PELLUCID_PASSWORD. Else what `docker login` and `podman login` wrote is used.
    #[arg(long, value_name = "USER", env = "PELLUCID_USERNAME")]
    username: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// A file with credentials, as docker's config.json or podman's auth.json, in place of those; so is
    /// what $REGISTRY_AUTH_FILE names.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    auth_file: Option<PathBuf>,
    /// This registry speaks HTTP without TLS. May be said several times.
    #[arg(
        long,
        value_name = "HOST[:PORT]",
        env = "PELLUCID_PLAIN_HTTP",
        value_delimiter = ',',
        value_parser = host
    )]
    plain_http: Vec<String>,
    /// Do not check this registry's certificate. May be said several times.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    insecure_registry: Vec<String>,
    /// Trust these certificate authorities beside the system's, in PEM.
    #[arg(long, value_name = "FILE", env = "PELLUCID_CA_FILE", value_hint = ValueHint::FilePath)]
    ca_file: Vec<PathBuf>,
    /// Ask for a registry's images at another place first: docker.io=mirror.example.com/hub.
    #[arg(long, value_name = "REGISTRY=HOST[:PORT][/PREFIX]", env = "PELLUCID_REGISTRY_MIRROR", value_delimiter = ',', value_parser = mirror)]
    registry_mirror: Vec<(String, String)>,
    /// This host gives out tokens for registries of other domains, and may see their credentials.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    token_host: Vec<String>,
}

/// A platform, or all there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Platforms {
    /// Every one that the image was built for.
    All,
    /// This one.
    One(Platform),
}

impl std::str::FromStr for Platforms {
    type Err = pellucid_model::PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            other => other.parse().map(Self::One),
        }
    }
}

/// A registry's `HOST[:PORT]`; nothing, as an environment variable may be, is none.
fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || pellucid_image::is_registry(text) {
        return Ok(text.to_owned());
    }
    Err(match text.contains("://") {
        true => "write HOST[:PORT] alone, without http:// or https://".to_owned(),
        false => "write HOST[:PORT]".to_owned(),
    })
}

fn mirror(text: &str) -> Result<(String, String), String> {
    let (registry, place) = text.split_once('=').unwrap_or_default();
    if pellucid_image::is_registry(registry) && pellucid_image::is_mirror(place) {
        return Ok((registry.to_owned(), place.to_owned()));
    }
    let how = "write REGISTRY=HOST[:PORT][/PREFIX]";
    Err(match text.contains("://") {
        true => format!(
            "{how}, without http:// or https://; a mirror without TLS is named with --plain-http \
             HOST[:PORT] as well"
        ),
        false => how.to_owned(),
    })
}

/// The images that the command line names, in its order, then those of the list.
pub(crate) fn references(args: &ImageArgs) -> anyhow::Result<Vec<String>> {
    let mut all = args.references.clone();
    if let Some(path) = &args.images_from {
        if path == Path::new("-") && args.registry.password_stdin {
            let text = "standard input is either the list of images or the password";
            return Err(Usage(text.to_owned()).into());
        }
        let cannot_read = || Usage(format!("cannot read the list of images {}", path.display()));
        let mut text = String::new();
        if path == Path::new("-") {
            std::io::stdin().lock().take(LIST).read_to_string(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(LIST).read_to_string(&mut text))
        }
        .with_context(cannot_read)?;
        let lines = text.lines().map(str::trim);
        all.extend(
            lines
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(str::to_owned),
        );
    }
    if all.is_empty() {
        return Err(Usage("no image is named".to_owned()).into());
    }
    Ok(all)
}

/// How the images are opened.
///
/// # Errors
/// Credentials that cannot be read, or that would belong to several registries.
pub(crate) fn options(
    args: &ImageArgs,
    references: &[String],
    offline: bool,
) -> anyhow::Result<OpenOptions> {
    let registry = &args.registry;
    let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    Ok(OpenOptions {
        registry: RegistryOptions {
            auth_files: match &registry.auth_file {
                Some(file) if !file.exists() => {
                    let text = format!("--auth-file: there is no file {}", file.display());
                    return Err(Usage(text).into());
                }
                Some(file) => vec![file.clone()],
                None => auth_files(env, nix::unistd::getuid().as_raw()),
            },
            login: login(registry, references)?,
            plain_http: registry.plain_http.clone(),
            insecure: registry.insecure_registry.clone(),
            ca_files: registry.ca_file.clone(),
            token_hosts: registry.token_host.clone(),
            mirrors: registry.registry_mirror.clone(),
            ..RegistryOptions::default()
        },
        daemons: daemons(env),
        offline,
        platform: match &args.platform {
            Some(Platforms::One(platform)) => Some(platform.clone()),
            _ => None,
        },
        limits: {
            let mut limits = limits::with(&args.limits);
            if let Some(memory) = args.memory {
                memory.limit(&mut limits);
            }
            limits
        },
        verify: match args.verify {
            Verify::Read => pellucid_image::Verify::Read,
            Verify::Full => pellucid_image::Verify::Full,
        },
        confine: Some(confined::to),
    })
}

/// The user of the command line, for the one registry that the images are in.
fn login(args: &RegistryArgs, references: &[String]) -> anyhow::Result<Option<Login>> {
    let Some(username) = &args.username else {
        return Ok(None);
    };
    let mut registries: Vec<String> = references
        .iter()
        .filter_map(|reference| pellucid_image::registry_of(reference))
        .collect();
    registries.sort();
    registries.dedup();
    let registry = match registries.as_slice() {
        [] => return Ok(None),
        [one] => one.clone(),
        _ => {
            let text = "--username is for images of one registry; these are of several";
            return Err(Usage(text.to_owned()).into());
        }
    };
    let password = if args.password_stdin {
        let mut line = String::new();
        let stdin = std::io::stdin().lock();
        stdin
            .take(1 << 16)
            .read_line(&mut line)
            .context("cannot read the password from standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        let password = std::env::var("PELLUCID_PASSWORD").ok();
        password.filter(|text| !text.is_empty()).ok_or_else(|| {
            Usage("--username needs --password-stdin or $PELLUCID_PASSWORD".to_owned())
        })?
    };
    Ok(Some(Login {
        registry,
        username: username.clone(),
        password: Secret::new(password),
    }))
}

/// Where podman and docker keep credentials.
fn auth_files(env: impl Fn(&str) -> Option<OsString>, user: u32) -> Vec<PathBuf> {
    let folder = |name: &str| env(name).map(PathBuf::from);
    if let Some(file) = folder("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    // Where podman, buildah and skopeo keep them if there is no session: as root, in CI.
    let run = folder("XDG_RUNTIME_DIR").map_or_else(
        || format!("/run/containers/{user}").into(),
        |run| run.join("containers"),
    );
    let home = folder("HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let files = [
        Some(run.join("auth.json")),
        folder("XDG_CONFIG_HOME")
            .or_else(|| below_home(".config"))
            .map(|config| config.join("containers/auth.json")),
        folder("DOCKER_CONFIG")
            .or_else(|| below_home(".docker"))
            .map(|docker| docker.join("config.json")),
    ];
    files.into_iter().flatten().collect()
}

/// Where engines listen; what the environment names is the only place.
fn daemons(env: impl Fn(&str) -> Option<OsString>) -> Daemons {
    let mut elsewhere = BTreeMap::new();
    let mut sockets = |engine, name: &str, usual: Vec<PathBuf>| {
        let Some(text) = env(name).and_then(|text| text.into_string().ok()) else {
            return usual;
        };
        if let Some(socket) = text.strip_prefix("unix://") {
            return vec![socket.into()];
        }
        // Another machine's engine is not this machine's. What follows may name a user.
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let said = scheme.map_or_else(|| format!("${name}"), |it| format!("{name}={it}://…"));
        elsewhere.insert(engine, said);
        Vec::new()
    };
    let run = env("XDG_RUNTIME_DIR").map(PathBuf::from);
    let in_run = |path: &str| run.as_ref().map(|run| run.join(path));
    let home = env("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock"));
    let all = |paths: [Option<PathBuf>; 3]| paths.into_iter().flatten().collect();
    let docker = all([
        Some("/var/run/docker.sock".into()),
        in_run("docker.sock"),
        home,
    ]);
    let podman = all([
        in_run("podman/podman.sock"),
        Some("/run/podman/podman.sock".into()),
        None,
    ]);
    Daemons {
        docker: sockets("docker", "DOCKER_HOST", docker),
        podman: sockets("podman", "CONTAINER_HOST", podman),
        elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_is_refused_with_how_to_write_it() {
        for text in ["", "localhost:5000", "registry.example.com"] {
            assert_eq!(host(text).unwrap(), text);
        }
        assert!(
            host("https://a.io")
                .unwrap_err()
                .contains("without http://")
        );
        for text in ["a.io/b", "a.io:x", "a b"] {
            assert_eq!(host(text).unwrap_err(), "write HOST[:PORT]", "{text}");
        }
        assert_eq!(
            mirror("docker.io=mirror.example.com:5000/hub").unwrap(),
            ("docker.io".into(), "mirror.example.com:5000/hub".into())
        );
        for text in ["docker.io=https://mirror.example.com", "http://a.io=b.io"] {
            let said = mirror(text).unwrap_err();
            assert!(
                said.contains("without http://") && said.contains("--plain-http"),
                "{said}"
            );
        }
        for text in [
            "",
            "=",
            "docker.io=",
            "=b.io",
            "docker.io",
            "docker.io=a:b:c",
        ] {
            let said = mirror(text).unwrap_err();
            assert_eq!(said, "write REGISTRY=HOST[:PORT][/PREFIX]", "{text}");
        }
    }

    #[test]
    fn the_environment_says_where_credentials_and_engines_are() {
        let of = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                let found = pairs.iter().find(|(own, _)| *own == name);
                found.map(|(_, value)| OsString::from(value))
            }
        };
        let plain = of(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")]);
        assert_eq!(
            auth_files(plain, 0),
            [
                "/r/containers/auth.json",
                "/h/.config/containers/auth.json",
                "/h/.docker/config.json"
            ]
            .map(PathBuf::from)
        );
        let said = of(&[
            ("HOME", "/h"),
            ("DOCKER_CONFIG", "/d"),
            ("DOCKER_HOST", "unix:///s"),
            ("CONTAINER_HOST", "ssh://someone@x"),
        ]);
        assert_eq!(
            auth_files(said, 1000),
            [
                "/run/containers/1000/auth.json",
                "/h/.config/containers/auth.json",
                "/d/config.json"
            ]
            .map(PathBuf::from)
        );
        let one = of(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/f")]);
        assert_eq!(auth_files(one, 0), [PathBuf::from("/f")]);
        let engines = daemons(said);
        assert_eq!(engines.docker, [PathBuf::from("/s")]);
        assert!(engines.podman.is_empty());
        let elsewhere = BTreeMap::from([("podman", "CONTAINER_HOST=ssh://…".to_owned())]);
        assert_eq!(engines.elsewhere, elsewhere);
    }
}

//! A folder with an image, a mirror and a data directory, and the binary at work in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pellucid_testkit::{ImageBuilder, LayerBuilder, Mirror};
use tempfile::TempDir;

/// A Debian image: what `os-release` says, and two packages in two layers.
pub(crate) fn debian() -> ImageBuilder {
    ImageBuilder::new()
        .layer(
            LayerBuilder::new()
                .created_by("ADD rootfs.tar /")
                .file("etc/os-release", OS_RELEASE)
                .file(
                    "var/lib/dpkg/status",
                    status(&[("libssl3", "3.0.11-1~deb12u1", "openssl")]),
                ),
        )
        .layer(
            LayerBuilder::new()
                .created_by("RUN apt-get install tar")
                .file(
                    "var/lib/dpkg/status",
                    status(&[
                        ("libssl3", "3.0.11-1~deb12u1", "openssl"),
                        ("tar", "1.34+dfsg-1.2", "tar"),
                    ]),
                ),
        )
}

pub(crate) const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n\
                                     PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";

/// dpkg's status file with these packages: name, version, source.
pub(crate) fn status(packages: &[(&str, &str, &str)]) -> String {
    packages
        .iter()
        .map(|(name, version, source)| {
            let source = if source == name {
                String::new()
            } else {
                format!("Source: {source}\n")
            };
            format!(
                "Package: {name}\nStatus: install ok installed\n{source}Architecture: amd64\n\
                 Version: {version}\nDescription: a package\n\n"
            )
        })
        .collect()
}

/// Debian's tracker: one high with a fix and one low without.
pub(crate) const TRACKER: &str = r#"{
  "openssl": {
    "CVE-2024-0001": {"description": "A hole.", "releases": {"bookworm": {
      "status": "resolved", "fixed_version": "3.0.15-1~deb12u1", "urgency": "high",
      "repositories": {"bookworm": "3.0.15-1~deb12u1"}}}}},
  "tar": {
    "CVE-2005-2541": {"description": "Set-user-id files.", "releases": {"bookworm": {
      "status": "open", "urgency": "low", "repositories": {"bookworm": "1.34+dfsg-1.2"}}}}}
}"#;

/// What is told where a scan ends with 4.
const NOT_COVERED: &str =
    "warning: not everything in the image is covered by advisory data and judged; see the report\n";

/// Runs a command and says last on standard error how much memory it had at most, in KiB.
const MEASURE: &str = "import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status if status >= 0 else 128 - status)";

/// A place to run the binary in.
pub(crate) struct Bench {
    folder: TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    /// With the Debian image as `image.tar` and a mirror in `mirror` that covers it.
    pub(crate) fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bench.image(debian());
        Mirror::new(bench.path("mirror")).debian(TRACKER);
        bench
    }

    /// Puts another image in place.
    pub(crate) fn image(&self, image: ImageBuilder) {
        self.file("image.tar", image.docker_archive());
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these arguments, in the folder, with nothing of the caller's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pellucid"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .env("PELLUCID_DATA_DIR", self.path("data"));
        command
    }

    /// Runs the binary, and says how much memory it had at most, in bytes; nobody knows that without
    /// Python.
    pub(crate) fn measured(&self, arguments: &[&str], environment: &[(&str, &str)]) -> (Run, u64) {
        let plain = self.command(arguments);
        let mut measuring = Command::new("python3");
        measuring.args(["-c", MEASURE]).arg(plain.get_program());
        measuring.args(arguments).current_dir(self.folder());
        let set = |mut command: Command| {
            command
                .envs(
                    plain
                        .get_envs()
                        .filter_map(|(key, value)| Some((key, value?))),
                )
                .envs(environment.iter().copied());
            command
        };
        let Ok(output) = set(measuring).output() else {
            #[expect(clippy::print_stdout, reason = "what is left out is said")]
            {
                println!("the memory is not measured: python3 cannot be run");
            }
            let mut plain = self.command(arguments);
            let output = plain.envs(environment.iter().copied()).output();
            return (Run::of(output.unwrap()), 0);
        };
        let mut run = Run::of(output);
        let told = run.stderr.trim_end().to_owned();
        let (told, peak) = told.rsplit_once('\n').unwrap_or(("", &told));
        run.stderr = told.to_owned();
        let kib: u64 = peak.parse().unwrap();
        (run, kib << 10)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Scans `image.tar` with the mirror and these further arguments.
    pub(crate) fn scan(&self, arguments: &[&str]) -> Run {
        self.run(&[&["scan", "image.tar", "--mirror", "mirror"], arguments].concat())
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output of a run that ended so, without saying anything else.
    pub(crate) fn ended(self, status: i32) -> String {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        let told = if status == 4 { NOT_COVERED } else { "" };
        assert_eq!(self.stderr, told);
        self.stdout
    }

    /// Standard error of a run that ended so, and printed no data.
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!(self.status, status, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

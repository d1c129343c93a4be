//! The command line.
//!
//! Every option's documentation here is its help text. An option with an environment variable is
//! stronger than it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, Resettable};
use clap::{
    ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum, ValueHint,
};
use pellucid_matcher::FailRule;
use pellucid_model::Severity;
use pellucid_updater::FetchOptions;
use pellucid_version::Scheme;

use crate::commands::db::{DbCommand, FormArgs};
use crate::limits::{self, LimitArg};
use crate::memory::Memory;
use crate::sources::{Platforms, RegistryArgs};
use crate::units;

/// Version, commit and target.
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("PELLUCID_COMMIT"),
    ", ",
    env!("PELLUCID_TARGET"),
    ")"
);

/// The commit the binary was built from, or `unknown`.
pub(crate) const COMMIT: &str = env!("PELLUCID_COMMIT");

const EXIT_STATUSES: &str = "Exit status: 0 clean or below the gate, 1 gate reached, 2 usage, \
                             3 failed, 4 not covered by advisory data.";

/// Reads container images layer by layer, without running them, and tells which known vulnerabilities
/// affect what is inside, which layer brought it in, and what fixes it.
#[derive(Parser)]
#[command(name = "pellucid", version = VERSION, after_help = EXIT_STATUSES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Find known vulnerabilities in an image.
    Scan(Box<ScanArgs>),
    /// List the packages of an image.
    Packages(Box<PackagesArgs>),
    /// Write a saved report in other formats.
    Convert(ConvertArgs),
    /// Say what changed between two images or reports, and why.
    Diff(Box<DiffArgs>),
    /// Say why a vulnerability was found in a package, or was not.
    Explain(Box<ExplainArgs>),
    /// Fetch advisory data, or say what is there.
    #[command(subcommand)]
    Db(DbCommand),
    /// Run the service that Clair 2.x's clients talk to.
    Serve(ServeArgs),
    /// Check or print a configuration of the service.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// List the service's notifications, and send again what was given up or held back.
    #[command(subcommand)]
    Notifications(crate::commands::notifications::NotificationsCommand),
    /// Ask a service whether it is well.
    Healthcheck(crate::commands::healthcheck::HealthcheckArgs),
    /// Print the completions of a shell.
    Completions(crate::commands::completions::CompletionsArgs),
    /// Print the man page, or write one for every command.
    Man(crate::commands::completions::ManArgs),
    /// Compare two versions as an ecosystem orders them.
    VersionCompare(VersionCompareArgs),
    /// Have a Clair-like server analyse an image of the local docker or podman.
    #[command(disable_help_flag = true)]
    AnalyzeLocalImages(GoArgs),
}

/// Arguments that are read as Go reads them; here only so that the help lists the command.
#[derive(clap::Args)]
pub(crate) struct GoArgs {
    #[arg(
        value_name = "[OPTIONS] IMAGE",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    _args: Vec<std::ffi::OsString>,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with it, or ok.
    Check(ConfigArgs),
    /// Print what is in effect, without secrets.
    Print(PrintArgs),
}

#[derive(clap::Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file, Clair 2.x's or ours; $VAR in its path is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<String>,
}

/// What of which configuration is printed.
#[derive(clap::Args)]
pub(crate) struct PrintArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Print what holds for scans (pellucid.yaml), not for the service.
    #[arg(long)]
    pub(crate) scan: bool,
    /// The same, and of each setting where it comes from.
    #[arg(long)]
    pub(crate) origin: bool,
}

/// Clair 2.x's flags, which may have one dash, and where our own data is.
#[derive(clap::Args)]
pub(crate) struct ServeArgs {
    /// The configuration file, Clair 2.x's or ours; $VAR in its path is replaced. If absent,
    /// /etc/clair/config.yaml where that is there, else an embedded database and the loopback.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// How much is logged: debug, info, warning, error; another word is info.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Fetch layers also from servers whose certificates cannot be checked.
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = ArgAction::Set
    )]
    pub(crate) insecure_tls: bool,
    /// Accepted for Clair's sake.
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) cpu_profile: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// How much is told on standard error.
#[derive(clap::Args)]
pub(crate) struct Talk {
    /// Tell nothing but errors: no progress, no warnings.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Tell each step; twice, more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(clap::Args)]
#[command(after_help = EXIT_STATUSES)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) freshness: FreshnessArgs,
}

#[derive(clap::Args)]
pub(crate) struct PackagesArgs {
    #[command(flatten)]
    pub(crate) image: ImageArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which image, and how it is read.
#[derive(clap::Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct ImageArgs {
    /// The image. At a path: a file of `docker save`, an OCI layout as a folder or an archive, or
    /// with `dir:` before it the folder of a root file system; the content decides which it is. Where
    /// a file holds several images, a colon and the image's tag follow the path. Else a name: the
    /// image is asked of docker, then of podman, then of its registry. What stands before it chooses:
    /// docker-archive:, oci:, oci-archive:, dir:, docker-root:, containers-storage:, containerd:, docker:,
    /// podman:, registry:. A bill of materials (CycloneDX, SPDX, syft; `-` for standard input, or sbom: before
    /// it) and purls (purl:PURL, purl:FILE) stand for an image too. Several give several reports.
    #[arg(
        value_name = "IMAGE",
        value_hint = ValueHint::AnyPath,
        help_heading = None::<&str>,
        required_unless_present = "images_from"
    )]
    pub(crate) references: Vec<String>,
    /// Take images from this file too, one a line; - is standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) images_from: Option<PathBuf>,
    /// Which image of a multi-platform index to read; this machine's if absent, `all` for one report
    /// over every platform there is.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]|all")]
    pub(crate) platform: Option<Platforms>,
    /// How much is hashed: what is read anyway, or every byte.
    #[arg(long, value_name = "WHAT", default_value = "read")]
    pub(crate) verify: Verify,
    /// Whose packages are listed: of the file system that a container would see, or also those that
    /// an upper layer removed and a lower one still ships.
    #[arg(long, value_name = "WHICH", default_value = "visible")]
    pub(crate) layers: Layers,
    /// Also list the packages that lock files in the image name, installed or not. A folder read with
    /// `dir:`, which may be a project's, is always asked for them.
    #[arg(long)]
    pub(crate) lock_files: bool,
    #[arg(
        long = "limit",
        value_name = "NAME=VALUE",
        value_parser = LimitArg::parse,
        help = "Change one bound on what an image may make pellucid do (--help lists them)",
        long_help = limits::help()
    )]
    pub(crate) limits: Vec<LimitArg>,
    /// Stay within so much memory while images are read, 64M or more: with fewer layers at once and
    /// smaller windows, or an error where an image needs more. Fetching advisory data is not meant.
    #[arg(long, value_name = "SIZE", env = "PELLUCID_MEMORY", value_parser = Memory::parse)]
    pub(crate) memory: Option<Memory>,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// Whatever is read through; a layer that is not is called declared.
    Read,
    /// Every byte of every layer.
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layers {
    /// What a container would see.
    Visible,
    /// Also what is removed but still shipped.
    Hidden,
}

/// How the report is written, and where to.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How to write the report; table if absent.
    #[arg(short, long, value_name = "FORMAT", value_parser = formats())]
    pub(crate) format: Option<String>,
    /// Write in this format, to this file if one is named, else to standard output. May be said
    /// several times: -o table -o sarif=out.sarif. With --format, the name of a file alone. A file
    /// appears whole or not at all. {image} in the file's name is the image's; where several are
    /// read it has to be there.
    #[arg(short, long, value_name = "FORMAT[=FILE]", value_hint = ValueHint::FilePath)]
    pub(crate) output: Vec<String>,
    /// The template of the format `template`, in Jinja's language.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) template: Option<PathBuf>,
    /// Tell every vulnerability by itself, with layer and reason.
    #[arg(long)]
    pub(crate) detail: bool,
    /// Tell every suppressed finding, and who suppresses it and why.
    #[arg(long)]
    pub(crate) show_suppressed: bool,
}

/// A saved report.
#[derive(clap::Args)]
pub(crate) struct ConvertArgs {
    /// A report that `-o json=FILE` wrote; `-` for standard input.
    #[arg(value_name = "REPORT", value_hint = ValueHint::FilePath)]
    pub(crate) report: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(clap::Args)]
pub(crate) struct DiffArgs {
    /// What was: a saved report, or an image as for `scan`.
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub(crate) old: String,
    /// What is.
    #[arg(value_name = "NEW", value_hint = ValueHint::AnyPath)]
    pub(crate) new: String,
    /// How to write it.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: StatusFormat,
    #[command(flatten)]
    pub(crate) scan: ReportArgs,
}

#[derive(clap::Args)]
pub(crate) struct ExplainArgs {
    /// The vulnerability, by any of its names.
    #[arg(value_name = "VULNERABILITY")]
    pub(crate) vulnerability: String,
    /// The package, by its own or its source package's name.
    #[arg(value_name = "PACKAGE")]
    pub(crate) package: String,
    /// A saved report, or an image as for `scan`.
    #[arg(value_name = "IMAGE|REPORT", value_hint = ValueHint::AnyPath)]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) scan: ReportArgs,
}

/// How an image is scanned where a saved report may be given too.
#[derive(clap::Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) freshness: FreshnessArgs,
}

/// What is reported, and what fails.
#[derive(clap::Args, Default)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// End with status 1 if a finding is this severe or worse: negligible, low, medium, high,
    /// critical; unknown fails on any finding. Or other conditions, all of which must hold, separated by
    /// commas: fixable, kev, malware, epss>=0.1, cvss>=7.5, age>=30d, own, base; and eol and
    /// not-covered, each by itself. Said again, another rule: one that is reached is enough. Replaces
    /// the rules of pellucid.yaml.
    #[arg(long, value_name = "SEVERITY|CONDITIONS", value_parser = crate::rules::fail::read)]
    pub(crate) fail_on: Vec<FailRule>,
    /// End with this status where the gate is reached; without any rule, every finding reaches it. 0
    /// does not fail for the gate, and takes no other status away.
    #[arg(long, value_name = "STATUS")]
    pub(crate) exit_code: Option<u8>,
    /// Leave out findings without a fix.
    #[arg(long, visible_alias = "ignore-unfixed")]
    pub(crate) only_fixed: bool,
    /// Leave out findings of other severities than these, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) severity: Vec<Severity>,
    /// Leave out findings that came with the base image.
    #[arg(long, conflicts_with = "only_base")]
    pub(crate) ignore_base: bool,
    /// Leave out findings that did not come with the base image.
    #[arg(long)]
    pub(crate) only_base: bool,
    /// Report also what nobody has determined yet to affect the package or not.
    #[arg(long)]
    pub(crate) undetermined: bool,
    /// Do not end with status 4 where no advisory data covers a package, or a rule lacks data to judge
    /// by; the report says it still.
    #[arg(long)]
    pub(crate) allow_uncovered: bool,
}

/// Where rules and statements about findings are read from.
#[derive(clap::Args, Clone, Default)]
#[command(next_help_heading = "Policy")]
pub(crate) struct RuleArgs {
    /// The rules; if absent, the file that $PELLUCID_CONFIG names, else pellucid.yaml in the working
    /// directory or the nearest folder above it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Use no pellucid.yaml, and not what $PELLUCID_CONFIG names.
    #[arg(long, conflicts_with = "config")]
    pub(crate) no_config: bool,
    /// Take ignore rules from this file too: .trivyignore (text or YAML), the rules of grype's
    /// configuration, or a whitelist of clair-scanner; the content decides.
    #[arg(long, value_name = "FILE", visible_aliases = ["ignorefile", "whitelist"], value_hint = ValueHint::FilePath)]
    pub(crate) ignore_file: Vec<PathBuf>,
    /// Take statements from this VEX document: OpenVEX, CycloneDX or CSAF, in JSON.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) vex: Vec<PathBuf>,
    /// The base image, as an image or a saved report; if absent, it is looked for among the images that
    /// were scanned before.
    #[arg(long, value_name = "IMAGE|REPORT", value_hint = ValueHint::AnyPath)]
    pub(crate) base: Option<String>,
}

/// Where advisory data comes from.
#[derive(clap::Args)]
#[command(next_help_heading = "Advisory data")]
pub(crate) struct OriginArgs {
    /// Take every feed from here: a folder or an http(s) URL with a MANIFEST.tsv, or with each file
    /// at HOST/PATH of its URL.
    #[arg(long, value_name = "URL|DIR", env = "PELLUCID_MIRROR")]
    pub(crate) mirror: Option<String>,
    /// Take one feed from elsewhere: its name, and a folder or URL as for --mirror. May be repeated.
    #[arg(long, value_name = "FEED=URL|DIR", value_parser = feed_mirror)]
    pub(crate) feed_mirror: Vec<(String, String)>,
    /// Fetch through this proxy; the environment's (https_proxy, no_proxy) if absent.
    #[arg(
        long,
        value_name = "URL",
        env = "PELLUCID_PROXY",
        hide_env_values = true
    )]
    pub(crate) proxy: Option<String>,
}

impl OriginArgs {
    /// How files are fetched from there.
    pub(crate) fn options(&self) -> FetchOptions {
        FetchOptions {
            mirror: self.mirror.clone(),
            mirrors: self.feed_mirror.iter().cloned().collect(),
            proxy: self.proxy.clone(),
            ..FetchOptions::default()
        }
    }
}

/// Where advisory data comes from and where it is kept.
#[derive(clap::Args)]
#[command(next_help_heading = "Advisory data")]
pub(crate) struct DataArgs {
    #[command(flatten)]
    pub(crate) origin: OriginArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Open no socket. A mirror that is a folder is still read.
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(clap::Args)]
pub(crate) struct StoreArgs {
    /// Where snapshots of advisory data are kept [default: $XDG_DATA_HOME/pellucid, else
    /// ~/.local/share/pellucid].
    #[arg(long, value_name = "DIR", env = "PELLUCID_DATA_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
}

/// How old advisory data may be.
#[derive(clap::Args)]
#[command(next_help_heading = "Advisory data")]
pub(crate) struct FreshnessArgs {
    /// Fetch a feed again if it was last asked longer ago than this. If that fails, the data that is
    /// there answers, and the report carries a warning.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = units::duration)]
    pub(crate) max_data_age: Duration,
    /// Fetch nothing; use the data that is there.
    #[arg(long)]
    pub(crate) skip_db_update: bool,
}

#[derive(clap::Args)]
pub(crate) struct UpdateArgs {
    /// Which feeds, or parts of feeds such as alpine/v3.20; if absent, all but those that are fetched on request alone.
    #[arg(value_name = "FEED")]
    pub(crate) feeds: Vec<String>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(clap::Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusFormat {
    /// For people.
    Table,
    /// For machines.
    Json,
}

#[derive(clap::Args)]
pub(crate) struct VersionCompareArgs {
    /// The order: dpkg, rpm, apk, pacman, semver, npm, pep440, …
    #[arg(value_parser = scheme, value_name = "SCHEME")]
    pub(crate) scheme: Scheme,
    /// A version. Prints <, = or >.
    #[arg(required_unless_present = "file", allow_hyphen_values = true)]
    pub(crate) a: Option<String>,
    /// The version to compare it with.
    #[arg(required_unless_present = "file", allow_hyphen_values = true)]
    pub(crate) b: Option<String>,
    /// Read lines `A op B` and print only those that are wrong; status 1 if there are any.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b"])]
    pub(crate) file: Option<PathBuf>,
}

/// Reads the command line.
pub(crate) fn parse(args: Vec<OsString>) -> Args {
    let matches = without_empty(Args::command()).get_matches_from(args);
    Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The same command where environment variables that are empty, as build services set them, are as good
/// as none.
pub(crate) fn without_empty(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(without_empty)
}

/// A feed's name and where it is taken from.
fn feed_mirror(text: &str) -> Result<(String, String), String> {
    let (name, place) = text
        .split_once('=')
        .ok_or("write FEED=URL or FEED=DIR, as debian=https://mirror.example")?;
    let is_feed = pellucid_feeds::FEEDS.iter().any(|feed| feed.name() == name);
    if is_feed {
        Ok((name.to_owned(), place.to_owned()))
    } else {
        Err(format!("no feed is called {name:?}"))
    }
}

/// The names of the report formats.
fn formats() -> PossibleValuesParser {
    let known = pellucid_report::FORMATS.iter().map(|format| format.name());
    PossibleValuesParser::new(known.chain(["template"]))
}

fn scheme(name: &str) -> Result<Scheme, String> {
    Scheme::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
        format!("the schemes are {}", known.join(", "))
    })
}

//! What the user's rules make of findings: `pellucid.yaml`, ignore files, VEX documents, and options,
//! which are stronger than the file.
//!
//! The files are read before the image is: a rule that cannot be is said before the work.

pub(crate) mod fail;
pub(crate) mod file;
pub(crate) mod import;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pellucid_matcher::{
    FailRule, Judged, Matched, Pattern, Place, Policy, Scene, Vex, Waiver, suppress,
};
use pellucid_model::{Coverage, Inventory, SnapshotRef, Warning, WarningKind};
use pellucid_report::{Assessment, Base, Gate, GateRule};

use crate::args::{PolicyArgs, RuleArgs};
use crate::exit::{Exit, Usage};

/// Most bytes of a VEX document.
const VEX: u64 = 256 << 20;

/// The rules in effect.
#[derive(Default)]
pub(crate) struct Rules {
    policy: Policy,
    waivers: Vec<Waiver>,
    vex: Vec<Vex>,
    skip_paths: Vec<Pattern>,
    severity_source: Vec<String>,
    /// Whether findings of which nobody knows yet are reported.
    pub(crate) undetermined: bool,
    /// The base image that is named.
    pub(crate) base: Option<String>,
    allow_uncovered: bool,
    exit_code: Option<u8>,
}

impl Rules {
    /// What options and files say.
    ///
    /// # Errors
    /// A file cannot be read, or holds something that cannot be.
    pub(crate) fn of(args: &PolicyArgs) -> anyhow::Result<Self> {
        let (path, file) = chosen(&args.rules)?;
        let origin = path.as_deref().map(shown).unwrap_or_default();
        let wrong = |list: &str, number: usize, reason: String| {
            Usage(format!("{origin}: {list}, number {}: {reason}", number + 1))
        };
        let mut rules = Self {
            policy: Policy {
                fail: args.fail_on.clone(),
                only_fixed: args.only_fixed || file.only_fixed,
                severities: args.severity.iter().copied().collect(),
                base: match (args.only_base, args.ignore_base) {
                    (true, _) => Some(Place::Base),
                    (_, true) => Some(Place::Own),
                    _ => None,
                },
            },
            severity_source: file.severity_source.clone(),
            undetermined: args.undetermined || file.undetermined,
            allow_uncovered: args.allow_uncovered || file.allow_uncovered,
            base: args.rules.base.clone().or_else(|| file.base.clone()),
            exit_code: args.exit_code,
            ..Self::default()
        };
        if rules.policy.severities.is_empty() {
            rules.policy.severities = file.severity.iter().copied().collect();
        }
        if rules.policy.fail.is_empty() {
            for (number, fail) in file.fail.iter().enumerate() {
                let rule = fail
                    .rule()
                    .map_err(|reason| wrong("fail", number, reason))?;
                rules.policy.fail.push(rule);
            }
        }
        if rules.policy.fail.is_empty() && rules.exit_code.is_some_and(|status| status != 0) {
            rules.policy.fail.push(FailRule::default());
        }
        for (number, ignore) in file.ignore.iter().enumerate() {
            let waiver = ignore.waiver(&origin);
            rules
                .waivers
                .push(waiver.map_err(|reason| wrong("ignore", number, reason))?);
        }
        for (number, text) in file.skip_paths.iter().enumerate() {
            let pattern = Pattern::new(text.trim_start_matches('/'));
            let pattern =
                pattern.map_err(|error| wrong("skip-paths", number, error.to_string()))?;
            rules.skip_paths.push(pattern);
        }
        // Paths in the file start where it lies.
        let folder = path
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new(""));
        let beside = |list: &[PathBuf]| list.iter().map(|path| folder.join(path)).collect();
        let ignore_files: Vec<PathBuf> = beside(&file.ignore_files);
        for path in ignore_files.iter().chain(&args.rules.ignore_file) {
            rules.waivers.append(&mut import::read(path)?);
        }
        let vex: Vec<PathBuf> = beside(&file.vex);
        for path in vex.iter().chain(&args.rules.vex) {
            rules.vex.push(read_vex(path)?);
        }
        let trivy = Path::new(".trivyignore");
        let is_trivy = |path: &PathBuf| path.canonicalize().ok() == trivy.canonicalize().ok();
        if trivy.is_file()
            && args.rules.ignore_file.is_empty()
            && !ignore_files.iter().any(is_trivy)
        {
            tracing::warn!("there is a .trivyignore; --ignore-file .trivyignore makes it hold");
        }
        Ok(rules)
    }

    /// The same for commands that judge nothing.
    pub(crate) fn of_rules(args: RuleArgs) -> anyhow::Result<Self> {
        Self::of(&PolicyArgs {
            rules: args,
            ..PolicyArgs::default()
        })
    }

    /// Takes packages out that lie where nothing is to be looked for, and says how many.
    pub(crate) fn skip(&self, inventory: &mut Inventory) {
        let all = inventory.packages.len();
        inventory.packages.retain(|entry| {
            let path = entry.path().unwrap_or_default().trim_start_matches('/');
            !self.skip_paths.iter().any(|pattern| pattern.matches(path))
        });
        let skipped = all - inventory.packages.len();
        if skipped > 0 {
            let paths: Vec<String> = self.skip_paths.iter().map(ToString::to_string).collect();
            inventory.warnings.push(warning(format!(
                "{skipped} packages under {} were left out, as skip-paths says",
                paths.join(", ")
            )));
        }
    }

    /// What the rules make of what was found.
    pub(crate) fn apply(
        &self,
        inventory: &Inventory,
        mut matched: Matched,
        base: Option<Base>,
        today: i64,
        warnings: &mut Vec<Warning>,
    ) -> Assessment {
        warnings.append(&mut matched.warnings);
        let scene = Scene {
            inventory,
            base_layers: base.as_ref().map(|base| base.layers),
            today,
        };
        if base.is_none() && self.policy.base.is_some() {
            warnings.push(warning(
                "no base image is known, so nothing was left out for it; name one with --base"
                    .to_owned(),
            ));
        }
        for (rule, feed) in self.unjudged(&matched.enrichment) {
            warnings.push(warning(format!(
                "the fail rule \"{}\" judges nothing: there is no data of {feed}; run \"pellucid db update {feed}\"",
                rule.words()
            )));
        }
        let mut findings = matched.findings;
        pellucid_matcher::rate(&mut findings, &self.severity_source);
        let mut waived = suppress(findings, &self.waivers, &self.vex, &scene);
        warnings.append(&mut waived.warnings);
        let judged = self
            .policy
            .judge(waived.findings, &matched.coverage, &scene);
        warnings.extend(undecided(&judged, has_nvd(&matched.enrichment)));
        let rules = judged.outcomes.into_iter().map(|outcome| GateRule {
            rule: outcome.rule,
            reached_by: outcome.reached_by,
        });
        let gate = Gate {
            rules: rules.collect(),
            reaching: judged.reaching,
            namespaces: judged.namespaces,
            undecided: judged.undecided,
        };
        Assessment {
            gate: (!self.policy.fail.is_empty()).then_some(gate),
            findings: judged.findings,
            coverage: matched.coverage,
            left_to_owners: matched.left_to_owners,
            enrichment: matched.enrichment,
            left_out: judged.left_out,
            suppressed: waived.suppressed,
            base,
        }
    }

    /// How the scan ends. A reached gate is said first: it holds whatever else is not known. One that is
    /// not to fail hides nothing of that.
    pub(crate) fn judge(&self, assessment: &Assessment) -> Exit {
        // Nothing recognised is nothing known, which is not the same as nothing wrong.
        let is_covered =
            !assessment.coverage.is_empty() && assessment.coverage.iter().all(Coverage::is_covered);
        // What NVD has no severity of either, nobody has one of.
        let is_rated = has_nvd(&assessment.enrichment)
            || (assessment.gate.as_ref()).is_none_or(|gate| gate.undecided == 0);
        let is_judged = is_rated && self.unjudged(&assessment.enrichment).next().is_none();
        let is_answered = self.allow_uncovered || (is_covered && is_judged);
        let is_reached = assessment.gate.as_ref().is_some_and(Gate::is_reached);
        if is_reached && self.exit_code != Some(0) {
            self.exit_code.map_or(Exit::Reached, Exit::Chosen)
        } else if is_answered {
            Exit::Clean
        } else {
            Exit::NotCovered
        }
    }

    /// Fail rules that ask for data which is not there, each with the feed that has it. Without it no
    /// finding is exploited or likely, which is not the same as none being so.
    fn unjudged<'a>(
        &'a self,
        enrichment: &'a [SnapshotRef],
    ) -> impl Iterator<Item = (&'a FailRule, &'static str)> {
        let asked = self.policy.fail.iter().flat_map(|rule| {
            let kev = rule.kev.map(|_| "cisa-kev");
            let epss = rule.epss.map(|_| "epss");
            kev.into_iter().chain(epss).map(move |feed| (rule, feed))
        });
        asked.filter(|(_, feed)| !enrichment.iter().any(|snapshot| snapshot.key == *feed))
    }
}

/// Names the file of rules where no option does. Read here and not where the options are, to which a
/// variable that is set would be an option beside `--no-config`.
const CONFIG: &str = "PELLUCID_CONFIG";

/// Whether NVD, which gives severities and scores that vendors did not, was asked.
fn has_nvd(enrichment: &[SnapshotRef]) -> bool {
    enrichment.iter().any(|snapshot| snapshot.key == "nvd")
}

/// Warnings of what fail rules could not judge.
fn undecided(judged: &Judged, has_nvd: bool) -> impl Iterator<Item = Warning> {
    let what_to_do = if has_nvd {
        "nvd has none either; --fail-on unknown fails on every finding"
    } else {
        "there is no data of nvd, which may have one; run \"pellucid db update nvd\" once, or say \
         --fail-on unknown to fail on every finding, or --allow-uncovered to let these pass"
    };
    judged.outcomes.iter().flat_map(move |outcome| {
        let lacks = [
            (outcome.unrated, "a severity"),
            (outcome.unscored, "a CVSS 3 score"),
        ];
        let lacks = lacks.into_iter().filter(|(count, _)| *count > 0);
        lacks.map(move |(count, lack)| {
            let findings = if count == 1 { "finding" } else { "findings" };
            warning(format!(
                "the fail rule \"{}\" does not judge {count} {findings} without {lack}: {what_to_do}",
                outcome.rule
            ))
        })
    })
}

/// The file of rules that holds, and where it lies.
fn chosen(args: &RuleArgs) -> anyhow::Result<(Option<PathBuf>, file::File)> {
    let named = || std::env::var_os(CONFIG).filter(|value| !value.is_empty());
    let path = match &args.config {
        Some(path) => Some(path.clone()),
        None if args.no_config => None,
        None => named().map(PathBuf::from).or_else(file::find),
    };
    let Some(path) = path else {
        return Ok((None, file::File::default()));
    };
    tracing::info!("rules are read from {}", path.display());
    let file = file::read(&path)?;
    Ok((Some(path), file))
}

/// What is in effect, one setting a line, each with where it comes from.
pub(crate) fn print(
    config: Option<&str>,
    with_origin: bool,
    out: &mut dyn std::io::Write,
) -> anyhow::Result<()> {
    let args = RuleArgs {
        config: config.map(PathBuf::from),
        ..RuleArgs::default()
    };
    let (path, file) = chosen(&args)?;
    // Whatever cannot be is said here as a scan would say it.
    Rules::of_rules(args)?;
    let as_json = |file: &file::File| serde_json::to_value(file).context("cannot print the rules");
    let (values, defaults) = (as_json(&file)?, as_json(&file::File::default())?);
    for (key, value) in values.as_object().into_iter().flatten() {
        let origin = match &path {
            Some(path) if defaults.get(key) != Some(value) => shown(path),
            _ => "default".to_owned(),
        };
        let value = pellucid_report::escape(&value.to_string(), false).into_owned();
        if with_origin {
            writeln!(out, "{key}: {value} # {origin}")?;
        } else {
            writeln!(out, "{key}: {value}")?;
        }
    }
    Ok(())
}

/// A path below the working directory as seen from there.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.and_then(|here| path.strip_prefix(here).ok());
    short.unwrap_or(path).display().to_string()
}

fn read_vex(path: &Path) -> anyhow::Result<Vex> {
    use std::io::Read as _;
    let cannot_use = || Usage(format!("cannot use the VEX document {}", path.display()));
    let mut json = Vec::new();
    let file = std::fs::File::open(path).with_context(cannot_use)?;
    file.take(VEX + 1)
        .read_to_end(&mut json)
        .with_context(cannot_use)?;
    if json.len() as u64 > VEX {
        return Err(Usage(format!("it is larger than {VEX} bytes"))).with_context(cannot_use);
    }
    Vex::read(&shown(path), &json).with_context(cannot_use)
}

const fn warning(message: String) -> Warning {
    Warning {
        kind: WarningKind::Policy,
        layer: None,
        path: None,
        line: None,
        message,
    }
}

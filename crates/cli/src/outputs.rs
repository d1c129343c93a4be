//! Which reports are written where: `--format`, and `--output FORMAT[=FILE]` as often as wanted.
//!
//! `-f FORMAT -o FILE` is understood too. A value that names no format is a file only then: a
//! mistyped format must not become a file of that name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pellucid_report::{FORMATS, Format, Report, Template};

use crate::args::OutputArgs;
use crate::exit::Usage;
use crate::output;

/// Most bytes of a template that are read; one that is larger is refused.
const TEMPLATE: u64 = 2 << 20;

/// Most warnings of one report on standard error.
const WARNINGS: usize = 20;

/// What stands for the image in a file's name.
const IMAGE: &str = "{image}";

/// What is to be written.
pub(crate) struct Outputs {
    wanted: Vec<Wanted>,
    detail: bool,
    suppressed: bool,
}

struct Wanted {
    format: Chosen,
    file: Option<PathBuf>,
}

enum Chosen {
    Known(&'static dyn Format),
    Template(Box<Template>),
}

impl Outputs {
    /// What the command line asks for.
    ///
    /// # Errors
    /// A format that is not there, a template that cannot be used, two reports to one place.
    pub(crate) fn of(args: &OutputArgs) -> anyhow::Result<Self> {
        let mut wanted = Vec::new();
        for value in &args.output {
            let (name, file) = match (value.split_once('='), &args.format) {
                (Some((name, file)), _) if is_format(name) => (name, Some(file)),
                (None, _) if is_format(value) => (value.as_str(), None),
                (_, Some(format)) => (format.as_str(), Some(value.as_str())),
                (split, None) => {
                    let name = split.map_or(value.as_str(), |(name, _)| name);
                    return Err(unknown(name).into());
                }
            };
            if file == Some("") {
                return Err(Usage(format!("--output {value}: the file has no name")).into());
            }
            wanted.push((name, file.map(PathBuf::from)));
        }
        let is_used = |format: &String| wanted.iter().any(|(name, _)| name == format);
        match &args.format {
            Some(format) if !is_used(format) => wanted.push((format, None)),
            None if wanted.is_empty() && args.template.is_some() => wanted.push(("template", None)),
            None if wanted.is_empty() => wanted.push(("table", None)),
            _ => {}
        }
        let mut places = BTreeSet::new();
        for (_, file) in &wanted {
            if !places.insert(file.clone()) {
                let place = file.as_ref().map_or_else(
                    || "standard output".to_owned(),
                    |file| file.display().to_string(),
                );
                let text = format!("two reports to {place}; name a file: -o FORMAT=FILE");
                return Err(Usage(text).into());
            }
        }
        let chosen = |(name, file): (&str, Option<PathBuf>)| {
            anyhow::Ok(Wanted {
                format: choose(name, args.template.as_deref())?,
                file,
            })
        };
        let wanted = wanted.into_iter().map(chosen).collect::<Result<_, _>>()?;
        Ok(Self {
            wanted,
            detail: args.detail,
            suppressed: args.show_suppressed,
        })
    }

    /// Refuses files that one of several reports would replace where another is.
    pub(crate) fn check_several(&self, references: &[String]) -> Result<(), Usage> {
        let mut taken: BTreeMap<PathBuf, &str> = BTreeMap::new();
        let files = self
            .wanted
            .iter()
            .filter_map(|wanted| wanted.file.as_deref());
        for file in files.filter(|file| !is_device(file)) {
            if !file.to_string_lossy().contains(IMAGE) {
                return Err(Usage(format!(
                    "several images would write to {}; name it with {IMAGE} in it",
                    file.display()
                )));
            }
            for reference in references {
                let path = of_image(file, reference);
                if let Some(other) = taken.insert(path.clone(), reference) {
                    let whose = if other == reference {
                        format!("two reports of {reference}")
                    } else {
                        format!("the reports of {other} and of {reference}")
                    };
                    let path = path.display();
                    return Err(Usage(format!(
                        "{whose} would be one file, {path}; let two runs write them"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Writes the report of an image, which may be one of several, everywhere.
    pub(crate) fn write_image(&self, report: &Report, reference: &str) -> anyhow::Result<()> {
        self.write_to(report, |file| of_image(file, reference))
    }

    /// Writes the report everywhere.
    pub(crate) fn write(&self, report: &Report) -> anyhow::Result<()> {
        self.write_to(report, Path::to_owned)
    }

    /// Whether anything that is written tells what no advisory data covers.
    pub(crate) fn tell_coverage(&self) -> bool {
        self.wanted.iter().any(|wanted| match &wanted.format {
            Chosen::Known(format) => format.tells_coverage(),
            Chosen::Template(_) => false,
        })
    }

    fn write_to(&self, report: &Report, named: impl Fn(&Path) -> PathBuf) -> anyhow::Result<()> {
        let tells_warnings = |wanted: &Wanted| match &wanted.format {
            Chosen::Known(format) => format.tells_warnings(),
            // What a template leaves out is known to nobody.
            Chosen::Template(_) => false,
        };
        if !self.wanted.iter().any(tells_warnings) {
            say_warnings(report);
        }
        if !self.tell_coverage() {
            say_uncovered(report);
        }
        // Files first: a reader of standard output that went away must not cost a file.
        let mut wanted: Vec<&Wanted> = self.wanted.iter().collect();
        wanted.sort_by_key(|wanted| wanted.file.is_none());
        wanted.into_iter().try_for_each(|wanted| {
            let file = wanted.file.as_deref().map(&named);
            let file = file.as_deref();
            let mut style = output::style(file, self.detail);
            style.suppressed = self.suppressed;
            if let Chosen::Known(format) = &wanted.format
                && format.leaves_out_suppressed()
                && !style.suppressed
            {
                say_suppressed(report, format.name());
            }
            output::write(file, |out| match &wanted.format {
                Chosen::Known(format) => format.write(report, &style, out),
                Chosen::Template(template) => template.write(report, &style, out),
            })
        })
    }
}

/// Says on standard error the warnings of a report that is shown without them.
pub(crate) fn say_warnings(report: &Report) {
    let image = &report.inventory.image.reference;
    for text in report.first_warnings(WARNINGS) {
        tracing::warn!("{image}: {text}");
    }
}

/// Says on standard error what no advisory data covers.
fn say_uncovered(report: &Report) {
    let image = &report.inventory.image.reference;
    let coverage = report.assessment.iter().flat_map(|one| &one.coverage);
    for covered in coverage.filter(|covered| !covered.is_covered()) {
        let name = covered.namespace.as_ref();
        let name = name.map_or("packages of an unknown distribution", |name| name.as_str());
        let why = covered.note.as_deref().unwrap_or(covered.gap());
        tracing::warn!("{image}: not covered: {name}: {why}");
    }
}

/// Says on standard error what a report does not say itself.
fn say_suppressed(report: &Report, format: &str) {
    let assessment = report.assessment.as_ref();
    match assessment.map_or(0, |assessment| assessment.suppressed.len()) {
        0 => {}
        1 => tracing::warn!("1 suppressed finding is not in the {format}; --show-suppressed"),
        count => {
            tracing::warn!(
                "{count} suppressed findings are not in the {format}; --show-suppressed"
            );
        }
    }
}

/// The file of one of several images: whatever its name could do to a path is an underscore.
fn of_image(file: &Path, reference: &str) -> PathBuf {
    let name: String = reference
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => letter,
            _ => '_',
        })
        .collect();
    PathBuf::from(file.to_string_lossy().replace(IMAGE, &name))
}

fn is_device(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| !found.is_file())
}

fn is_format(name: &str) -> bool {
    name == "template" || pellucid_report::format(name).is_some()
}

fn choose(name: &str, template: Option<&Path>) -> anyhow::Result<Chosen> {
    if name != "template" {
        return Ok(Chosen::Known(
            pellucid_report::format(name).ok_or_else(|| unknown(name))?,
        ));
    }
    let path =
        template.ok_or_else(|| Usage("the format template needs --template FILE".to_owned()))?;
    let cannot_use = || Usage(format!("cannot use the template {}", path.display()));
    let mut source = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TEMPLATE).read_to_string(&mut source))
        .with_context(cannot_use)?;
    let template = Template::new(&path.display().to_string(), &source).with_context(cannot_use)?;
    Ok(Chosen::Template(Box::new(template)))
}

fn unknown(name: &str) -> Usage {
    let known: Vec<&str> = FORMATS.iter().map(|format| format.name()).collect();
    Usage(format!(
        "there is no format {name:?}; the formats are {}, template (a file: -o FORMAT=FILE)",
        known.join(", ")
    ))
}

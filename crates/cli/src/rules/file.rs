//! `pellucid.yaml`: its shape, described by `docs/pellucid.schema.json`.
//!
//! A key that nobody knows is an error, because a misspelt rule is one that silently does not hold.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pellucid_matcher::{FailRule, Pattern, Place, Purl, Waiver};
use pellucid_model::{PackageKind, Severity};
use serde::{Deserialize, Serialize};

use super::fail;
use crate::exit::Usage;

/// The name that is looked for.
const NAME: &str = "pellucid.yaml";

/// Most bytes of a file of rules.
const LARGEST: u64 = 16 << 20;

/// The file.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    pub(crate) fail: Vec<Fail>,
    pub(crate) ignore: Vec<Ignore>,
    pub(super) ignore_files: Vec<PathBuf>,
    pub(super) vex: Vec<PathBuf>,
    pub(super) severity: Vec<Severity>,
    pub(super) severity_source: Vec<String>,
    pub(super) skip_paths: Vec<String>,
    pub(super) only_fixed: bool,
    pub(super) undetermined: bool,
    pub(super) allow_uncovered: bool,
    pub(super) base: Option<String>,
}

/// A fail rule.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Fail {
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kev: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    malware: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cvss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Scalar>,
    end_of_life: bool,
    not_covered: bool,
}

/// An ignore rule.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Ignore {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<Scalar>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<Justification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

/// Text that YAML may take for a number.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum Scalar {
    Number(u64),
    Text(String),
}

/// OpenVEX's words for why a product is not affected.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Justification {
    ComponentNotPresent,
    VulnerableCodeNotPresent,
    VulnerableCodeNotInExecutePath,
    VulnerableCodeCannotBeControlledByAdversary,
    InlineMitigationsAlreadyExist,
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// The file in the working directory or the nearest folder above it.
pub(super) fn find() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors()
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

/// Reads it.
pub(super) fn read(path: &Path) -> anyhow::Result<File> {
    parse(&text(path)?, &path.display().to_string())
}

/// Reads its text; `origin` is its name in errors.
pub(crate) fn parse(text: &str, origin: &str) -> anyhow::Result<File> {
    let is_empty = text
        .lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#') || line == "---");
    if is_empty {
        return Ok(File::default());
    }
    let file = serde_saphyr::from_str::<Option<File>>(text).map_err(|error| {
        let reason = pellucid_server::explain_key(&error.to_string());
        Usage(format!("{origin}: {reason}"))
    })?;
    Ok(file.unwrap_or_default())
}

/// The text of a file that is not too large.
pub(super) fn text(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let cannot_read = || Usage(format!("cannot read {}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(cannot_read)?;
    file.take(LARGEST + 1)
        .read_to_string(&mut text)
        .with_context(cannot_read)?;
    if text.len() as u64 > LARGEST {
        let reason = format!("{} is larger than {LARGEST} bytes", path.display());
        return Err(Usage(reason).into());
    }
    Ok(text)
}

fn pattern(text: Option<&String>) -> Result<Option<Pattern>, String> {
    text.map(|text| Pattern::new(text))
        .transpose()
        .map_err(|error| error.to_string())
}

impl Fail {
    /// The rule that is meant.
    pub(crate) fn rule(&self) -> Result<FailRule, String> {
        let rule = FailRule {
            severity: self.severity,
            fixable: self.fixable,
            kev: self.kev,
            malware: self.malware,
            epss: self.epss,
            cvss: self.cvss,
            age: self.age.as_deref().map(fail::days).transpose()?,
            package: pattern(self.package.as_ref())?,
            namespace: pattern(self.namespace.as_ref())?,
            layer: place(self.layer.as_ref())?,
            end_of_life: self.end_of_life,
            not_covered: self.not_covered,
        };
        fail::check(&rule)?;
        Ok(rule)
    }
}

fn place(layer: Option<&Scalar>) -> Result<Option<Place>, String> {
    layer
        .map(|layer| Place::new(&layer.text()))
        .transpose()
        .map_err(|error| error.to_string())
}

impl Ignore {
    /// The rule that is meant. A reason is demanded: who reads the report must be able to judge it.
    pub(crate) fn waiver(&self, origin: &str) -> Result<Waiver, String> {
        let is_said = |text: &&String| !text.trim().is_empty();
        if self.reason.as_ref().filter(is_said).is_none() {
            return Err("it has no reason".to_owned());
        }
        let kind = self.kind.as_ref().map(|name| {
            PackageKind::from_name(name).ok_or_else(|| format!("there is no kind {name:?}"))
        });
        let (package, purls) = match &self.package {
            Some(text) if text.starts_with("pkg:") => (
                None,
                vec![Purl::new(text).map_err(|error| error.to_string())?],
            ),
            package => (pattern(package.as_ref())?, Vec::new()),
        };
        let path = self
            .path
            .as_ref()
            .map(|path| path.trim_start_matches('/').to_owned());
        let justification = self.justification.map(|word| {
            // A word of the list above, so it is written as text.
            serde_json::to_value(word)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default()
        });
        let waiver = Waiver {
            id: pattern(self.id.as_ref())?,
            package,
            purls,
            version: self.version.as_ref().map(Scalar::text),
            kind: kind.transpose()?,
            namespace: pattern(self.namespace.as_ref())?,
            paths: pattern(path.as_ref())?.into_iter().collect(),
            layer: place(self.layer.as_ref())?,
            images: pattern(self.image.as_ref())?.into_iter().collect(),
            reason: self.reason.clone(),
            justification,
            expires: self.expires.as_deref().map(day).transpose()?,
            origin: origin.to_owned(),
            ..Waiver::default()
        };
        if waiver.is_empty() {
            return Err("it has no condition, so it would ignore everything".to_owned());
        }
        Ok(waiver)
    }
}

/// A day, in days since the epoch, and as written.
pub(super) fn day(text: &str) -> Result<(i64, String), String> {
    let wrong = || format!("{text:?} is no day; write YYYY-MM-DD");
    // Some write a time behind the day.
    let date = text.get(..10).unwrap_or(text);
    let date: jiff::civil::Date = date.parse().map_err(|_| wrong())?;
    let midnight: jiff::Timestamp = format!("{date}T00:00:00Z").parse().map_err(|_| wrong())?;
    let day = midnight.as_second().div_euclid(24 * 3600);
    Ok((day, date.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    /// The words that serde names where it meets one that it does not know.
    fn known<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
        let error = serde_json::from_value::<T>(unknown)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let expected = error.split_once("expected").unwrap_or_default().1;
        let words = expected.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    }

    fn keys<T: DeserializeOwned>() -> BTreeSet<String> {
        known::<T>(json!({"?": 0}))
    }

    #[test]
    fn the_schema_of_the_documentation_is_what_is_read() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../../docs/pellucid.schema.json")).unwrap();
        let at = |path: &str| schema.pointer(path).unwrap_or(&Value::Null).clone();
        let named = |path: &str| -> BTreeSet<String> {
            let object = at(path);
            let keys = object.as_object().into_iter().flatten();
            keys.map(|(key, _)| key.clone()).collect()
        };
        let words = |path: &str| -> BTreeSet<String> {
            serde_json::from_value(at(path)).unwrap_or_default()
        };
        let fail = "/properties/fail/items/properties";
        let ignore = "/properties/ignore/items/properties";
        assert_eq!(named("/properties"), keys::<File>());
        assert_eq!(named(fail), keys::<Fail>());
        assert_eq!(named(ignore), keys::<Ignore>());
        assert_eq!(
            words(&format!("{ignore}/justification/enum")),
            known::<Justification>(json!("?"))
        );
        for path in [
            format!("{fail}/severity/enum"),
            "/properties/severity/items/enum".to_owned(),
        ] {
            for word in words(&path) {
                assert!(word.parse::<Severity>().is_ok(), "{word}");
            }
            for severity in Severity::ALL {
                let is_named = words(&path).contains(&severity.name().to_lowercase());
                // Only callers of Clair's API use that one.
                assert_eq!(is_named, severity != Severity::Defcon1, "{severity:?}");
            }
        }
        assert_eq!(at("/properties/ignore/items/required"), json!(["reason"]));
    }
}

//! Ignore rules: which findings their writer has answered for.
//!
//! A rule takes a finding out of the list and into that of the suppressed ones; it deletes nothing.
//! Every condition of a rule must hold. What cannot be known (the layer of a base image that nobody
//! named) does not hold: a rule suppresses what it surely means and nothing more. A rule past its
//! day, and one that met nothing, become warnings, so that neither goes unseen.

use pellucid_model::{
    Finding, FixState, PackageEntry, PackageKind, Suppression, SuppressionKind, Warning,
    WarningKind,
};

use crate::pattern::Pattern;
use crate::product::Purl;
use crate::scene::{Place, Scene};

/// How many faults of one file are told one by one.
const TOLD: usize = 20;

/// An ignore rule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Waiver {
    /// The vulnerability, by any of its names.
    pub id: Option<Pattern>,
    /// The package, by its own or its source's name.
    pub package: Option<Pattern>,
    /// The package, by purl; what the purl leaves out is not compared. Empty means any; one of several
    /// is enough.
    pub purls: Vec<Purl>,
    /// The installed version.
    pub version: Option<String>,
    /// The kind of package.
    pub kind: Option<PackageKind>,
    /// The namespace.
    pub namespace: Option<Pattern>,
    /// The file that proves the package; one of several is enough, empty means any.
    pub paths: Vec<Pattern>,
    /// The layer that brought the package.
    pub layer: Option<Place>,
    /// Whether there is a fix.
    pub fix_state: Option<FixState>,
    /// The image, by reference or tag, with its tag or without; one of several is enough.
    pub images: Vec<Pattern>,
    /// Why, in the writer's words.
    pub reason: Option<String>,
    /// VEX's word for why the package is not affected; without it the risk is taken, not denied.
    pub justification: Option<String>,
    /// Last day on which it holds, in days since the epoch, and as written.
    pub expires: Option<(i64, String)>,
    /// The file it stands in, as the user named it.
    pub origin: String,
}

impl Waiver {
    /// Whether no condition is set: such a rule would suppress everything.
    pub fn is_empty(&self) -> bool {
        let has_no_list = self.purls.is_empty() && self.paths.is_empty();
        has_no_list
            && self.id.is_none()
            && self.package.is_none()
            && self.version.is_none()
            && self.kind.is_none()
            && self.namespace.is_none()
            && self.layer.is_none()
            && self.fix_state.is_none()
    }

    /// Whether it is about another image than this one.
    fn is_elsewhere(&self, scene: &Scene<'_>) -> bool {
        let image = &scene.inventory.image;
        let names = image.tags.iter().chain(std::iter::once(&image.reference));
        let mut names = names.flat_map(|name| {
            let bare = crate::product::repository(name).0;
            [name.as_str(), bare]
        });
        !self.images.is_empty()
            && !names.any(|name| self.images.iter().any(|pattern| pattern.matches(name)))
    }

    /// Whether its day is past.
    fn is_past(&self, scene: &Scene<'_>) -> bool {
        let day = self.expires.as_ref();
        day.is_some_and(|(day, _)| *day < scene.today)
    }

    /// What it answers for of a finding, of whose parts (the CVEs of a bulletin) there may be none.
    pub(crate) fn reach(
        &self,
        finding: &Finding,
        parts: &[String],
        entry: &PackageEntry,
        scene: &Scene<'_>,
    ) -> Reach {
        if self.is_past(scene) || self.is_elsewhere(scene) || !self.is_about(finding, entry, scene)
        {
            return Reach::Nothing;
        }
        let Some(id) = &self.id else {
            return Reach::of_parts(vec![true; parts.len()]);
        };
        let mut names = std::iter::once(&finding.id).chain(&finding.aliases);
        if names.any(|name| id.matches(name)) {
            return Reach::Whole;
        }
        let reached: Vec<bool> = parts.iter().map(|part| id.matches(part)).collect();
        if reached.contains(&true) {
            Reach::Parts(reached)
        } else {
            Reach::Nothing
        }
    }

    /// Whether every condition but the vulnerability's name holds.
    fn is_about(&self, finding: &Finding, entry: &PackageEntry, scene: &Scene<'_>) -> bool {
        let package = &entry.package;
        let names = [package.name.as_str(), package.source_name()];
        let is_meant = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
        };
        names.iter().any(|name| is_meant(&self.package, name))
            && is_meant(
                &self.namespace,
                entry.namespace.as_ref().map_or("", |name| name.as_str()),
            )
            && (self.version.as_ref()).is_none_or(|version| *version == package.version)
            && self.kind.is_none_or(|kind| kind == package.kind)
            && self
                .fix_state
                .is_none_or(|state| state == finding.fix_state)
            && (self.paths.is_empty()
                || entry.locations.iter().any(|location| {
                    self.paths
                        .iter()
                        .any(|pattern| pattern.matches(location.path.trim_start_matches('/')))
                }))
            && (self.layer.as_ref()).is_none_or(|layer| layer.holds(entry, scene) == Some(true))
            && (self.purls.is_empty() || self.purls.iter().any(|purl| purl.is_of(entry)))
    }

    /// The conditions in words.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        let mut push = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.push(format!("{name} {value}"));
            }
        };
        push("id", self.id.as_ref().map(ToString::to_string));
        push("package", self.package.as_ref().map(ToString::to_string));
        for purl in &self.purls {
            push("purl", Some(purl.to_string()));
        }
        push("version", self.version.clone());
        push("kind", self.kind.map(|kind| kind.name().to_owned()));
        push(
            "namespace",
            self.namespace.as_ref().map(ToString::to_string),
        );
        for path in &self.paths {
            push("path", Some(path.to_string()));
        }
        push("layer", self.layer.as_ref().map(ToString::to_string));
        for image in &self.images {
            push("image", Some(image.to_string()));
        }
        push("fix", self.fix_state.map(fix_word));
        words.join(", ")
    }

    pub(crate) fn suppression(&self, vulnerabilities: Vec<String>) -> Suppression {
        Suppression {
            kind: SuppressionKind::Ignored,
            origin: self.origin.clone(),
            rule: self.words(),
            status: self
                .justification
                .as_ref()
                .map(|_| "not_affected".to_owned()),
            justification: self.justification.clone(),
            reason: self.reason.clone(),
            expires: self.expires.as_ref().map(|(_, day)| day.clone()),
            vulnerabilities,
        }
    }
}

/// What a rule answers for of a finding.
pub(crate) enum Reach {
    /// Nothing.
    Nothing,
    /// All of it, by one of its own names.
    Whole,
    /// Some of its parts: which.
    Parts(Vec<bool>),
}

impl Reach {
    /// All parts; a finding without any is reached whole.
    fn of_parts(parts: Vec<bool>) -> Self {
        if parts.is_empty() {
            Self::Whole
        } else {
            Self::Parts(parts)
        }
    }
}

fn fix_word(state: FixState) -> String {
    match state {
        FixState::Fixed => "fixed",
        FixState::NotFixed => "not-fixed",
        FixState::WontFix => "wont-fix",
        FixState::Deferred => "deferred",
        FixState::Unknown => "unknown",
    }
    .to_owned()
}

/// What is to be said of rules that are past their day or answered for nothing.
pub(crate) fn faults(waivers: &[Waiver], is_used: &[bool], scene: &Scene<'_>) -> Vec<Warning> {
    let mut faults: Vec<(&str, String)> = Vec::new();
    for (waiver, is_used) in waivers.iter().zip(is_used) {
        let words = waiver.words();
        if waiver.is_elsewhere(scene) {
            continue;
        }
        if waiver.is_past(scene) {
            let day = waiver.expires.as_ref().map_or("", |(_, day)| day.as_str());
            faults.push((
                &waiver.origin,
                format!("the ignore rule ({words}) held until {day} and does no longer"),
            ));
        } else if !is_used {
            faults.push((
                &waiver.origin,
                format!("the ignore rule ({words}) met no finding"),
            ));
        }
    }
    told(
        faults,
        "more ignore rules are past their day or met no finding",
    )
}

/// The first of a file's faults one by one, the rest as a number.
pub(crate) fn told(faults: Vec<(&str, String)>, rest: &str) -> Vec<Warning> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    let mut warnings = Vec::new();
    for (origin, message) in faults {
        let count = counts.entry(origin).or_default();
        *count += 1;
        if *count <= TOLD {
            warnings.push(warning(format!("{origin}: {message}")));
        }
    }
    for (origin, count) in counts {
        if let Some(more) = count.checked_sub(TOLD).filter(|more| *more > 0) {
            warnings.push(warning(format!("{origin}: {more} {rest}")));
        }
    }
    warnings
}

/// A warning about the user's own rules.
pub(crate) const fn warning(message: String) -> Warning {
    Warning {
        kind: WarningKind::Policy,
        layer: None,
        path: None,
        line: None,
        message,
    }
}

//! The words that stand for enumerated values. The model may rename its own; these are fixed.

use pellucid_model::{
    DigestState, FixState, NameKind, PackageKind, Severity, Status, SuppressionKind, WarningKind,
};

use super::ReadError;

/// A closed set of values with a word for each.
pub(in crate::format) trait Words: Sized + Copy + PartialEq + 'static {
    /// What one of them is, for errors.
    const WHAT: &'static str;
    /// The set.
    const WORDS: &'static [(Self, &'static str)];

    fn word(self) -> String {
        let word = Self::WORDS.iter().find(|(value, _)| *value == self);
        word.map_or("other", |(_, word)| word).to_owned()
    }

    fn read(word: &str) -> Result<Self, ReadError> {
        let value = Self::WORDS.iter().find(|(_, known)| *known == word);
        value
            .map(|(value, _)| *value)
            .ok_or_else(|| ReadError::value(Self::WHAT, word))
    }
}

impl Words for Severity {
    const WHAT: &'static str = "a severity";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Unknown, "unknown"),
        (Self::Negligible, "negligible"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::Critical, "critical"),
        (Self::Defcon1, "defcon1"),
    ];
}

impl Words for FixState {
    const WHAT: &'static str = "a fix state";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Fixed, "fixed"),
        (Self::NotFixed, "not-fixed"),
        (Self::WontFix, "wont-fix"),
        (Self::Deferred, "deferred"),
        (Self::Unknown, "unknown"),
    ];
}

impl Words for NameKind {
    const WHAT: &'static str = "a kind of package name";
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Source, "source"), (Self::Binary, "binary")];
}

impl Words for Status {
    const WHAT: &'static str = "an advisory's status";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Affected, "affected"),
        (Self::NotAffected, "not-affected"),
        (Self::UnderInvestigation, "under-investigation"),
        (Self::WillNotFix, "will-not-fix"),
        (Self::Deferred, "deferred"),
        (Self::EndOfLife, "end-of-life"),
    ];
}

impl Words for DigestState {
    const WHAT: &'static str = "a digest's state";
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Verified, "verified"), (Self::Declared, "declared")];
}

impl Words for SuppressionKind {
    const WHAT: &'static str = "a kind of suppression";
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Ignored, "ignored"), (Self::Vex, "vex")];
}

impl Words for WarningKind {
    const WHAT: &'static str = "a kind of warning";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::BadRecord, "bad-record"),
        (Self::TooLarge, "too-large"),
        (Self::BadLink, "bad-link"),
        (Self::NoDatabase, "no-database"),
        (Self::Conflict, "conflict"),
        (Self::BadVersion, "bad-version"),
        (Self::DetectorFailed, "detector-failed"),
        (Self::StaleData, "stale-data"),
        (Self::Image, "image"),
        (Self::Policy, "policy"),
    ];
}

/// The kind of package a purl type names.
pub(super) fn package_kind(word: &str) -> Result<PackageKind, ReadError> {
    PackageKind::from_name(word).ok_or_else(|| ReadError::value("a kind of package", word))
}

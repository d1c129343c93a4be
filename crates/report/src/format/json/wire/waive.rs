//! What was taken out of the findings, and the base image.

use pellucid_model::{Inventory, SuppressionKind};
use serde::{Deserialize, Serialize};

use super::assess::Finding;
use crate::format::json::ReadError;
use crate::format::json::words::Words as _;

#[derive(Serialize, Deserialize)]
pub(super) struct Suppressed {
    finding: Finding,
    by: By,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    and_by: Vec<By>,
}

#[derive(Serialize, Deserialize)]
struct By {
    kind: String,
    origin: String,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    justification: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Base {
    name: String,
    layers: usize,
    #[serde(default)]
    detected: bool,
}

impl Suppressed {
    pub(super) fn of(one: &pellucid_model::Suppressed, inventory: &Inventory) -> Self {
        Self {
            finding: Finding::of(&one.finding, inventory),
            by: By::of(&one.by),
            and_by: one.and_by.iter().map(By::of).collect(),
        }
    }

    /// Reads it back; it may speak of no package beyond `packages`.
    pub(super) fn read(self, packages: usize) -> Result<pellucid_model::Suppressed, ReadError> {
        let others = self.and_by.into_iter().map(By::read);
        Ok(pellucid_model::Suppressed {
            finding: self.finding.read(packages)?,
            by: self.by.read()?,
            and_by: others.collect::<Result<_, _>>()?,
        })
    }
}

impl By {
    fn of(by: &pellucid_model::Suppression) -> Self {
        let by = by.clone();
        Self {
            kind: by.kind.word(),
            origin: by.origin,
            rule: by.rule,
            status: by.status,
            justification: by.justification,
            reason: by.reason,
            expires: by.expires,
            vulnerabilities: by.vulnerabilities,
        }
    }

    fn read(self) -> Result<pellucid_model::Suppression, ReadError> {
        Ok(pellucid_model::Suppression {
            kind: SuppressionKind::read(&self.kind)?,
            origin: self.origin,
            rule: self.rule,
            status: self.status,
            justification: self.justification,
            reason: self.reason,
            expires: self.expires,
            vulnerabilities: self.vulnerabilities,
        })
    }
}

impl Base {
    pub(super) fn of(base: &crate::Base) -> Self {
        Self {
            name: base.name.clone(),
            layers: base.layers,
            detected: base.is_detected,
        }
    }

    pub(super) fn read(self) -> crate::Base {
        crate::Base {
            name: self.name,
            layers: self.layers,
            is_detected: self.detected,
        }
    }
}

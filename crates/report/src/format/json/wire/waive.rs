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
        let by = one.by.clone();
        Self {
            finding: Finding::of(&one.finding, inventory),
            by: By {
                kind: by.kind.word(),
                origin: by.origin,
                rule: by.rule,
                status: by.status,
                justification: by.justification,
                reason: by.reason,
                expires: by.expires,
            },
        }
    }

    /// Reads it back; it may speak of no package beyond `packages`.
    pub(super) fn read(self, packages: usize) -> Result<pellucid_model::Suppressed, ReadError> {
        let by = self.by;
        Ok(pellucid_model::Suppressed {
            finding: self.finding.read(packages)?,
            by: pellucid_model::Suppression {
                kind: SuppressionKind::read(&by.kind)?,
                origin: by.origin,
                rule: by.rule,
                status: by.status,
                justification: by.justification,
                reason: by.reason,
                expires: by.expires,
            },
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

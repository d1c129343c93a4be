//! The shape of `pellucid-report/1`, field by field in the order they are written.
//!
//! Lists are always there, if empty; what is not known is absent. Times are RFC 3339 in UTC.

mod assess;
mod image;
mod waive;

use pellucid_model::{Inventory, Warning, WarningKind};
use serde::{Deserialize, Serialize};

use super::words::Words as _;
use super::{PACKAGES, REPORT, ReadError};
use crate::{Assessment, Tool};

#[derive(Serialize, Deserialize)]
pub(super) struct Report {
    schema: String,
    tool: WireTool,
    image: image::Image,
    layers: Vec<image::Layer>,
    distributions: Vec<image::Distribution>,
    packages: Vec<image::Package>,
    /// Repositories that the packages came from, where somebody looked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repositories: Option<Vec<image::Repository>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<assess::Finding>>,
    /// How many findings a filter left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<assess::Coverage>>,
    /// Findings that somebody has answered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed: Option<Vec<waive::Suppressed>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<waive::Base>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrichment: Option<Vec<assess::Snapshot>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gate: Option<assess::Gate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    summary: Option<assess::Summary>,
    warnings: Vec<WireWarning>,
}

#[derive(Serialize, Deserialize)]
struct WireTool {
    name: String,
    version: String,
    commit: String,
}

#[derive(Serialize, Deserialize)]
struct WireWarning {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layer: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    message: String,
}

impl Report {
    pub(super) fn of(report: &crate::Report) -> Self {
        let inventory = &report.inventory;
        let assessment = report.assessment.as_ref();
        Self {
            schema: if assessment.is_some() {
                REPORT
            } else {
                PACKAGES
            }
            .to_owned(),
            tool: WireTool {
                name: "pellucid".to_owned(),
                version: report.tool.version.clone(),
                commit: report.tool.commit.clone(),
            },
            image: image::Image::of(&inventory.image),
            layers: inventory
                .image
                .layers
                .iter()
                .enumerate()
                .map(image::Layer::of)
                .collect(),
            distributions: inventory
                .distributions
                .iter()
                .map(image::Distribution::of)
                .collect(),
            packages: inventory
                .packages
                .iter()
                .enumerate()
                .map(|(index, entry)| {
                    let left = assessment.map(|assessment| &assessment.left_to_owners);
                    let left = left.map(|left| left.contains(&index));
                    image::Package::of(entry, inventory, left)
                })
                .collect(),
            repositories: inventory
                .repositories
                .as_ref()
                .map(|repositories| repositories.iter().map(image::Repository::of).collect()),
            findings: assessment.map(|assessment| {
                let findings = assessment.findings.iter();
                findings
                    .map(|finding| {
                        let mut wire = assess::Finding::of(finding, inventory);
                        let gate = assessment.gate.as_ref();
                        wire.reaches_gate = gate.is_some_and(|gate| gate.is_reached_by(finding));
                        wire
                    })
                    .collect()
            }),
            left_out: assessment.map(|assessment| assessment.left_out),
            coverage: assessment.map(|assessment| {
                assessment
                    .coverage
                    .iter()
                    .map(assess::Coverage::of)
                    .collect()
            }),
            enrichment: assessment.map(|assessment| {
                assessment
                    .enrichment
                    .iter()
                    .map(assess::Snapshot::of)
                    .collect()
            }),
            suppressed: assessment.map(|assessment| {
                let suppressed = assessment.suppressed.iter();
                suppressed
                    .map(|one| waive::Suppressed::of(one, inventory))
                    .collect()
            }),
            base: assessment.and_then(|assessment| assessment.base.as_ref().map(waive::Base::of)),
            gate: assessment.and_then(|assessment| assessment.gate.as_ref().map(assess::Gate::of)),
            summary: assessment
                .map(|assessment| assess::Summary::of(&crate::Summary::of(&assessment.findings))),
            warnings: report.warnings.iter().map(WireWarning::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<crate::Report, ReadError> {
        let packages = self.packages.len();
        let own = self.packages.iter().enumerate();
        let left_to_owners = own.filter(|(_, package)| package.is_left_to_owner());
        let left_to_owners = left_to_owners.map(|(index, _)| index).collect();
        let assessment = match (self.schema.as_str(), self.findings, self.coverage) {
            (PACKAGES, ..) => None,
            (REPORT, Some(findings), Some(coverage)) => Some(Assessment {
                gate: self.gate.map(|gate| gate.read(&findings)),
                findings: findings
                    .into_iter()
                    .map(|finding| finding.read(packages))
                    .collect::<Result<_, _>>()?,
                coverage: coverage
                    .into_iter()
                    .map(assess::Coverage::read)
                    .collect::<Result<_, _>>()?,
                left_to_owners,
                // Reports written before there was such data have no list of it.
                enrichment: self
                    .enrichment
                    .unwrap_or_default()
                    .into_iter()
                    .map(assess::Snapshot::read)
                    .collect::<Result<_, _>>()?,
                left_out: self.left_out.unwrap_or_default(),
                suppressed: self
                    .suppressed
                    .unwrap_or_default()
                    .into_iter()
                    .map(|one| one.read(packages))
                    .collect::<Result<_, _>>()?,
                base: self.base.map(waive::Base::read),
            }),
            (REPORT, ..) => return Err(ReadError::value("findings and coverage", "nothing")),
            _ => return Err(ReadError::Schema(self.schema.chars().take(80).collect())),
        };
        let layers = self
            .layers
            .into_iter()
            .map(image::Layer::read)
            .collect::<Result<_, _>>()?;
        let inventory = Inventory {
            image: self.image.read(layers)?,
            distributions: self
                .distributions
                .into_iter()
                .map(image::Distribution::read)
                .collect(),
            packages: self
                .packages
                .into_iter()
                .map(image::Package::read)
                .collect::<Result<_, _>>()?,
            repositories: self.repositories.map(|repositories| {
                repositories
                    .into_iter()
                    .map(image::Repository::read)
                    .collect()
            }),
            warnings: Vec::new(),
        };
        let warnings = self
            .warnings
            .into_iter()
            .map(WireWarning::read)
            .collect::<Result<_, _>>()?;
        let tool = Tool {
            version: self.tool.version,
            commit: self.tool.commit,
        };
        Ok(crate::Report::new(tool, inventory, assessment, warnings))
    }
}

impl WireWarning {
    fn of(warning: &Warning) -> Self {
        Self {
            kind: warning.kind.word(),
            layer: warning.layer,
            path: warning.path.clone(),
            line: warning.line,
            message: warning.message.clone(),
        }
    }

    fn read(self) -> Result<Warning, ReadError> {
        Ok(Warning {
            kind: WarningKind::read(&self.kind)?,
            layer: self.layer,
            path: self.path,
            line: self.line,
            message: self.message,
        })
    }
}

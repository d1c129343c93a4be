//! One definition: what it is about, and its tree of criteria.

use super::tables::Tables;
use crate::FeedError;
use crate::format::xml::{Element, Xml};

/// Deepest tree of criteria that is read; what lies deeper is passed over and told.
const DEPTH: usize = 32;

/// What a definition says of itself.
#[derive(Default, Debug)]
pub(crate) struct Definition {
    /// Its identifier.
    pub(crate) id: String,
    /// `patch`, `vulnerability`, `inventory`.
    pub(crate) class: String,
    pub(crate) title: String,
    pub(crate) description: String,
    /// Sources, identifiers and links of what it refers to.
    pub(crate) references: Vec<Reference>,
    pub(crate) severity: String,
    pub(crate) issued: Option<String>,
    pub(crate) updated: Option<String>,
    /// Vulnerabilities with what is said of each alone.
    pub(crate) cves: Vec<CveReference>,
    /// CPEs of the repositories it holds for.
    pub(crate) cpes: Vec<String>,
    /// States in which components are left (`Will not fix`), with the components.
    pub(crate) resolutions: Vec<(String, Vec<String>)>,
    /// Microsoft's word on whether there is a fix: `true`, `false`, `Not Applicable`.
    pub(crate) patchable: Option<String>,
}

/// A reference of a definition.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) url: String,
}

/// A vulnerability in a definition.
#[derive(Default, Debug)]
pub(crate) struct CveReference {
    pub(crate) id: String,
    /// Whether the rest is NVD's and not the vendor's, as SUSE passes it on (`CVE-2010-1323 at NVD`).
    pub(crate) by_nvd: bool,
    /// The vendor's word for its severity.
    pub(crate) impact: Option<String>,
    /// Vectors, the newest first, without the scores before them.
    pub(crate) vectors: Vec<String>,
    pub(crate) cwes: Vec<String>,
}

/// A tree of criteria.
pub(super) enum Criteria {
    /// All of them, or any of them.
    Group { any: bool, parts: Vec<Self> },
    /// A single test.
    One { comment: String, test: Option<u32> },
    /// Something that this room does not read, and why.
    Unread(&'static str),
}

/// Reads a definition up to its end.
pub(super) fn read(
    xml: &mut Xml<'_>,
    element: &Element<'_>,
    tables: &Tables,
) -> Result<(Definition, Option<Criteria>), FeedError> {
    let attribute = |name| element.attribute(name).unwrap_or_default().into_owned();
    let mut definition = Definition {
        id: attribute("id"),
        class: attribute("class"),
        ..Definition::default()
    };
    let mut tree = None;
    while let Some(part) = xml.child()? {
        match part.name() {
            "metadata" => metadata(xml, &mut definition)?,
            "criteria" => tree = Some(group(xml, &part, tables, 0)?),
            _ => xml.skip()?,
        }
    }
    Ok((definition, tree))
}

/// Reads what is in `metadata` or `advisory`: vendors disagree about what belongs where.
fn metadata(xml: &mut Xml<'_>, definition: &mut Definition) -> Result<(), FeedError> {
    while let Some(part) = xml.child()? {
        let attribute = |name| part.attribute(name).map(std::borrow::Cow::into_owned);
        match part.name() {
            "title" => definition.title = words(&xml.text()?),
            "description" => definition.description = xml.text()?.trim().to_owned(),
            "severity" => definition.severity = words(&xml.text()?),
            "patchable" => definition.patchable = Some(words(&xml.text()?)),
            "advisory_date" => definition.issued = Some(words(&xml.text()?)),
            "issued" => {
                definition.issued = attribute("date");
                xml.skip()?;
            }
            "updated" => {
                definition.updated = attribute("date");
                xml.skip()?;
            }
            "reference" => {
                definition.references.push(Reference {
                    source: attribute("source").unwrap_or_default(),
                    id: words(&attribute("ref_id").unwrap_or_default()),
                    url: attribute("ref_url").unwrap_or_default(),
                });
                xml.skip()?;
            }
            "cve" => {
                let vector = |name| Some(attribute(name)?.split_once('/')?.1.to_owned());
                let mut cve = CveReference {
                    impact: attribute("impact"),
                    vectors: ["cvss4", "cvss3", "cvss2"]
                        .into_iter()
                        .filter_map(vector)
                        .collect(),
                    ..CveReference::default()
                };
                // `CWE-120->CWE-125`, `(CWE-20|CWE-22)`.
                let weaknesses = attribute("cwe").unwrap_or_default();
                cve.cwes = weaknesses
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .map(|cwe| cwe.trim_matches('-'))
                    .filter(|cwe| cwe.starts_with("CWE-"))
                    .map(str::to_owned)
                    .collect();
                cve.cwes.sort();
                cve.cwes.dedup();
                let text = words(&xml.text()?);
                let own = text.strip_suffix(" at SUSE");
                let passed_on = text.strip_suffix(" at NVD");
                cve.by_nvd = passed_on.is_some();
                own.or(passed_on).unwrap_or(&text).clone_into(&mut cve.id);
                definition.cves.push(cve);
            }
            "affected_cpe_list" => {
                while let Some(cpe) = xml.child()? {
                    if cpe.name() == "cpe" {
                        definition.cpes.push(xml.text()?.trim().to_owned());
                    } else {
                        xml.skip()?;
                    }
                }
            }
            "resolution" => {
                let state = attribute("state").unwrap_or_default();
                let mut components = Vec::new();
                while let Some(component) = xml.child()? {
                    if component.name() == "component" {
                        components.push(xml.text()?.trim().to_owned());
                    } else {
                        xml.skip()?;
                    }
                }
                definition.resolutions.push((state, components));
            }
            "advisory" | "affected" => metadata(xml, definition)?,
            _ => xml.skip()?,
        }
    }
    Ok(())
}

fn group(
    xml: &mut Xml<'_>,
    element: &Element<'_>,
    tables: &Tables,
    depth: usize,
) -> Result<Criteria, FeedError> {
    let any = element
        .attribute("operator")
        .is_some_and(|word| word.eq_ignore_ascii_case("or"));
    let negated = |element: &Element<'_>| element.attribute("negate").as_deref() == Some("true");
    if depth >= DEPTH || negated(element) {
        xml.skip()?;
        return Ok(Criteria::Unread(if depth >= DEPTH {
            "criteria are nested too deeply"
        } else {
            "negated criteria"
        }));
    }
    let mut parts = Vec::new();
    while let Some(part) = xml.child()? {
        match part.name() {
            "criteria" => parts.push(group(xml, &part, tables, depth + 1)?),
            "criterion" => {
                let test = part.attribute("test_ref").unwrap_or_default();
                parts.push(if negated(&part) {
                    Criteria::Unread("negated criterion")
                } else {
                    Criteria::One {
                        comment: words(&part.attribute("comment").unwrap_or_default()),
                        test: tables.number(&test),
                    }
                });
                xml.skip()?;
            }
            "extend_definition" => {
                parts.push(Criteria::Unread("a reference to another definition"));
                xml.skip()?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(Criteria::Group { any, parts })
}

/// A text with single blanks between its words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

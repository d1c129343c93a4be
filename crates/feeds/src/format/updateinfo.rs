//! updateinfo.xml: the bulletins of an RPM repository, found through its `repomd.xml`.
//!
//! Source: createrepo_c's documents. An `update` names packages by their binary name, epoch, version,
//! release and architecture, and refers to CVEs in `references`, or only in its text. Entries of
//! source packages and of debug symbols stand beside the others; sources are left out.

use std::collections::{BTreeMap, BTreeSet};

use pellucid_model::{Advisory, Affected, NameKind, Namespace, Severity, Status};
use pellucid_version::Range;

use super::xml::Xml;
use super::{date, rpm};
use crate::{AdvisorySink, FeedError, Fetched, IndexFile};

/// Most packages of one update.
const PACKAGES: usize = 100_000;

/// An update as the document has it.
#[derive(Default, Debug)]
pub(crate) struct Update {
    /// `security`, `bugfix`, `enhancement`, `newpackage`.
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: String,
    pub(crate) description: String,
    pub(crate) issued: Option<i64>,
    pub(crate) updated: Option<i64>,
    pub(crate) references: Vec<Reference>,
    pub(crate) packages: Vec<Package>,
    /// Module stream of the collection.
    pub(crate) module: Option<String>,
}

/// A reference of an update.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) url: String,
}

/// A package that an update brings.
#[derive(Debug)]
pub(crate) struct Package {
    name: String,
    arch: String,
    evr: String,
    module: Option<String>,
}

/// Where the updateinfo of a repository is.
#[derive(Debug)]
pub(crate) struct Location {
    /// Path from the repository's base.
    pub(crate) href: String,
    /// SHA-256 of the file.
    pub(crate) sha256: Option<String>,
}

/// The updateinfo that a `repomd.xml` lists; `None` if the repository has none.
pub(crate) fn location(index: &IndexFile) -> Result<Option<Location>, FeedError> {
    let file = Fetched {
        indexes: &[],
        key: "",
        request: &index.request,
        member: None,
        body: &index.body,
    };
    let (mut xml, _) = Xml::begin(&file, "repomd")?;
    let mut found = None;
    while let Some(data) = xml.child()? {
        let kind = data.attribute("type").unwrap_or_default().into_owned();
        if data.name() != "data" || kind != "updateinfo" {
            xml.skip()?;
            continue;
        }
        let (mut href, mut sha256) = (String::new(), None);
        while let Some(part) = xml.child()? {
            match part.name() {
                "location" => {
                    href = part.attribute("href").unwrap_or_default().into_owned();
                    xml.skip()?;
                }
                "checksum" => {
                    let kind = part.attribute("type").unwrap_or_default().into_owned();
                    let sum = xml.text()?.trim().to_ascii_lowercase();
                    let hex = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
                    sha256 = (kind == "sha256" && hex).then_some(sum);
                }
                _ => xml.skip()?,
            }
        }
        // It becomes part of a URL.
        let good = href
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
        if good && href.starts_with("repodata/") && !href.contains("..") {
            found = Some(Location { href, sha256 });
        }
    }
    xml.end()?;
    Ok(found)
}

/// Reads all updates of a document, one at a time.
///
/// # Errors
/// The document is no updateinfo.
pub(crate) fn read(
    file: &Fetched<'_>,
    each: &mut dyn FnMut(Update) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    let (mut xml, _) = Xml::begin(file, "updates")?;
    while let Some(element) = xml.child()? {
        if element.name() != "update" {
            xml.skip()?;
            continue;
        }
        let mut update = Update {
            kind: element.attribute("type").unwrap_or_default().into_owned(),
            ..Update::default()
        };
        update.read(&mut xml)?;
        each(update)?;
    }
    xml.end()
}

/// Reads the bulletins of a publisher about one namespace, each with its own links, as far as those are
/// `https`.
///
/// # Errors
/// The document is no updateinfo, or has no update at all.
pub(crate) fn bulletins(
    file: &Fetched<'_>,
    publisher: &str,
    prefixes: &[&str],
    namespace: &Namespace,
    links: &dyn Fn(&Update) -> Vec<String>,
    out: &mut dyn AdvisorySink,
) -> Result<(), FeedError> {
    let mut count = 0_u64;
    read(file, &mut |update| {
        count += 1;
        if let Some(mut advisory) = update.advisory(publisher, prefixes, out) {
            let links = links(&update).into_iter();
            advisory
                .links
                .extend(links.filter(|url| url.starts_with("https://")));
            told(advisory, update.affected(namespace), out);
        }
        Ok(())
    })?;
    if count == 0 {
        return Err(FeedError::NoRecords {
            file: file.name().to_owned(),
        });
    }
    Ok(())
}

/// Hands an advisory on with the packages that it is about.
pub(crate) fn told(
    mut advisory: Advisory,
    affected: Result<Vec<Affected>, String>,
    out: &mut dyn AdvisorySink,
) {
    match affected {
        Ok(affected) if affected.is_empty() => {
            out.bad_record(&advisory.id, "it names no package");
        }
        Ok(affected) => {
            advisory.affected = affected;
            out.advisory(advisory);
        }
        Err(reason) => out.bad_record(&advisory.id, &reason),
    }
}

impl Update {
    /// The advisory that an update is, without links and packages. `None`, and told to `out`, where it
    /// is not about security, or has none of the prefixes that the ids of this publisher begin with.
    pub(crate) fn advisory(
        &self,
        publisher: &str,
        prefixes: &[&str],
        out: &mut dyn AdvisorySink,
    ) -> Option<Advisory> {
        if !prefixes.iter().any(|prefix| self.id.starts_with(prefix)) {
            out.bad_record(&self.id, &format!("its id is not one of {publisher}'s"));
            return None;
        }
        if self.kind != "security" {
            out.left_out(&self.id, "not about security");
            return None;
        }
        let mut advisory = Advisory::new(self.id.as_str());
        advisory.title = Some(self.title.clone()).filter(|title| !title.is_empty());
        advisory.description.clone_from(&self.description);
        advisory.severity = rpm::severity(&self.severity).unwrap_or_else(|| {
            out.bad_record(&self.id, &format!("unknown severity {:?}", self.severity));
            Severity::Unknown
        });
        advisory.severity_word = Some(self.severity.clone()).filter(|word| !word.is_empty());
        advisory.published = self.issued;
        advisory.modified = self.updated;
        advisory.related = self.cves();
        Some(advisory)
    }

    fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), FeedError> {
        while let Some(part) = xml.child()? {
            let attribute = |name| part.attribute(name).unwrap_or_default().into_owned();
            match part.name() {
                "id" => self.id = xml.text()?.trim().to_owned(),
                "title" => self.title = xml.text()?.trim().to_owned(),
                "severity" => self.severity = xml.text()?.trim().to_owned(),
                "description" => self.description = xml.text()?.trim().to_owned(),
                "issued" => {
                    self.issued = date::seconds(&attribute("date"));
                    xml.skip()?;
                }
                "updated" => {
                    self.updated = date::seconds(&attribute("date"));
                    xml.skip()?;
                }
                "references" | "pkglist" | "collection" => self.read(xml)?,
                "reference" => {
                    self.references.push(Reference {
                        id: attribute("id"),
                        title: attribute("title"),
                        url: attribute("href"),
                    });
                    xml.skip()?;
                }
                "module" => {
                    self.module = Some(format!("{}:{}", attribute("name"), attribute("stream")));
                    xml.skip()?;
                }
                "package" => {
                    let (epoch, version) = (attribute("epoch"), attribute("version"));
                    let release = attribute("release");
                    // No version at all, so that the record is said to be bad.
                    let evr = if version.is_empty() || release.is_empty() {
                        String::new()
                    } else {
                        format!("{version}-{release}")
                    };
                    if self.packages.len() < PACKAGES {
                        self.packages.push(Package {
                            name: attribute("name"),
                            arch: attribute("arch"),
                            evr: match epoch.as_str() {
                                "" | "0" => evr,
                                epoch => format!("{epoch}:{evr}"),
                            },
                            module: self.module.clone(),
                        });
                    }
                    xml.skip()?;
                }
                _ => xml.skip()?,
            }
        }
        Ok(())
    }

    /// The CVEs it is about, sorted: those it refers to, else those its text names.
    pub(crate) fn cves(&self) -> Vec<String> {
        let mut ids: BTreeSet<&str> = self
            .references
            .iter()
            .filter_map(|reference| rpm::cve(&reference.id))
            .collect();
        if ids.is_empty() {
            let titles = self.references.iter().map(|one| one.title.as_str());
            let words = |text| {
                str::split(text, |c: char| !c.is_ascii_alphanumeric() && c != '-')
                    .filter(|word| word.starts_with("CVE-"))
                    .filter_map(rpm::cve)
            };
            ids = titles
                .chain([self.title.as_str(), self.description.as_str()])
                .flat_map(words)
                .collect();
        }
        ids.into_iter().map(str::to_owned).collect()
    }

    /// Its statements: versions before those it brings are affected.
    ///
    /// # Errors
    /// A package has no name or no version.
    pub(crate) fn affected(&self, namespace: &Namespace) -> Result<Vec<Affected>, String> {
        let mut merged: BTreeMap<(&str, Option<&str>, &str), Vec<String>> = BTreeMap::new();
        for package in &self.packages {
            if package.arch == "src" || package.arch == "nosrc" {
                continue;
            }
            let Some(evr) = rpm::evr(&package.evr).filter(|_| !package.name.is_empty()) else {
                return Err(format!(
                    "{:?} {:?} is no package",
                    package.name, package.evr
                ));
            };
            merged
                .entry((&package.name, package.module.as_deref(), evr))
                .or_default()
                .push(package.arch.clone());
        }
        let statement =
            |((name, module, evr), mut arches): ((&str, Option<&str>, &str), Vec<String>)| {
                arches.retain(|arch| !arch.is_empty());
                arches.sort();
                arches.dedup();
                if arches.iter().any(|arch| arch == "noarch") {
                    arches.clear();
                }
                Affected {
                    namespace: namespace.clone(),
                    package: name.to_owned(),
                    name_kind: NameKind::Binary,
                    status: Status::Affected,
                    ranges: vec![Range::before(evr)],
                    versions: Vec::new(),
                    severity: None,
                    arches,
                    module: module.map(str::to_owned),
                    cpes: Vec::new(),
                    note: None,
                }
            };
        Ok(merged.into_iter().map(statement).collect())
    }
}

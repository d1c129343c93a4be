//! Bottlerocket: one updateinfo over all releases and variants.
//!
//! Names are those of the image's inventory. Advisories from before release 1.21 fix Bottlerocket's
//! own version in every package they name, then for a while a kit's, and now the package's version;
//! epoch 1 of packages below 3 keeps them in one order of RPM. A release ends in the time and the
//! commit of its build. Some advisories are about no CVE: a package that is no longer supported, a
//! kernel with fixes that nobody has numbered yet.
//!
//! Not here: problems without a fix, which Bottlerocket does not list.

use pellucid_model::{Advisory, Namespace, Severity};

use crate::format::{rpm, updateinfo, whole};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://github.com/bottlerocket-os/bottlerocket/security/advisories`.
pub(crate) struct Bottlerocket;

const URL: &str = "https://advisories.bottlerocket.aws/updateinfo.xml.gz";

/// Over a hundred times what some thousand advisories take.
const LIMIT: u64 = 256 << 20;

impl Feed for Bottlerocket {
    fn name(&self) -> &'static str {
        "bottlerocket"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        (namespace.as_str() == self.name()).then(|| whole::answer(self.name(), namespace))
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("updateinfo.xml", URL, LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let namespace = Namespace::new(self.name());
        let mut count = 0_u64;
        updateinfo::read(file, &mut |update| {
            count += 1;
            if update.kind != "security" {
                out.left_out(&update.id, "not about security");
                return Ok(());
            }
            if !update.id.starts_with("BRSA-") && !update.id.starts_with("GHSA-") {
                out.bad_record(&update.id, "its id is not one of Bottlerocket's");
                return Ok(());
            }
            let mut advisory = Advisory::new(update.id.as_str());
            advisory.title = Some(update.title.clone()).filter(|title| !title.is_empty());
            advisory.description.clone_from(&update.description);
            advisory.severity = rpm::severity(&update.severity).unwrap_or_else(|| {
                let reason = format!("unknown severity {:?}", update.severity);
                out.bad_record(&update.id, &reason);
                Severity::Unknown
            });
            advisory.severity_word = Some(update.severity.clone()).filter(|word| !word.is_empty());
            advisory.published = update.issued;
            advisory.modified = update.updated;
            advisory.related = update.cves();
            // Where the advisory itself is shown; the others lead to CVEs.
            let own = update.references.iter().filter(|one| one.id == update.id);
            let pages = own.map(|one| one.url.clone());
            advisory
                .links
                .extend(pages.filter(|url| url.starts_with("https://")));
            match update.affected(&namespace) {
                Ok(affected) if affected.is_empty() => {
                    out.bad_record(&update.id, "it names no package");
                }
                Ok(affected) => {
                    advisory.affected = affected;
                    out.advisory(advisory);
                }
                Err(reason) => out.bad_record(&update.id, &reason),
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
}

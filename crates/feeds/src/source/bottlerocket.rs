//! Bottlerocket: one updateinfo over all releases and variants.
//!
//! Names are those of the image's inventory. Advisories from before release 1.21 fix Bottlerocket's
//! own version in every package they name, then for a while a kit's, and now the package's version;
//! epoch 1 of packages below 3 keeps them in one order of RPM. A release ends in the time and the
//! commit of its build. Some advisories are about no CVE: a package that is no longer supported, a
//! kernel with fixes that nobody has numbered yet.
//!
//! Not here: problems without a fix, which Bottlerocket does not list.

use pellucid_model::Namespace;

use crate::format::{updateinfo, whole};
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
            let Some(mut advisory) = update.advisory("Bottlerocket", &["BRSA-", "GHSA-"], out)
            else {
                return Ok(());
            };
            // Where the advisory itself is shown; the others lead to CVEs.
            let own = update.references.iter().filter(|one| one.id == update.id);
            let pages = own.map(|one| one.url.clone());
            advisory
                .links
                .extend(pages.filter(|url| url.starts_with("https://")));
            updateinfo::told(advisory, update.affected(&namespace), out);
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

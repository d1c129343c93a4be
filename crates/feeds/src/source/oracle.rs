//! Oracle Linux: OVAL, one file for all releases, one definition an ELSA.
//!
//! One definition may name several releases, and different versions for different architectures.
//! Ksplice builds (`….ksplice1.el8`) and FIPS builds (`…_fips`) of a library are advised on apart, and
//! a version of one flavour says nothing of the others: their statements are kept apart, and the
//! matcher compares only like with like. Files cut by mirrors lack tests; Oracle's comments are true.
//!
//! Not here: problems without a fix, which Oracle does not list.

use pellucid_model::{NameKind, Namespace};

use crate::format::oval::{self, Dialect};
use crate::format::whole;
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://linux.oracle.com/security/oval`.
pub(crate) struct Oracle;

const URL: &str = "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2";

/// The file has some 400 MB unpacked.
const LIMIT: u64 = 2 << 30;

const DIALECT: Dialect = Dialect {
    products: |product| {
        let release = product.strip_prefix("Oracle Linux ")?;
        let good =
            (1..=2).contains(&release.len()) && release.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| vec![Namespace::release_of("oracle", release)])
    },
    names_products: true,
    true_comments: true,
};

impl Feed for Oracle {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        whole::of_releases(self.name(), "oracle", 4..=20, namespace)
    }

    fn plan(&self, key: &str, _state: &FeedState<'_>) -> Result<Plan, FeedError> {
        whole::plan(self.name(), key, || {
            Request::new("elsa-all.xml", URL, LIMIT)
        })
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        DIALECT.read(file, out, &mut |definition, rows, out| {
            let referred = definition
                .references
                .iter()
                .find(|reference| reference.source.eq_ignore_ascii_case("elsa"))
                .map(|reference| reference.id.as_str());
            let titled = definition.title.split([':', ' ']).next();
            let Some(id) = referred
                .or(titled)
                .filter(|id| id.starts_with("ELSA-") || id.starts_with("ELBA-"))
            else {
                out.bad_record(&definition.id, "it names no ELSA");
                return;
            };
            let mut advisory = definition.bulletin(id, "oracle", out);
            advisory.affected = oval::affected(rows, NameKind::Binary, &definition.cpes, None);
            if advisory.affected.is_empty() {
                out.bad_record(&definition.id, "it names no package");
            } else {
                out.advisory(advisory);
            }
        })
    }
}

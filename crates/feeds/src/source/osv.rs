//! The OSV database of language ecosystems, one archive an ecosystem.
//!
//! Records come from many publishers (GHSA, PYSEC, RUSTSEC, GO, MAL, BIT, HSEC): several may be about
//! one flaw and name each other as aliases; matching joins them. An archive also holds withdrawn
//! records, and records that name packages of other ecosystems beside its own.
//!
//! The archive is read once a week; in between the records that `modified_id.csv` names as changed. A
//! withdrawal is a change; ids never vanish.
//!
//! Not here: what a record says (`format/osv_packages.rs`), distributions' records (their own feeds
//! say more).

use pellucid_model::{Advisory, Namespace, PackageKind};

use crate::format::date;
use crate::format::osv_packages::{self, ECOSYSTEMS, RECORD_LIMIT};
use crate::{AdvisorySink, Answer, Feed, FeedError, FeedState, Fetched, Plan, Request};

/// `https://osv.dev`.
pub(crate) struct Osv;

const HOST: &str = "https://osv-vulnerabilities.storage.googleapis.com";

/// The largest archive (npm, with its malware reports) has some 2 GB unpacked.
const LIMIT: u64 = 16 << 30;
/// The list of changes.
const MODIFIED: &str = "modified_id.csv";
const INDEX_LIMIT: u64 = 256 << 20;
/// Most records that are fetched one by one; of more the archive is fetched.
const CHANGES: usize = 1000;
const WEEK: i64 = 7 * 86_400;

impl Feed for Osv {
    fn name(&self) -> &'static str {
        "osv"
    }

    fn parts(&self) -> Vec<String> {
        ECOSYSTEMS
            .iter()
            .map(|(ecosystem, _)| format!("osv/{ecosystem}"))
            .collect()
    }

    fn answers(&self, namespace: &Namespace) -> Option<Answer> {
        let (ecosystem, _) = ECOSYSTEMS
            .iter()
            .find(|(_, kind)| kind.name() == namespace.as_str())?;
        Some(Answer {
            key: format!("osv/{ecosystem}"),
            namespace: namespace.clone(),
        })
    }

    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError> {
        let (ecosystem, _) = ecosystem_of(key)?;
        let Some(index) = state.indexes.first() else {
            let url = format!("{HOST}/{ecosystem}/{MODIFIED}");
            let request = Request::new(MODIFIED, url, INDEX_LIMIT).or_absent();
            return Ok(Plan::Index(vec![request]));
        };
        let changes = Changes::read(&index.body);
        if let (Some(changes), Some(mark)) = (&changes, state.mark.and_then(Mark::read))
            && let Some(ids) = changes.since(&mark)
        {
            let request = |id: &str| {
                let url = format!("{HOST}/{ecosystem}/{id}.json");
                Request::new(format!("{id}.json"), url, RECORD_LIMIT)
            };
            let newest = changes.newest;
            return Ok(Plan::Changes {
                requests: ids.into_iter().map(request).collect(),
                removed: Vec::new(),
                mark: Some(Mark { newest, ..mark }.text()),
            });
        }
        let url = format!("{HOST}/{ecosystem}/all.zip");
        let mark = changes.map(|changes| {
            let newest = changes.newest;
            let mark = Mark {
                newest,
                whole: newest,
            };
            mark.text()
        });
        Ok(Plan::Advisories {
            requests: vec![Request::archive("all.zip", url, LIMIT, RECORD_LIMIT)],
            mark,
        })
    }

    fn wants_member(&self, _request: &Request, member: &str) -> bool {
        member.ends_with(".json")
    }

    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError> {
        let (ecosystem, kind) = ecosystem_of(file.key)?;
        let mut seen = Seen { out, any: false };
        osv_packages::parse(file, |name| (name == ecosystem).then_some(kind), &mut seen)?;
        // A changed record that says nothing any more takes what it said with it.
        if let (None, false, Some(id)) = (
            file.member,
            seen.any,
            file.request.name.strip_suffix(".json"),
        ) {
            out.left_out(id, "no package of the ecosystem");
        }
        Ok(())
    }
}

/// Hands on what is said, and knows whether anything was.
struct Seen<'a> {
    out: &'a mut dyn AdvisorySink,
    any: bool,
}

impl AdvisorySink for Seen<'_> {
    fn advisory(&mut self, advisory: Advisory) {
        self.any = true;
        self.out.advisory(advisory);
    }

    fn bad_record(&mut self, id: &str, reason: &str) {
        self.any = true;
        self.out.bad_record(id, reason);
    }

    fn left_out(&mut self, id: &str, reason: &'static str) {
        self.out.left_out(id, reason);
    }

    fn built_from(&mut self, namespace: &Namespace, binary: &str, source: &str) {
        self.out.built_from(namespace, binary, source);
    }
}

/// How far the records were read, in seconds since the epoch, by the list's own clock.
#[derive(Clone, Copy)]
struct Mark {
    /// Time of the newest change.
    newest: i64,
    /// The same when the whole archive was read.
    whole: i64,
}

impl Mark {
    fn read(text: &str) -> Option<Self> {
        let (newest, whole) = text.split_once(' ')?;
        Some(Self {
            newest: newest.parse().ok()?,
            whole: whole.parse().ok()?,
        })
    }

    fn text(self) -> String {
        format!("{} {}", self.newest, self.whole)
    }
}

/// The list of changes, `<time>,<id>`, newest first.
struct Changes<'a> {
    newest: i64,
    rows: Vec<(i64, &'a str)>,
}

impl<'a> Changes<'a> {
    /// `None` where it is not such a list, or empty: then the archive is read.
    fn read(csv: &'a [u8]) -> Option<Self> {
        let row = |line: &'a str| {
            let (time, id) = line.trim().split_once(',')?;
            Some((date::seconds(time)?, id))
        };
        let text = std::str::from_utf8(csv).ok()?;
        let rows: Vec<_> = text.lines().map(row).collect::<Option<_>>()?;
        let newest = rows.iter().map(|(time, _)| *time).max()?;
        Some(Self { newest, rows })
    }

    /// Ids that changed since a mark, those of the mark's own second again; `None` where the archive
    /// serves better. All of it is read once a week, whatever the list says.
    fn since(&self, mark: &Mark) -> Option<Vec<&'a str>> {
        if self.newest < mark.newest || self.newest - mark.whole > WEEK {
            return None;
        }
        if self.newest == mark.newest {
            return Some(Vec::new());
        }
        let rows = self.rows.iter().filter(|(time, _)| *time >= mark.newest);
        let ids: Vec<&str> = rows.map(|(_, id)| *id).collect();
        // An id becomes part of a URL.
        let is_plain = |id: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
            !id.is_empty() && !id.contains("..") && id.bytes().all(plain)
        };
        (ids.len() <= CHANGES && ids.iter().all(is_plain)).then_some(ids)
    }
}

fn ecosystem_of(key: &str) -> Result<(&'static str, PackageKind), FeedError> {
    key.strip_prefix("osv/")
        .and_then(|name| {
            ECOSYSTEMS
                .iter()
                .copied()
                .find(|(ecosystem, _)| *ecosystem == name)
        })
        .ok_or_else(|| FeedError::unknown_key(key))
}

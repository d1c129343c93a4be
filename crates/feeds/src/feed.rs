//! The plug point of a source of advisories.

use pellucid_model::{Advisory, Namespace};

use crate::{FeedError, FeedState, IndexFile, Plan, Request};

/// A source of advisories. It says what to download and how to read it; the updater does the rest.
pub trait Feed: Sync {
    /// Stable name: first part of its snapshot keys, section of the configuration, metric label.
    fn name(&self) -> &'static str;

    /// Whether it is only followed where somebody asks for it by name, because another feed passes
    /// on what it says. Once its snapshot is there it answers like any other.
    fn on_request(&self) -> bool {
        false
    }

    /// Keys of the snapshots it makes, as far as they are known without asking upstream:
    /// `alpine/v3.20`; a feed of one snapshot calls it as itself. [`Feed::answers`] may name more.
    fn parts(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    /// Which of its snapshots speaks of a namespace.
    ///
    /// Says where to look, not that something is there: a release that upstream has stopped
    /// tracking has no rows in the snapshot, and is not covered.
    fn answers(&self, namespace: &Namespace) -> Option<Answer>;

    /// Which of its snapshots says what products a distribution's repositories are part of: each
    /// repository is the package of a statement in the answer's namespace, its products are the
    /// statement's CPEs.
    fn knows_repositories(&self, namespace: &Namespace) -> Option<Answer> {
        let _ = namespace;
        None
    }

    /// Whether its advisories speak of vulnerabilities and not of packages: they add to what other
    /// feeds say, and are joined by the CVE when somebody asks.
    fn enriches(&self) -> bool {
        false
    }

    /// What to download for the snapshot of this key.
    ///
    /// # Errors
    /// The feed makes no such snapshot, or an index file is not what it should be.
    fn plan(&self, key: &str, state: &FeedState<'_>) -> Result<Plan, FeedError>;

    /// Whether a member of a downloaded archive is read at all; its name as it stands there.
    fn wants_member(&self, request: &Request, member: &str) -> bool {
        let _ = (request, member);
        true
    }

    /// Reads one downloaded file, or one member of a downloaded archive.
    ///
    /// # Errors
    /// The document as a whole is broken, empty, or about something else. Of a member that is a bad
    /// record, unless many are. Records that cannot be
    /// read go to [`AdvisorySink::bad_record`] and are no error.
    fn parse(&self, file: &Fetched<'_>, out: &mut dyn AdvisorySink) -> Result<(), FeedError>;
}

/// Where to find what is known of a namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Answer {
    /// Key of the snapshot.
    pub key: String,
    /// Name of the namespace in that snapshot (`centos:8` is looked up as `rhel:8`).
    pub namespace: Namespace,
}

/// A downloaded file, or a member of a downloaded archive.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    /// Key of the snapshot being made.
    pub key: &'a str,
    /// The request it answers.
    pub request: &'a Request,
    /// Path inside the archive, where the file is one; each member is parsed on its own.
    pub member: Option<&'a str>,
    /// Its bytes, unpacked.
    pub body: &'a [u8],
    /// Index files of this update, as [`FeedState::indexes`] had them in the end.
    pub indexes: &'a [IndexFile],
}

impl Fetched<'_> {
    /// What to call it in a message.
    pub fn name(&self) -> &str {
        self.member.unwrap_or(&self.request.name)
    }
}

/// Where a parser puts what it reads.
pub trait AdvisorySink {
    /// An advisory. One id may come several times in an update, once a file: what they say is
    /// joined.
    fn advisory(&mut self, advisory: Advisory);

    /// A record that could not be read and is left out, or was read with a doubt.
    fn bad_record(&mut self, id: &str, reason: &str);

    /// A record that is left out because pellucid does not report its kind.
    fn left_out(&mut self, id: &str, reason: &'static str);

    /// A binary package of a namespace that is built from a source of another name. Comes as often as upstream
    /// says it.
    fn built_from(&mut self, namespace: &Namespace, binary: &str, source: &str);
}

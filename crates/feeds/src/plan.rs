//! What to download for one snapshot.
//!
//! Most feeds know their URLs: one [`Plan::Advisories`] and done. Index feeds are asked several
//! times: each [`Plan::Index`] is fetched and handed back in [`FeedState::indexes`], until the feed
//! knows what to read (`mirror.list -> repomd.xml -> updateinfo`, `archive_latest.txt` -> archive,
//! `.meta` -> year file). What a feed wants to remember from one update to the next, such as the
//! newest line of a `changes.csv` or `modified_id.csv` that it has read, is its *mark*. A feed that has
//! one may ask for [`Plan::Changes`] alone.

/// One file to download.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Name of the file, unique in its update, by which [`crate::Feed::parse`] tells files apart.
    pub name: String,
    /// Where upstream serves it.
    pub url: String,
    /// Where else the same file is, in this order, if that fails for whatever reason.
    pub alternatives: Vec<String>,
    /// What to read in its place, in this order, if it is in none of these places: files that say
    /// less. A server that fails is no reason to know less than yesterday. Noted as a bad record of
    /// the update.
    pub instead: Vec<String>,
    /// Most bytes it may have once unpacked; a larger one is refused.
    pub limit: u64,
    /// Its SHA-256 in lower-case hex, where an index file says it.
    pub sha256: Option<String>,
    /// Set if it is an archive (zip, tar): each member is parsed on its own, and has at most so
    /// many bytes; a larger one is a bad record.
    pub member_limit: Option<u64>,
    /// Members of an archive that are not read, sorted: newer copies of them are files of their own,
    /// or they were withdrawn.
    pub except: Vec<String>,
    /// What is wrong with it although it is read. Noted as a bad record of the update.
    pub remark: Option<String>,
    /// Whether upstream may not have it. What is absent is noted as a bad record of the update; an
    /// index file that is absent is handed back empty.
    pub may_be_absent: bool,
    /// Whether an index file is handed back empty if it cannot be fetched, for whatever reason: what
    /// it adds is not worth an update.
    pub may_fail: bool,
}

impl Request {
    /// A request for a file at a URL, of at most this many bytes.
    pub fn new(name: impl Into<String>, url: impl Into<String>, limit: u64) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            alternatives: Vec::new(),
            instead: Vec::new(),
            limit,
            sha256: None,
            member_limit: None,
            except: Vec::new(),
            remark: None,
            may_be_absent: false,
            may_fail: false,
        }
    }

    /// The same for a file that upstream may not have.
    #[must_use]
    pub fn or_absent(mut self) -> Self {
        self.may_be_absent = true;
        self
    }

    /// The same for an index file that an update does without rather than fail.
    #[must_use]
    pub fn or_without(mut self) -> Self {
        self.may_fail = true;
        self
    }

    /// A request for an archive at a URL, of at most this many bytes in all and in a member.
    pub fn archive(
        name: impl Into<String>,
        url: impl Into<String>,
        limit: u64,
        member_limit: u64,
    ) -> Self {
        Self {
            member_limit: Some(member_limit),
            ..Self::new(name, url, limit)
        }
    }
}

/// What to do next for a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Plan {
    /// Fetch these small files whole and plan again with them.
    Index(Vec<Request>),
    /// Fetch these and parse them in this order; together they are the whole snapshot.
    Advisories {
        /// The files.
        requests: Vec<Request>,
        /// What [`FeedState::mark`] shall be next time, if this update succeeds.
        mark: Option<String>,
    },
    /// Fetch these and parse them in this order: what they say of an id takes the place of all that
    /// the current snapshot says of it, and the rest stays. Only where there is a mark, and so a
    /// snapshot to change.
    Changes {
        /// The files.
        requests: Vec<Request>,
        /// Ids that upstream has withdrawn. Ids that a parser leaves out go too.
        removed: Vec<String>,
        /// What [`FeedState::mark`] shall be next time, if this update succeeds.
        mark: Option<String>,
    },
}

/// An index file that was fetched in this update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexFile {
    /// What was asked for.
    pub request: Request,
    /// Its bytes, unpacked.
    pub body: Vec<u8>,
}

/// What a feed knows when it plans.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FeedState<'a> {
    /// The mark of the last update that succeeded; `None` before the first.
    pub mark: Option<&'a str>,
    /// Index files fetched in this update, in the order of the requests.
    pub indexes: &'a [IndexFile],
}

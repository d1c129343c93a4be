//! What is remembered of a file from one update to the next, to ask whether it changed.
//!
//! Order of trust: *304 Not Modified*, then the same SHA-256 of what came, then parsing. Mirrors
//! change their tags without changing a byte, so a tag alone proves nothing. What another version of
//! pellucid remembered is forgotten: it may have read the same bytes differently.

use std::collections::BTreeMap;

/// How the catalog keeps it: per URL, and for the feed as a whole under the empty URL.
pub(crate) type State = BTreeMap<String, BTreeMap<String, String>>;

/// What is remembered of one file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Validators {
    /// Where it came from; tags of another server mean nothing.
    pub(crate) from: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// SHA-256 of the bytes as they came, in hex.
    pub(crate) sha256: String,
}

const WHOLE: &str = "";
/// The program's version, and which reading of upstream's bytes it is: raised where a parser gives
/// something else for the same file, so that what is there is made anew.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/7");

impl Validators {
    /// What is remembered of the file at an upstream URL.
    pub(crate) fn read(state: &State, url: &str) -> Option<Self> {
        if state.get(WHOLE)?.get("version")? != VERSION {
            return None;
        }
        let file = state.get(url)?;
        let get = |key: &str| file.get(key).cloned();
        Some(Self {
            from: get("from")?,
            etag: get("etag"),
            last_modified: get("last-modified"),
            sha256: get("sha256")?,
        })
    }

    /// Remembers it.
    pub(crate) fn write(self, state: &mut State, url: &str) {
        let fields = [
            ("from", Some(self.from)),
            ("etag", self.etag),
            ("last-modified", self.last_modified),
            ("sha256", Some(self.sha256)),
        ];
        let fields = fields
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        state.insert(url.to_owned(), fields.collect());
    }
}

/// The feed's own mark, if this version of pellucid set it.
pub(crate) fn mark(state: &State) -> Option<&str> {
    let whole = state
        .get(WHOLE)
        .filter(|whole| whole.get("version").is_some_and(|v| v == VERSION));
    whole?.get("mark").map(String::as_str)
}

/// A state that remembers no file yet.
pub(crate) fn begin(mark: Option<String>) -> State {
    let mut whole = BTreeMap::from([("version".to_owned(), VERSION.to_owned())]);
    whole.extend(mark.map(|mark| ("mark".to_owned(), mark)));
    State::from([(WHOLE.to_owned(), whole)])
}

//! What is wrong with a whole document or a request for one.

/// Why a feed could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// No feed makes a snapshot of this key.
    #[error("no feed is called {key:?}")]
    UnknownKey {
        /// What was asked for.
        key: String,
    },
    /// The body has no bytes.
    #[error("{file} is empty")]
    Empty {
        /// Name of the file in its plan.
        file: String,
    },
    /// The body is a web page, as error pages and captive portals are.
    #[error("{file} is a web page, not advisory data")]
    WebPage {
        /// Name of the file in its plan.
        file: String,
    },
    /// The body is not UTF-8.
    #[error("{file} is not UTF-8 text")]
    NotText {
        /// Name of the file in its plan.
        file: String,
        /// Where it stops being so.
        #[source]
        source: std::str::Utf8Error,
    },
    /// The body is not JSON of the expected shape, or ends too early.
    #[error("{file} is not the JSON document it should be")]
    Json {
        /// Name of the file in its plan.
        file: String,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The body is not YAML of the expected shape, or ends too early.
    #[error("{file} is not the YAML document it should be: {reason}")]
    Yaml {
        /// Name of the file in its plan.
        file: String,
        /// Where and why.
        reason: String,
    },
    /// The body is not well-formed XML, ends too early, or uses what no feed needs (a DTD).
    #[error("{file} is not the XML document it should be")]
    Xml {
        /// Name of the file in its plan.
        file: String,
        /// What the reader said of it.
        #[source]
        source: XmlError,
    },
    /// The body is not the table of lines that it should be.
    #[error("{file} is not the table it should be: it has {found:?} instead of {expected:?}")]
    Table {
        /// Name of the file in its plan.
        file: String,
        /// What stands where the heading belongs.
        found: String,
        /// The heading.
        expected: &'static str,
    },
    /// The body is well formed and holds no record at all.
    #[error("{file} holds no records")]
    NoRecords {
        /// Name of the file in its plan.
        file: String,
    },
    /// The body speaks of something other than what was asked for.
    #[error("{file} is about {found:?}, not {expected:?}")]
    OtherSubject {
        /// Name of the file in its plan.
        file: String,
        /// What it says it is about.
        found: String,
        /// What it should be about.
        expected: String,
    },
}

impl FeedError {
    /// No feed makes a snapshot of this key, which may be a caller's and is cut for the message.
    pub(crate) fn unknown_key(key: &str) -> Self {
        Self::UnknownKey {
            key: key.chars().take(80).collect(),
        }
    }
}

/// What is wrong with an XML document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It is not well formed.
    #[error("at byte {position}")]
    Syntax {
        /// Where in the document.
        position: u64,
        /// What is not as it should be.
        #[source]
        source: quick_xml::Error,
    },
    /// An element or the document ends too early.
    #[error("it ends inside an element")]
    Truncated,
    /// Elements stand in each other deeper than in any feed.
    #[error("its elements are nested too deeply")]
    TooDeep,
    /// It has a document type, which may define entities.
    #[error("it has a document type definition")]
    Dtd,
    /// An entity that XML does not predefine.
    #[error("it uses the unknown entity {0:?}")]
    UnknownEntity(String),
    /// The root element is another one.
    #[error("its root element is {found:?}, not {expected:?}")]
    OtherRoot {
        /// Local name of the root element.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

//! What a scan found, and the formats it is written in.
//!
//! Place in the flow: the last room before the reader. A [`Report`] joins the inventory with what
//! the matcher said of it; each [`Format`] writes it to a stream. Equal reports give equal bytes:
//! everything is sorted, and no date is written but those of the data. The crate never touches the
//! network, the file system, the environment or the clock; whether there is a terminal, and how
//! wide it is, its caller says in a [`Style`].
//!
//! Everything that an image or a feed wrote is hostile text: it passes `escape` before a terminal
//! sees it.

mod cvss;
mod diff;
mod escape;
mod explain;
mod exploitation;
mod fingerprint;
mod format;
mod group;
mod layout;
mod order;
mod property;
mod report;
mod summary;
mod verdict;

pub use diff::{Cause, Diff, FindingChange, PackageChange, diff};
pub use escape::text as escape;
pub use explain::{Record, explain, is_meant};
pub use format::json::{ReadError, read as read_json};
pub use format::template::{Template, TemplateError};
pub use format::{FORMATS, Format, Style, format};
pub use report::{Assessment, Base, Gate, GateRule, Report, Tool};
pub use summary::{Count, Summary};

//! How each ecosystem orders its versions and writes ranges of them.
//!
//! The leftmost room: every other crate may depend on this one, and this one on none of them. Text
//! in, an ordering or a refusal out. It never touches the network, the file system, the environment
//! or the clock, never recurses on input, and takes time linear in the length of the text, which
//! [`MAX_LENGTH`] bounds. Numbers are compared as strings of digits, so that no version overflows.
//!
//! One file a scheme; [`Scheme`] is the table of them. What each does with the corners of its
//! ecosystem is told in `docs/version-orders.md`.
//!
//! Not here: which namespace uses which scheme (`pellucid-model` knows), and Clair's `#MINV#` and
//! `#MAXV#`, which are an agreement of its API and no versions.

mod apk;
mod bitnami;
mod composer;
mod cran;
mod dpkg;
mod ebuild;
mod gem;
mod hackage;
mod invalid;
mod maven;
mod nuget;
mod pacman;
mod pep440;
mod range;
mod requirement;
mod rpm;
mod scan;
mod scheme;
mod semver;
mod set;
mod sort;
mod version;

pub use invalid::InvalidVersion;
pub use range::{Lower, Range, Upper};
pub use requirement::parse_requirement;
pub use scheme::{Scheme, UnknownScheme};
pub use set::complement;
pub use sort::sort_by_version;
pub use version::Version;

/// The longest version or requirement that is read, in bytes. Longer text is invalid.
pub const MAX_LENGTH: usize = 4096;

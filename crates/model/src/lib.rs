//! The plain values that every room of pellucid shares: digests, images, namespaces, packages,
//! advisories, findings and coverage.
//!
//! Place in the flow: everything depends on this crate, it depends on `version` alone. It reads
//! nothing, fetches nothing and knows no clock; it holds what others found.

mod advisory;
mod causes;
mod coverage;
mod cvss;
mod digest;
mod exploitation;
mod finding;
mod image;
mod inventory;
mod namespace;
mod package;
mod purl;
mod release;
mod severity;
mod suppression;
mod warning;

pub use advisory::{Advisory, Affected, Cvss, NameKind, Status};
pub use causes::with_causes;
pub use coverage::{Coverage, EndOfLife, SnapshotRef};
pub use digest::{Digest, DigestError};
pub use exploitation::{Epss, Fraction, FractionError, Kev};
pub use finding::{Finding, FixState, Rating, Reason};
pub use image::{DigestState, Image, Layer, Platform, PlatformError};
pub use inventory::{Distribution, Inventory, Location, Owner, PackageEntry, Repository};
pub use namespace::Namespace;
pub use package::{Package, PackageKind, SourcePackage};
pub use release::{Release, debian_release, distribution, ubuntu_release};
pub use severity::Severity;
pub use suppression::{Suppressed, Suppression, SuppressionKind};
pub use warning::{Warning, WarningKind};

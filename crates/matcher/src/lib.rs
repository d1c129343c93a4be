//! Packages against snapshots: which known vulnerabilities affect an image, and why we say so.
//!
//! Place in the flow: inventory and snapshots meet here; findings and coverage go on to policy and
//! report. It reads snapshots and nothing else: no network, no environment, no clock (the caller says
//! what day it is). Equal input gives equal output, sorted.
//!
//! Silence is never safety: a namespace without data is *not covered*, a version that cannot be
//! placed is a warning, a damaged snapshot is an error.

mod affects;
mod coverage;
mod end_of_life;
mod enrichment;
mod find;
mod finding;
mod owned;
mod pattern;
mod policy;
mod product;
mod products;
mod rate;
mod scene;
mod sources;
mod statement;
mod suppress;
mod vex;
mod waiver;

pub use affects::affects;
pub use end_of_life::end_of_life;
pub use find::{MatchError, MatchOptions, Matched, find};
pub use owned::left_to_owners;
pub use pattern::{Pattern, PatternError};
pub use policy::{FailRule, Judged, Outcome, Policy};
pub use product::{Purl, PurlError};
pub use products::Products;
pub use rate::rate;
pub use scene::{Place, PlaceError, Scene};
pub use sources::{Source, Sources};
pub use statement::{compared, source_version};
pub use suppress::{Waived, suppress};
pub use vex::{Vex, VexError};
pub use waiver::Waiver;

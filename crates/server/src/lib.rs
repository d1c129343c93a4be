//! The service: everything a Clair 2.x client asks for, answered from stored layers and snapshots.
//!
//! Place in the flow: the room before `cli`, where images, advisories and the database meet. Clair's
//! API is in `v1` and nowhere else; a route calls one function of this crate and writes its answer.
//!
//! What always holds:
//! - No answer leaves out what could not be looked at: it is an error instead.
//! - Everything a caller decides is bounded: bodies, layers, waiting, time.
//! - Credentials of callers are neither logged nor stored nor sent to another host.
//! - While the database is away the process stays, says so, and goes on when it is back.

mod answers;
mod api;
mod app;
mod audit;
mod auth;
mod background;
mod body;
mod config;
mod fetch;
mod halves;
mod health;
#[doc(hidden)]
pub mod hostile;
mod indexer;
mod listen;
mod log;
mod metrics;
mod notifier;
mod parsers;
mod patient;
mod places;
mod process;
mod reply;
mod secret;
mod serve;
mod snapshots;
mod tls;
mod trial;
mod updates;
mod v1;

pub use auth::Scope;
pub use background::Background;
pub use config::suggest::explain as explain_key;
pub use config::{
    Api, Clair, Config, ConfigError, DatabaseSection, Features, Feeds, GoDuration, HostRule,
    LayerSources, Notifications, Notifier, NotifierHttp, Scans, Token, Updater,
};
pub use fetch::{Resolve, Resolved};
pub use log::JsonLines;
pub use metrics::Metrics;
pub use serve::{Options, ServeError, Server, Stop, database};
pub use snapshots::Snapshots;

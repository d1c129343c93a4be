//! Sources of advisories: what to download, and what the downloaded bytes say.
//!
//! Place in the flow: `feed -> parse -> advisories`, before the snapshot. Bytes in, advisories out:
//! no network, no file system, no environment, no clock. Bodies are hostile; a record that cannot be
//! read is counted with its id and the others are kept, a document that is not what it should be is
//! an error, so that an outage upstream never looks like a world without vulnerabilities.
//!
//! One file a feed in `source/`, one line in [`FEEDS`], one fixture folder, one row in
//! `docs/feeds.md`. What several feeds share is in `format/`.

mod error;
mod feed;
mod format;
mod plan;
mod source;

pub use error::{FeedError, XmlError};
pub use feed::{AdvisorySink, Answer, Feed, Fetched};
use pellucid_model::Namespace;
pub use plan::{FeedState, IndexFile, Plan, Request};

/// Every feed, by name.
pub const FEEDS: &[&dyn Feed] = &[
    &source::almalinux::ALMALINUX,
    &source::alpaquita::ALPAQUITA,
    &source::alpine::Alpine,
    &source::amazon::Amazon,
    &source::arch::Arch,
    &source::azurelinux::AzureLinux,
    &source::bellsoft_hardened_containers::BELLSOFT_HARDENED_CONTAINERS,
    &source::bottlerocket::Bottlerocket,
    &source::chainguard::CHAINGUARD,
    &source::cisa_kev::CisaKev,
    &source::cleanstart::CLEANSTART,
    &source::debian::Debian,
    &source::echo::ECHO,
    &source::epss::Epss,
    &source::fedora::Fedora,
    &source::friendsofphp::FriendsOfPhp,
    &source::gentoo::Gentoo,
    &source::ghsa::Ghsa,
    &source::govulndb::Govulndb,
    &source::mageia::MAGEIA,
    &source::minimos::MINIMOS,
    &source::nvd::Nvd,
    &source::openeuler::OPENEULER,
    &source::oracle::Oracle,
    &source::osv::Osv,
    &source::photon::Photon,
    &source::pypa::Pypa,
    &source::redhat::RedHat,
    &source::redhat_oval::RedHatOval,
    &source::redhat_repositories::RedHatRepositories,
    &source::rocky::ROCKY,
    &source::rubysec::Rubysec,
    &source::rustsec::Rustsec,
    &source::secureos::SecureOs,
    &source::suse::Suse,
    &source::ubuntu::Ubuntu,
    &source::ubuntu_tracker::UbuntuTracker,
    &source::wolfi::WOLFI,
];

/// The snapshots that speak of a namespace; none means that nothing pellucid follows does.
pub fn covering(namespace: &Namespace) -> Vec<Answer> {
    FEEDS
        .iter()
        .filter_map(|feed| feed.answers(namespace))
        .collect()
}

/// The snapshot that says which products a distribution's repositories are part of.
pub fn repositories(namespace: &Namespace) -> Option<Answer> {
    FEEDS
        .iter()
        .find_map(|feed| feed.knows_repositories(namespace))
}

/// The feeds that add to what others say of a vulnerability.
pub fn enriching() -> impl Iterator<Item = &'static dyn Feed> {
    FEEDS.iter().copied().filter(|feed| feed.enriches())
}

/// The feed that makes the snapshot of this key: what stands before the slash is its name.
pub fn feed_of(key: &str) -> Option<&'static dyn Feed> {
    let name = key.split_once('/').map_or(key, |(name, _)| name);
    FEEDS.iter().copied().find(|feed| feed.name() == name)
}

/// Whether the snapshot of this key is only made where somebody asks for it by name.
pub fn is_on_request(key: &str) -> bool {
    feed_of(key).is_some_and(|feed| feed.on_request())
}

/// The snapshot keys that a word of a caller means: a feed's name is all its parts, a key is itself.
///
/// # Errors
/// No feed has that name, or the feed has no such part.
pub fn keys(word: &str) -> Result<Vec<String>, FeedError> {
    let unknown = || FeedError::unknown_key(word);
    let feed = feed_of(word).ok_or_else(unknown)?;
    if word == feed.name() {
        return Ok(feed.parts());
    }
    feed.plan(word, &FeedState::default())?;
    Ok(vec![word.to_owned()])
}

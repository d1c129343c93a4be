//! One file a feed.

pub(crate) mod almalinux;
pub(crate) mod alpine;
pub(crate) mod amazon;
pub(crate) mod arch;
pub(crate) mod azurelinux;
pub(crate) mod chainguard;
pub(crate) mod debian;
pub(crate) mod fedora;
pub(crate) mod friendsofphp;
pub(crate) mod ghsa;
pub(crate) mod govulndb;
pub(crate) mod minimos;
pub(crate) mod oracle;
pub(crate) mod osv;
pub(crate) mod photon;
pub(crate) mod pypa;
pub(crate) mod redhat;
pub(crate) mod redhat_oval;
pub(crate) mod rocky;
pub(crate) mod rubysec;
pub(crate) mod rustsec;
pub(crate) mod suse;
pub(crate) mod ubuntu;
pub(crate) mod ubuntu_tracker;
pub(crate) mod wolfi;

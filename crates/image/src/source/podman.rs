//! An image of podman's, by name or id, through its socket.

use crate::source::{Asked, Found, Opened, Source, daemon};
use crate::{ImageError, OpenOptions};

/// The `podman:` source.
pub(crate) struct Podman;

impl Source for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn takes_names(&self) -> bool {
        true
    }

    fn recognises(&self, found: &Found, options: &OpenOptions) -> bool {
        self.has(found, options).unwrap_or(false)
    }

    fn has(&self, found: &Found, options: &OpenOptions) -> Result<bool, String> {
        daemon::has(&options.daemons.podman, found, options.offline)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        daemon::open(self.name(), &asked.options.daemons.podman, &asked)
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        daemon::open_all(self.name(), &asked.options.daemons.podman, &asked)
    }
}

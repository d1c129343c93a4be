//! An image of Docker's, by name or id, through its socket.

use crate::source::{Asked, Found, Opened, Source, daemon};
use crate::{ImageError, OpenOptions};

/// The `docker:` source.
pub(crate) struct Docker;

impl Source for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn takes_names(&self) -> bool {
        true
    }

    fn recognises(&self, found: &Found, options: &OpenOptions) -> bool {
        self.has(found, options).unwrap_or(false)
    }

    fn has(&self, found: &Found, options: &OpenOptions) -> Result<bool, String> {
        daemon::has(&options.daemons.docker, found, options.offline)
    }

    fn open(&self, asked: Asked<'_>) -> Result<Opened, ImageError> {
        daemon::open(self.name(), &asked.options.daemons.docker, &asked)
    }

    fn open_all(&self, asked: Asked<'_>) -> Result<Vec<Opened>, ImageError> {
        daemon::open_all(self.name(), &asked.options.daemons.docker, &asked)
    }
}

//! A version that was read once and is compared many times.

use std::cmp::Ordering;
use std::fmt;

use crate::scheme::{Parts, Side};
use crate::{InvalidVersion, Scheme};

/// A valid version of one scheme.
///
/// There is no `Ord`: in some schemes versions of different text are equal (`1.0` and `1.0.0`), and
/// in a few the order of odd versions is not transitive. [`Version::compare`] is the order,
/// and [`sort_by_version`](crate::sort_by_version) sorts by it: the standard library's sorts may
/// panic when an order is not transitive.
#[derive(Clone)]
pub struct Version {
    scheme: Scheme,
    text: Box<str>,
    /// Absent where the parts are slices of the text, which are found again faster than kept.
    parts: Option<Parts<'static>>,
}

impl Version {
    pub(crate) fn new(scheme: Scheme, text: &str) -> Result<Self, InvalidVersion> {
        let parts = scheme.read(text)?.into_owned();
        Ok(Self {
            scheme,
            text: text.trim_ascii().into(),
            parts,
        })
    }

    /// The text, without the white space around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The scheme that the version was read by.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The order of two versions of the same scheme. Versions of different schemes have none; they
    /// are ordered by scheme, so that sorting a mixture at least groups it.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.scheme
            .cmp(&other.scheme)
            .then_with(|| match (&self.parts, &other.parts) {
                (Some(parts), Some(other)) => parts.compare(other),
                // Both texts are valid, so there is no error to lose.
                _ => self.compare_text(&other.text).unwrap_or(Ordering::Equal),
            })
    }

    /// Compares with the text of another version of the same scheme.
    ///
    /// Where the text compares as it stands (dpkg, rpm, apk, pacman and the semver family among
    /// others) nothing is allocated.
    ///
    /// # Errors
    /// The other text is no version of this scheme.
    pub fn compare_text(&self, other: &str) -> Result<Ordering, InvalidVersion> {
        match &self.parts {
            Some(parts) => Ok(parts.compare(&self.scheme.read(other)?)),
            None => self.scheme.compare_valid(&self.text, other),
        }
    }

    /// Compares with the bound of a range, as the ecosystem reads bounds.
    pub(crate) fn compare_to_bound(
        &self,
        bound: &str,
        side: Side,
    ) -> Result<Ordering, InvalidVersion> {
        let invalid = |reason| InvalidVersion::new(self.scheme, bound, reason);
        match (&self.parts, self.scheme) {
            (Some(parts), _) => parts
                .compare_to_bound(&self.scheme.read(bound)?, side)
                .map_err(invalid),
            (None, Scheme::Composer | Scheme::Bitnami) => {
                let version = self.scheme.read(&self.text)?;
                version
                    .compare_to_bound(&self.scheme.read(bound)?, side)
                    .map_err(invalid)
            }
            (None, _) => self.compare_text(bound),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({}, {:?})", self.scheme, self.text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

//! A version that was read once and is compared many times.

use std::cmp::Ordering;
use std::fmt;

use crate::scheme::Parts;
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
            .then_with(|| match &other.parts {
                Some(parts) => self.compare_parts(parts, Parts::compare),
                None => self.compare_text(&other.text).unwrap_or(Ordering::Equal),
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
        Ok(self.compare_parts(&self.scheme.read(other)?, Parts::compare))
    }

    /// Compares with the bound of a range, as the ecosystem reads bounds.
    pub(crate) fn compare_to_bound(&self, bound: &str) -> Result<Ordering, InvalidVersion> {
        Ok(self.compare_parts(&self.scheme.read(bound)?, Parts::compare_to_bound))
    }

    fn compare_parts<'a>(
        &'a self,
        other: &Parts<'a>,
        compare: impl Fn(&Parts<'a>, &Parts<'a>) -> Ordering,
    ) -> Ordering {
        match &self.parts {
            Some(parts) => compare(parts, other),
            None => match self.scheme.read(&self.text) {
                Ok(parts) => compare(&parts, other),
                // The text was valid when the version was made and is immutable.
                Err(_) => Ordering::Equal,
            },
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

//! One file a feed.

pub(crate) mod alpine;
pub(crate) mod debian;

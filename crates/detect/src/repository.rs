//! Where packages came from, one file a way of telling.

pub(crate) mod content_sets;
pub(crate) mod labels;

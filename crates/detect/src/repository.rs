//! Where packages came from, one file a way of telling.

pub(crate) mod content_sets;
pub(crate) mod history;
pub(crate) mod labels;

//! Errors as one line of a log, a report or a database.

use std::error::Error;

/// An error with its causes, a colon between them.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct Outer(#[source] io::Error);

    #[test]
    fn every_cause_is_told_in_order() {
        assert_eq!(with_causes(&io::Error::other("x")), "x");
        let both = Outer(io::Error::other("no room"));
        assert_eq!(with_causes(&both), "the file cannot be read: no room");
    }
}

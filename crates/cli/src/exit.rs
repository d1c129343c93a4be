//! How pellucid ends. `docs/exit-codes.md` says the same to its users.

use std::process::ExitCode;

/// The exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done; nothing reaches the gate.
    Clean,
    /// The gate is reached, a comparison is wrong, or what was looked for is not there.
    Reached,
    /// The gate is reached, and the user chose this status for it, which is not 0.
    Chosen(u8),
    /// The command line or a file given by the user cannot be.
    Usage,
    /// The command could not do its work.
    Failed,
    /// No advisory data answers for some packages, or the gate could not be judged for want of data.
    NotCovered,
}

/// What the user asked for cannot be; an error with this text ends with [`Exit::Usage`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl Exit {
    /// The worse of two, where several images were asked for: not looked at is worse than looked at
    /// and found wanting.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        let badness = |exit: Self| match exit {
            Self::Clean => 0,
            Self::NotCovered => 1,
            Self::Reached | Self::Chosen(_) => 2,
            Self::Failed => 3,
            Self::Usage => 4,
        };
        if badness(other) > badness(self) {
            other
        } else {
            self
        }
    }

    /// The number that the caller sees.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Reached => 1,
            Self::Chosen(status) => status,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::NotCovered => 4,
        }
    }

    /// How an error ends the command.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        use pellucid_image::ImageError;
        // What is said as the context of another error is found only through the error itself.
        let is_usage = error.is::<Usage>()
            || error.chain().any(|cause| {
                cause.is::<Usage>()
                    || matches!(
                        cause.downcast_ref(),
                        Some(ImageError::Reference { .. } | ImageError::NoName { .. })
                    )
            });
        if is_usage { Self::Usage } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

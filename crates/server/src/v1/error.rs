//! Errors in Clair's words.

use http::{HeaderValue, StatusCode, header};
use pellucid_store::StoreError;

use super::json;
use crate::fetch::FetchError;
use crate::process::ProcessError;
use crate::reply::Reply;

/// What an error of the database is called, misspelt as in Clair.
const BACKEND: &str = "database: an error occured when querying the backend";

/// An error as a caller sees it.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The request makes no sense.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// What is asked for is not there.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "the resource cannot be found")
    }

    /// A layer cannot be looked into.
    fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// Something is wrong here.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// The database is away.
    pub(crate) fn away() -> Self {
        Self::unavailable(BACKEND)
    }

    pub(crate) fn reply(&self, gzip: bool) -> Reply {
        let mut reply = json(self.status, gzip, |it| {
            it.object("Error", |it| it.text("Message", &self.message));
        });
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("2");
            reply.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        reply
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let is_away = error.is_retryable();
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the database failed"
        );
        if is_away {
            Self::away()
        } else {
            Self::internal(BACKEND)
        }
    }
}

impl From<ProcessError> for ApiError {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Store(error) => return error.into(),
            // Never a 4xx: a registry would not hand the layer in again.
            _ if error.is_ours() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a layer cannot be read by this machine for now"
                );
                return Self::unavailable("worker: the layer cannot be read for now");
            }
            ProcessError::Stopped => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a layer was not read"
                );
            }
            _ => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a layer was not stored"
            ),
        }
        match error {
            ProcessError::Name => Self::bad(error.to_string()),
            ProcessError::ParentUnknown => {
                Self::bad("worker: parent layer is unknown, it must be processed first")
            }
            ProcessError::TooDeep => Self::bad(format!("worker: {error}")),
            ProcessError::Busy => Self::unavailable(error.to_string()),
            // A folder can be opened, so to Clair it is a layer that cannot be read.
            ProcessError::Archive(_) | ProcessError::Fetch(FetchError::Directory) => {
                Self::unprocessable("tarutil: could not extract the archive")
            }
            ProcessError::Fetch(_) => Self::bad("could not find layer"),
            ProcessError::Format(format) => {
                Self::bad(format!("unsupported image format '{format}'"))
            }
            ProcessError::FileTooBig => Self::unprocessable(
                "tarutil: could not extract one or more files from the archive: file too big",
            ),
            ProcessError::Detect(_) => {
                Self::unprocessable("worker: a package database could not be read")
            }
            ProcessError::Unsupported => {
                Self::unprocessable("worker: OS and/or package manager are not supported")
            }
            ProcessError::Store(_) | ProcessError::Stopped => Self::internal(BACKEND),
        }
    }
}

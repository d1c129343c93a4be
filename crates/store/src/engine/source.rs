//! x
use crate::StoreError;

pub(super) struct Source {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: (),
}

pub(super) fn parse(text: &str) -> Result<Source, StoreError> {
    Ok(Source {
        config: text.parse().map_err(|_| StoreError::Source {
            reason: "x".to_owned(),
        })?,
        tls: (),
    })
}

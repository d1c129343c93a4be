//! x
use crate::StoreError;

pub(super) fn connector(_: &()) -> Result<tokio_postgres::NoTls, StoreError> {
    Ok(tokio_postgres::NoTls)
}

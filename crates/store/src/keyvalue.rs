//! Small settings and secrets that every replica shares.

use crate::engine::End;
use crate::statements::{KEYVALUE_DELETE, KEYVALUE_GET, KEYVALUE_SET, SECRET_GET, SECRET_INSERT};
use crate::value::Value;
use crate::{Store, StoreError};

impl Store {
    /// The value of a key; Clair's clients read `updater/last`.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn value(&self, key: &str) -> Result<Option<String>, StoreError> {
        let rows = self
            .inner
            .engine
            .query(&KEYVALUE_GET, &[Value::from(key)])
            .await?;
        rows.into_iter()
            .next()
            .map(|mut row| row.text(0))
            .transpose()
    }

    /// Sets the value of a key, or with `None` removes it.
    ///
    /// # Errors
    /// The database is away or damaged.
    pub async fn set_value(&self, key: &str, value: Option<&str>) -> Result<(), StoreError> {
        let key = Value::from(key);
        match value {
            Some(value) => {
                self.inner
                    .engine
                    .write_one(&KEYVALUE_SET, vec![key, Value::from(value)])
                    .await
            }
            None => {
                self.inner
                    .engine
                    .write_one(&KEYVALUE_DELETE, vec![key])
                    .await
            }
        }
        .map(drop)
    }

    /// A secret of 32 random bytes, made by whichever replica asks first.
    ///
    /// # Errors
    /// The database is away or damaged, or the system has no random numbers.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let mut fresh = [0_u8; 32];
        getrandom::fill(&mut fresh).map_err(|_| StoreError::Random)?;
        let name = Value::from(name);
        let known = self
            .inner
            .engine
            .query(&SECRET_GET, std::slice::from_ref(&name))
            .await?;
        let row = match known.into_iter().next() {
            Some(row) => Some(row),
            None => {
                self.inner
                    .engine
                    .write(move |tx| {
                        let name = name.clone();
                        Box::pin(async move {
                            let values = [name.clone(), Value::from(fresh.as_slice())];
                            tx.query(&SECRET_INSERT, &values).await?;
                            Ok(End::Commit(tx.one(&SECRET_GET, &[name]).await?))
                        })
                    })
                    .await?
            }
        };
        let bytes = row.ok_or(StoreError::Damaged { what: "secret" })?.blob(0)?;
        bytes
            .try_into()
            .map_err(|_| StoreError::Damaged { what: "secret" })
    }
}

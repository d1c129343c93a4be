//! Puts stored layers into the inverted index, a while after they were stored, many at once.
//!
//! What reads the index does so itself; here it is done so that little is left for it to do.

use std::time::Duration;

use crate::background::Background;

/// How long layers are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Runs until it is stopped, then once more.
pub(crate) async fn run(background: Background) -> Result<(), String> {
    let Background { store, stop, .. } = background;
    loop {
        // At start those that a process left which was killed.
        let indexed = store.index_layers().await;
        indexed.map_err(|error| error.to_string())?;
        if stop.is_cancelled() {
            return Ok(());
        }
        let gathered = async {
            store.layer_stored().await;
            tokio::time::sleep(GATHER).await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = gathered => {}
        }
    }
}

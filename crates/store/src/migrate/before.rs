//! The newest step of the schema, while statements of the release before go on.
//!
//! `before/` holds the statements on the tables that the step changes, as they were before it; a new step
//! replaces them by those on its own tables. Those of `crate::statements` are the same in both.

use std::sync::atomic::{AtomicBool, Ordering};

use pellucid_testkit::postgres::PostgresServer;
use tokio::sync::watch;

use super::{MIGRATIONS, run_all, version};
use crate::engine::{End, Engine};
use crate::statement::Statement;
use crate::statements::{
    ANALYSIS_INSERT, COUNTER_BUMP_GENERATION, COUNTER_BUMP_OVERLAY, INTRODUCED_PENDING_INSERT,
    LAYER_GET, LAYER_PARENT, NAMESPACE_ENSURE, NAMESPACE_GET, VULNERABILITY_END,
};
use crate::value::{Row, Value, list};
use crate::{Database, Store};

/// The step that the statements in `before/` know nothing of.
const NEWEST: i64 = 7;

static LAYER_CHAIN: Statement =
    Statement::new("layer/chain", include_str!("before/layer_chain.sql"));
static LAYER_INSERT: Statement =
    Statement::new("layer/insert", include_str!("before/layer_insert.sql"));
static LAYER_LOCK: Statement = Statement::new("layer/lock", include_str!("before/layer_lock.sql"));
static LAYER_UPDATE: Statement =
    Statement::new("layer/update", include_str!("before/layer_update.sql"));
static VULNERABILITY_ALL_LIVE: Statement = Statement::new(
    "vulnerability/all_live",
    include_str!("before/vulnerability_all_live.sql"),
);
static VULNERABILITY_HISTORY: Statement = Statement::new(
    "vulnerability/history",
    include_str!("before/vulnerability_history.sql"),
);
static VULNERABILITY_INSERT: Statement = Statement::new(
    "vulnerability/insert",
    include_str!("before/vulnerability_insert.sql"),
);
static VULNERABILITY_LIVE: Statement = Statement::new(
    "vulnerability/live",
    include_str!("before/vulnerability_live.sql"),
);
static VULNERABILITY_PAGE: Statement = Statement::new(
    "vulnerability/page",
    include_str!("before/vulnerability_page.sql"),
);

/// Layers of an image.
const LAYERS: usize = 8;

/// A release before the newest step, at work.
struct Before {
    engine: Engine,
    ends: AtomicBool,
}

impl Before {
    async fn read(&self, statement: &'static Statement, values: &[Value]) -> Vec<Row> {
        let answer = self.engine.query(statement, values).await;
        answer.unwrap_or_else(|error| panic!("{}: {error:?}", statement.name))
    }

    /// Works until it is to end, and counts how often.
    async fn again_and_again(&self, rounds: &watch::Sender<usize>, round: impl AsyncFn(usize)) {
        while !self.ends.load(Ordering::Relaxed) {
            let number = *rounds.borrow();
            round(number).await;
            rounds.send_replace(number + 1);
            // Reading the embedded database never waits.
            tokio::task::yield_now().await;
        }
    }

    /// Stores a layer above the one before, reads it, and replaces every other one.
    async fn layer(&self, writer: &'static str, number: usize) {
        let name = format!("{writer}-{number}");
        let parent = match number % LAYERS {
            0 => None,
            _ => {
                let below = number - 1;
                let below = Value::from(format!("{writer}-{below}"));
                let mut row = self.read(&LAYER_GET, &[below]).await.remove(0);
                Some(row.int(0).unwrap())
            }
        };
        let named = Value::from(name.as_str());
        let digest = named.clone();
        let stored = self.engine.write(move |tx| {
            let digest = digest.clone();
            Box::pin(async move {
                let version = Value::from("1");
                let bytes = || Value::from(&b"bytes"[..]);
                let analysis = [digest.clone(), version.clone(), bytes()];
                tx.query(&ANALYSIS_INSERT, &analysis).await?;
                if let Some(parent) = parent {
                    tx.query(&LAYER_PARENT, &[Value::from(parent)]).await?;
                }
                let (none, engine) = (Value::Null, Value::from(3_u32));
                let parent = Value::from(parent);
                let mut values = vec![digest.clone(), parent, none, engine, bytes(), bytes()];
                values.extend([digest, version]);
                if tx.nests() {
                    values.push(bytes());
                }
                let row = tx.one(&LAYER_INSERT, &values).await?;
                let id = row.map(|mut row| row.int(0)).transpose()?;
                if let Some(id) = id.filter(|_| !tx.nests()) {
                    let values = [Value::from(id), bytes()];
                    tx.query(&INTRODUCED_PENDING_INSERT, &values).await?;
                }
                Ok(End::Commit(id))
            })
        });
        let id = stored.await.unwrap();
        assert!(id.is_some(), "{name} was there");
        let chain = self.read(&LAYER_CHAIN, std::slice::from_ref(&named)).await;
        assert_eq!(chain.len(), number % LAYERS + 1, "{name}");
        if number % 2 == 1 {
            return;
        }
        let replaced = self.engine.write(move |tx| {
            let named = named.clone();
            Box::pin(async move {
                let Some(mut row) = tx.one(&LAYER_LOCK, &[named]).await? else {
                    return Ok(End::Discard(false));
                };
                let (id, analysis) = (row.int(0)?, row.int(3)?);
                let bytes = || Value::from(&b"other"[..]);
                let (none, engine) = (Value::Null, Value::from(4_u32));
                let id = Value::from(id);
                let values = vec![id, none, engine, Value::from(analysis), bytes(), bytes()];
                let steps = [
                    (&LAYER_UPDATE, values),
                    (&COUNTER_BUMP_GENERATION, Vec::new()),
                ];
                tx.pipeline(&steps).await?;
                Ok(End::Commit(true))
            })
        });
        assert!(replaced.await.unwrap(), "{name}");
    }

    /// Changes a vulnerability, and reads what it was.
    async fn edit(&self, writer: &'static str, number: usize) {
        let edited = self.engine.write(move |tx| {
            Box::pin(async move {
                let namespace = tx.one(&NAMESPACE_GET, &[Value::from("debian:12")]).await?;
                let namespace = namespace.map(|mut row| row.int(0)).transpose()?;
                let key = [Value::from("debian:12"), Value::from(writer)];
                if let Some(mut live) = tx.one(&VULNERABILITY_LIVE, &key).await? {
                    let id = Value::from(live.int(0)?);
                    tx.query(&VULNERABILITY_END, &[id]).await?;
                }
                let mut values = vec![Value::from(namespace), Value::from(writer)];
                values.extend(["words", "link", "High"].map(Value::from));
                values.extend([Value::Null, Value::from("[]"), Value::Null]);
                let row = tx.one(&VULNERABILITY_INSERT, &values).await?;
                tx.query(&COUNTER_BUMP_OVERLAY, &[]).await?;
                Ok(End::Commit(row.is_some()))
            })
        });
        assert!(edited.await.unwrap(), "{writer}");
        let key = [Value::from("debian:12"), Value::from(writer)];
        let history = self.read(&VULNERABILITY_HISTORY, &key).await;
        assert_eq!(history.len(), number + 1, "{writer}");
    }

    /// Reads what others write.
    async fn lists(&self) {
        let page = [
            Value::from("debian:12"),
            Value::from(0_u32),
            Value::from(9_u32),
        ];
        let page = self.read(&VULNERABILITY_PAGE, &page).await.len();
        assert!(page <= 2, "{page}");
        let live = self.read(&VULNERABILITY_ALL_LIVE, &[]).await.len();
        assert!(live <= 2, "{live}");
        let chain = self.read(&LAYER_CHAIN, &[Value::from("one-0")]).await.len();
        assert!(chain <= 1, "{chain}");
    }
}

async fn the_release_before_goes_on(database: Database) {
    let engine = Engine::open(&database).await.unwrap();
    let (newest, steps) = MIGRATIONS.split_last().unwrap();
    assert_eq!(
        newest.0, NEWEST,
        "before/ is to hold the statements that the new step changes"
    );
    run_all(&engine, steps).await.unwrap();
    let namespace = list([("debian:12", "dpkg")]);
    let made = engine.write_one(&NAMESPACE_ENSURE, vec![namespace]).await;
    made.unwrap();
    let before = Before {
        engine,
        ends: AtomicBool::new(false),
    };
    let counts: [watch::Sender<usize>; 6] = std::array::from_fn(|_| watch::Sender::new(0));
    let more = async || {
        for count in &counts {
            let wanted = *count.borrow() + 5;
            let mut count = count.subscribe();
            count.wait_for(|count| *count >= wanted).await.unwrap();
        }
    };
    let upgrade = async {
        more().await;
        let open = || Store::open(&database);
        let stores = tokio::try_join!(open(), open(), open()).unwrap();
        more().await;
        before.ends.store(true, Ordering::Relaxed);
        stores.0
    };
    let [one, two, three, four, five, six] = &counts;
    let (.., store) = tokio::join!(
        before.again_and_again(one, async |number| before.layer("one", number).await),
        before.again_and_again(two, async |number| before.layer("two", number).await),
        before.again_and_again(three, async |number| before.edit("CVE-1", number).await),
        before.again_and_again(four, async |number| before.edit("CVE-2", number).await),
        before.again_and_again(five, async |_| before.lists().await),
        before.again_and_again(six, async |_| before.lists().await),
        upgrade,
    );
    assert_eq!(version(&before.engine).await.unwrap(), NEWEST);
    for (writer, count) in [("one", one), ("two", two)] {
        let last = *count.borrow() - 1;
        let chain = store.chain(&format!("{writer}-{last}")).await.unwrap();
        assert_eq!(chain.len(), last % LAYERS + 1, "{writer}");
    }
    for (writer, count) in [("CVE-1", three), ("CVE-2", four)] {
        let history = store.vulnerability_history("debian:12", writer).await;
        assert_eq!(history.unwrap().len(), *count.borrow(), "{writer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_step_fails_no_statement_of_the_release_before_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    the_release_before_goes_on(Database::Sqlite { path }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_step_fails_no_statement_of_the_release_before_on_postgresql() {
    let server = match PostgresServer::start() {
        Ok(server) => server,
        Err(reason) => return println!("skipped: postgresql: {reason}"),
    };
    let database = Database::Postgres {
        source: server.source(),
        max_connections: 6,
    };
    the_release_before_goes_on(database).await;
}

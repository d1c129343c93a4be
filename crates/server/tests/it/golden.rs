//! Every recorded pair of Clair 2.1.0, replayed against the whole server.

use std::path::Path;

use pellucid_server::{Config, Options};
use pellucid_store::{Database, NotificationId, Store};
use pellucid_testkit::golden::Transcript;
use pellucid_testkit::postgres::PostgresServer;
use pellucid_testkit::replay::{Outcomes, Permitted, Stage, Surroundings, Target, replay};
use tokio::runtime::Handle;

use crate::service::{self, Service};

/// The service as the recording needs it: restarted, its database stopped and started.
struct Stages {
    runtime: Handle,
    config: Config,
    service: Option<Service>,
    database: Database,
    postgres: Option<PostgresServer>,
}

impl Stages {
    fn target(&self) -> Target {
        let server = self.service.as_ref().map(|service| &service.server).unwrap();
        Target {
            api: server.api.to_string(),
            health: Some(server.health.to_string()),
        }
    }
}

impl Surroundings for Stages {
    fn notifications(&mut self) -> Result<Vec<String>, String> {
        self.runtime.block_on(async {
            let told = |error: pellucid_store::StoreError| error.to_string();
            let store = Store::open(&self.database).await.map_err(told)?;
            let all = store.notifications(NotificationId(0), 1000).await.map_err(told)?;
            Ok(all.into_iter().map(|notification| notification.name).collect())
        })
    }

    fn enter(&mut self, stage: Stage) -> Result<Target, String> {
        match (stage, &mut self.postgres) {
            (Stage::Webhook, _) => Err("no receiver of notifications runs here".to_owned()),
            (Stage::DatabaseDown | Stage::DatabaseUp, None) => {
                Err("an embedded database cannot be stopped alone".to_owned())
            }
            (Stage::DatabaseDown, Some(postgres)) => {
                postgres.kill();
                Ok(self.target())
            }
            (Stage::DatabaseUp, Some(postgres)) => {
                postgres.resume()?;
                Ok(self.target())
            }
            (Stage::Timeout, _) => Err("an answer may well take less than a millisecond".to_owned()),
        }
    }
}

/// Starts a service, replays, and says what came of it; `None` without the recording.
fn outcomes(config: Config, database: impl FnOnce(&Path) -> Database, postgres: Option<PostgresServer>) -> Option<Outcomes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let Ok(transcript) = Transcript::read(&folder) else {
        println!("skipped: no recording at ../shared/golden");
        return None;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let service = runtime.block_on(Service::with(config.clone(), Options::default()));
    let database = database(service.folder.path());
    let mut stages = Stages {
        runtime: runtime.handle().clone(),
        config,
        service: Some(service),
        database,
        postgres,
    };
    let target = stages.target();
    let outcomes = replay(&transcript, target, &Permitted::pellucid(), &mut stages).unwrap();
    println!("{outcomes}");
    Some(outcomes)
}

#[test]
fn every_pair_is_as_recorded_on_sqlite() {
    let database = |folder: &Path| Database::Sqlite { path: folder.join("pellucid.sqlite") };
    if let Some(outcomes) = outcomes(service::config(), database, None) {
        assert_eq!(outcomes.wrong(), 0, "{outcomes}");
    }
}

#[test]
fn every_pair_is_as_recorded_on_postgresql() {
    let postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let source = postgres.source();
    let mut config = service::config();
    let section = format!("{{type: pgsql, options: {{source: \"{source}\"}}}}");
    config.clair.database = Some(service::section(&section));
    let database = Database::Postgres { source, max_connections: 2 };
    if let Some(outcomes) = outcomes(config, |_| database, Some(postgres)) {
        assert_eq!(outcomes.wrong(), 0, "{outcomes}");
    }
}

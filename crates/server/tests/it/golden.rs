//! Every recorded pair of Clair 2.1.0, replayed against the whole server, on either database.

use std::path::Path;
use std::time::Duration;

use pellucid_server::{Config, Options};
use pellucid_store::{Database, NotificationId, Store, StoreError};
use pellucid_testkit::golden::Transcript;
use pellucid_testkit::postgres::PostgresServer;
use pellucid_testkit::replay::{Outcome, Outcomes, Permitted, Stage, Surroundings, Target, replay};
use tokio::runtime::Runtime;

use crate::service::{self, Service};

/// The service as the recording needs it: restarted, its database stopped and started.
struct Stages {
    runtime: Runtime,
    config: Config,
    service: Option<Service>,
    database: Database,
    postgres: Option<PostgresServer>,
}

impl Stages {
    fn target(&self) -> Target {
        let server = self
            .service
            .as_ref()
            .map(|service| &service.server)
            .unwrap();
        Target {
            api: server.api.to_string(),
            health: Some(server.health.to_string()),
        }
    }

    /// Stops the service and starts it on the same data with the configuration as it is now.
    fn restart(&mut self) {
        let Service { folder, server } = self.service.take().unwrap();
        server.stop();
        let config = self.config.clone();
        self.service = Some(self.runtime.block_on(async {
            server.ended().await.unwrap();
            Service::within(folder, config, Options::default()).await
        }));
    }
}

/// What the receiver of the recording did: it took every notification once.
async fn take_every_notification(store: &Store) -> Result<(), StoreError> {
    store.register_receiver("recording").await?;
    loop {
        let due = store
            .claim_deliveries("recording", 1000, Duration::from_secs(60))
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        for delivery in due {
            store.delivery_succeeded(&delivery, None).await?;
        }
    }
}

impl Surroundings for Stages {
    fn notifications(&mut self) -> Result<Vec<String>, String> {
        let listed = self.runtime.block_on(async {
            let store = Store::open(&self.database).await?;
            store.notifications(NotificationId(0), 1000).await
        });
        let listed = listed.map_err(|error| error.to_string())?;
        Ok(listed.into_iter().map(|one| one.name).collect())
    }

    fn enter(&mut self, stage: Stage) -> Result<Target, String> {
        match (stage, &mut self.postgres) {
            (Stage::Webhook, _) => {
                let taken = self.runtime.block_on(async {
                    let store = Store::open(&self.database).await?;
                    take_every_notification(&store).await
                });
                taken.map_err(|error| error.to_string())?;
            }
            (Stage::DatabaseDown | Stage::DatabaseUp, None) => {
                return Err("an embedded database cannot be stopped alone".to_owned());
            }
            (Stage::DatabaseDown, Some(postgres)) => postgres.stop(),
            (Stage::DatabaseUp, Some(postgres)) => postgres.resume()?,
            (Stage::Timeout, _) => {
                self.config.clair.api_mut().timeout.0 = Duration::from_nanos(1);
                self.restart();
            }
        }
        Ok(self.target())
    }
}

/// Starts a service, replays, and judges what came of it; says so where there is no recording.
/// `skipped` pairs are about a database that was stopped.
fn check(config: Config, postgres: Option<PostgresServer>, skipped: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let Ok(transcript) = Transcript::read(&folder) else {
        println!("skipped: no recording at ../shared/golden");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let service = runtime.block_on(Service::with(config.clone(), Options::default()));
    let database = match &postgres {
        Some(postgres) => Database::Postgres {
            source: postgres.source(),
            max_connections: 2,
        },
        None => Database::Sqlite {
            path: service.folder.path().join("pellucid.sqlite"),
        },
    };
    let mut stages = Stages {
        runtime,
        config,
        service: Some(service),
        database,
        postgres,
    };
    let target = stages.target();
    let permitted = Permitted::pellucid();
    let outcomes: Outcomes = replay(&transcript, target, &permitted, &mut stages).unwrap();
    println!("{outcomes}");
    let count = outcomes.count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    assert_eq!((outcomes.wrong(), count), (0, skipped), "{outcomes}");
}

#[test]
fn every_pair_is_as_recorded_on_sqlite() {
    check(service::config(), None, 16);
}

#[test]
fn every_pair_is_as_recorded_on_postgresql() {
    match PostgresServer::start() {
        Ok(postgres) => check(service::on_postgres(&postgres.source()), Some(postgres), 0),
        Err(reason) => println!("skipped: {reason}"),
    }
}

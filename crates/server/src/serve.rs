//! Starting and stopping.
//!
//! The order is Clair's: configuration, database, then the listeners and the loops. A database that
//! is not there yet is waited for; everything else that is wrong at start is an error.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pellucid_snapshot::{Catalog, SnapshotError};
use pellucid_store::{Database, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::auth::Auth;
use crate::background::{self, Background, Loop};
use crate::config::{Config, ConfigError, GoDuration};
use crate::fetch::policy::Policy;
use crate::fetch::{Fetcher, Resolve};
use crate::health::{self, Phase};
use crate::process::Scanner;
use crate::snapshots::Snapshots;
use crate::updates::Updates;
use crate::{api, listen, tls, v1};

/// Connections to PostgreSQL where the configuration does not say.
const CONNECTIONS: usize = 20;

/// What the configuration does not hold.
#[derive(Default)]
pub struct Options {
    /// Folder for snapshots and the embedded database, where the configuration names none.
    pub data_dir: PathBuf,
    /// Layers may come from servers whose certificates cannot be checked.
    pub insecure_tls: bool,
    /// How names of layer servers are looked up, if not as the system does.
    pub resolve: Option<Resolve>,
    loops: Vec<(&'static str, Loop)>,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration makes no sense.
    #[error("failed to load configuration")]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error("the database cannot be opened")]
    Store(#[source] StoreError),
    /// The folder of snapshots cannot be used.
    #[error("the advisory data cannot be opened")]
    Snapshots(#[from] SnapshotError),
    /// A folder cannot be made.
    #[error("cannot create {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A port cannot be had.
    #[error("listen tcp :{port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The client that fetches layers cannot be made.
    #[error("layers could not be fetched")]
    Client(#[source] reqwest::Error),
    /// A stop was asked for before the start was done.
    #[error("stopped while starting")]
    Stopped,
}

/// A running server.
pub struct Server {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where the health server listens.
    pub health: SocketAddr,
    stop: Stop,
    tasks: TaskTracker,
}

/// Asks a server to stop.
#[derive(Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A stop that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for it. Requests that run may end.
    pub fn ask(&self) {
        self.0.cancel();
    }
}

impl Options {
    /// Adds a loop that runs beside the requests, until its token is cancelled.
    pub fn add_loop<F>(
        &mut self,
        name: &'static str,
        run: impl Fn(Background) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.loops
            .push((name, Arc::new(move |background| Box::pin(run(background)))));
    }
}

impl Server {
    /// Starts a server; it runs until it is [stopped](Stop::ask).
    ///
    /// # Errors
    /// Whatever is wrong at start but a database that is not there yet: that is waited for.
    pub async fn start(config: &Config, options: Options, stop: Stop) -> Result<Self, ServeError> {
        config.check()?;
        let api = config.clair.api();
        let tls = tls::config(&api)?;
        let auth = Auth::of(config)?;
        let data_dir = config.data_dir.clone().unwrap_or(options.data_dir);
        std::fs::create_dir_all(&data_dir).map_err(|source| ServeError::Folder {
            path: data_dir.clone(),
            source,
        })?;
        let database = database(config, &data_dir);
        let store = open(&database, &stop).await?;
        let key = match api
            .paginationkey
            .as_deref()
            .and_then(crate::config::pagination_key)
        {
            Some(key) => key,
            None => store
                .secret("pagination")
                .await
                .map_err(ServeError::Store)?,
        };
        let snapshots = Snapshots::of(Arc::new(Catalog::open(&data_dir)?))?;
        let api_listener = bind(&config.api_addresses(), api.port)?;
        let health_listener = bind(&config.health_addresses(), api.healthport)?;
        let address = |listener: &tokio::net::TcpListener, port| {
            listener
                .local_addr()
                .map_err(|source| ServeError::Listen { port, source })
        };
        let (api_address, health_address) = (
            address(&api_listener, api.port)?,
            address(&health_listener, api.healthport)?,
        );
        let metrics = Arc::new(crate::metrics::Metrics::default());
        let is_local = config.is_loopback();
        let own_ports = vec![api_address.port(), health_address.port()];
        let fetcher = Fetcher::new(
            &config.layer_sources,
            Policy::new(&config.layer_sources, is_local, own_ports),
            is_local && matches!(auth, Auth::Open) && api.cafile.is_none(),
            options.insecure_tls,
            options.resolve,
        )
        .map_err(ServeError::Client)?;
        warn(config, &auth);
        let updates = Arc::new(Updates::new(
            config,
            store.clone(),
            snapshots.clone(),
            Arc::clone(&metrics),
            matches!(database, Database::Postgres { .. }),
        ));
        updates.begin().await.map_err(ServeError::Store)?;
        let app = Arc::new(App {
            updates: Arc::clone(&updates),
            store: store.clone(),
            snapshots: snapshots.clone(),
            fetcher,
            scanner: Scanner::new(config),
            answers: crate::answers::Answers::default(),
            written: v1::Written::default(),
            auth,
            metrics: Arc::clone(&metrics),
            pages: v1::Pages::new(key),
            timeout: api.timeout.0,
        });
        let tasks = TaskTracker::new();
        let phase = Arc::new(Phase::default());
        let GoDuration(drain) = api.drain;
        let token = stop.0.clone();
        {
            let app = Arc::clone(&app);
            let handle = move |peer, request| api::handle(Arc::clone(&app), peer, request);
            let metrics = Arc::clone(&metrics);
            tasks.spawn(listen::serve(
                api_listener,
                tls,
                metrics,
                token.clone(),
                drain,
                handle,
            ));
        }
        {
            let (app, phase) = (Arc::clone(&app), Arc::clone(&phase));
            let handle =
                move |_, request| health::handle(Arc::clone(&app), Arc::clone(&phase), request);
            let (metrics, token, drain) = (
                Arc::clone(&metrics),
                token.clone(),
                drain.min(Duration::from_secs(10)),
            );
            tasks.spawn(listen::serve(
                health_listener,
                None,
                metrics,
                token,
                drain,
                handle,
            ));
        }
        {
            let (token, phase) = (token.clone(), Arc::clone(&phase));
            tasks.spawn(async move {
                token.cancelled().await;
                phase.draining.store(true, Ordering::Relaxed);
            });
        }
        let background = Background {
            store,
            snapshots,
            metrics,
            stop: token,
        };
        background::start(
            &background,
            &config.clair,
            &config.notifications,
            &updates,
            &options.loops,
            &tasks,
        );
        tasks.close();
        tracing::info!(address = %api_address, "starting main API");
        tracing::info!(address = %health_address, "starting health API");
        Ok(Self {
            api: api_address,
            health: health_address,
            stop,
            tasks,
        })
    }

    /// Asks for a stop.
    pub fn stop(&self) {
        self.stop.ask();
    }

    /// Waits until the server was stopped and its last request and loop have ended.
    pub async fn ended(self) {
        self.stop.0.cancelled().await;
        tracing::info!("Received interruption, gracefully stopping ...");
        self.tasks.wait().await;
    }
}

/// The database that a configuration means; the embedded one is in `data_dir` unless it says where.
pub fn database(config: &Config, data_dir: &std::path::Path) -> Database {
    let section = config.clair.database.clone().unwrap_or_default();
    let is_postgres =
        config.clair.database.is_some() && section.kind.as_deref().unwrap_or("pgsql") == "pgsql";
    let options = section.options.unwrap_or_default();
    let source = options.source.unwrap_or_default();
    if is_postgres {
        Database::Postgres {
            source,
            max_connections: options.max_connections.unwrap_or(CONNECTIONS),
        }
    } else if source.is_empty() {
        Database::Sqlite {
            path: data_dir.join("pellucid.sqlite"),
        }
    } else {
        Database::Sqlite {
            path: source.into(),
        }
    }
}

/// Opens the database, waiting for it as long as it may still come.
async fn open(database: &Database, stop: &Stop) -> Result<Store, ServeError> {
    let mut pause = Duration::from_millis(500);
    loop {
        let error = match Store::open(database).await {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        if !error.is_retryable() {
            return Err(ServeError::Store(error));
        }
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the database is not there yet"
        );
        tokio::select! {
            () = stop.0.cancelled() => return Err(ServeError::Stopped),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn bind(addresses: &[std::net::IpAddr], port: u16) -> Result<tokio::net::TcpListener, ServeError> {
    listen::bind(addresses, port).map_err(|source| ServeError::Listen { port, source })
}

fn warn(config: &Config, auth: &Auth) {
    if let Auth::Restricted = auth {
        tracing::warn!(
            "the API can be reached from outside and knows nobody: restricted mode, in which \
             advisories and layers cannot be deleted or changed; configure clair.api.tokens or \
             cafile, or set clair.api.allow_unauthenticated_writes"
        );
    }
    for key in config.ignored() {
        tracing::warn!(key, "this key has no effect");
    }
}

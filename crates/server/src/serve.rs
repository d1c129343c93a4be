//! Starting and stopping.
//!
//! Configuration, advisory data, listeners, database, loops. While the database is not there yet the
//! listeners say so, and the start goes on when it is; everything else that is wrong at start is an
//! error.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pellucid_snapshot::{Catalog, SnapshotError};
use pellucid_store::{Database, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Started};
use crate::auth::Auth;
use crate::background::{self, Background, Loop};
use crate::config::{Config, ConfigError};
use crate::fetch::policy::Policy;
use crate::fetch::{Fetcher, Resolve};
use crate::health::{self, Phase};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::process::Scanner;
use crate::snapshots::Snapshots;
use crate::tls::Tls;
use crate::updates::Updates;
use crate::{api, listen, v1};

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
}

/// A running server.
pub struct Server {
    /// Where the API listens.
    pub api: SocketAddr,
    /// Where the health server listens.
    pub health: SocketAddr,
    stop: Stop,
    tasks: TaskTracker,
    /// What went wrong after the database that was waited for had come.
    failed: Arc<OnceLock<ServeError>>,
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
    /// Whatever is wrong at start but a database that is not there yet: that is waited for, while the
    /// listeners answer that it is away. A stop that is asked for before the start is done ends it; it is
    /// no error.
    pub async fn start(config: &Config, options: Options, stop: Stop) -> Result<Self, ServeError> {
        config.check()?;
        let api = config.clair.api();
        let tls = Tls::of(&api)?.map(Arc::new);
        let auth = Auth::of(config)?;
        let data_dir = config.data_dir.clone().unwrap_or(options.data_dir);
        std::fs::create_dir_all(&data_dir).map_err(|source| ServeError::Folder {
            path: data_dir.clone(),
            source,
        })?;
        let snapshots = Snapshots::of(Arc::new(Catalog::open(&data_dir)?));
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
        let tasks = TaskTracker::new();
        let starting = Starting {
            config: config.clone(),
            database: database(config, &data_dir),
            fetcher,
            auth,
            snapshots,
            metrics: Arc::default(),
            loops: options.loops,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        let failed = Arc::new(OnceLock::new());
        // A database that answers may still make this long: another replica migrates it, say.
        let opened = tokio::select! {
            opened = starting.open() => opened,
            () = stop.0.cancelled() => {
                tasks.close();
                return Ok(Self {
                    api: api_address,
                    health: health_address,
                    stop,
                    tasks,
                    failed,
                });
            }
        };
        let opened = match opened {
            Err(error) if !error.is_retryable() => return Err(ServeError::Store(error)),
            opened => opened,
        };
        let started = Arc::new(Started::new(starting.auth.mode(), &starting.metrics));
        let metrics = Arc::clone(&starting.metrics);
        // With the database there, whoever finds the port open is answered.
        let waiting = match opened {
            Ok(opened) => {
                starting.go(opened, &started);
                None
            }
            Err(error) => Some((starting, error)),
        };
        let ports = Ports {
            api: api_listener,
            tls,
            health: health_listener,
            drain: api.drain.0,
        };
        ports.listen(&started, &metrics, &stop.0, &tasks);
        tracing::info!(address = %api_address, "starting main API");
        tracing::info!(address = %health_address, "starting health API");
        if let Some((starting, error)) = waiting {
            let (failed, stop) = (Arc::clone(&failed), stop.clone());
            tasks.spawn(async move {
                if let Err(error) = starting.wait(error, &started).await {
                    let _ = failed.set(error);
                    stop.ask();
                }
            });
        }
        tasks.close();
        Ok(Self {
            api: api_address,
            health: health_address,
            stop,
            tasks,
            failed,
        })
    }

    /// Asks for a stop.
    pub fn stop(&self) {
        self.stop.ask();
    }

    /// Waits until the server was stopped and its last request and loop have ended.
    ///
    /// # Errors
    /// It stopped by itself: the database that was waited for at start came and cannot be used.
    pub async fn ended(self) -> Result<(), ServeError> {
        self.stop.0.cancelled().await;
        if self.failed.get().is_none() {
            tracing::info!("Received interruption, gracefully stopping ...");
        }
        self.tasks.wait().await;
        match Arc::into_inner(self.failed).and_then(OnceLock::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// A start that only lacks the database.
struct Starting {
    config: Config,
    database: Database,
    fetcher: Fetcher,
    auth: Auth,
    snapshots: Snapshots,
    metrics: Arc<Metrics>,
    loops: Vec<(&'static str, Loop)>,
    stop: Stop,
    tasks: TaskTracker,
}

/// The database, and what has to be read from it before the first answer.
struct Opened {
    store: Store,
    pagination_key: [u8; 32],
    updates: Arc<Updates>,
}

impl Starting {
    async fn open(&self) -> Result<Opened, StoreError> {
        let store = Store::open(&self.database).await?;
        let given = self.config.clair.api().paginationkey;
        let pagination_key = match given.as_deref().and_then(crate::config::pagination_key) {
            Some(key) => key,
            None => store.secret("pagination").await?,
        };
        let updates = Arc::new(Updates::new(
            &self.config,
            store.clone(),
            self.snapshots.clone(),
            Arc::clone(&self.metrics),
            matches!(self.database, Database::Postgres { .. }),
        ));
        updates.begin().await?;
        Ok(Opened {
            store,
            pagination_key,
            updates,
        })
    }

    /// Waits for the database as long as it may still come, then goes on.
    async fn wait(self, mut error: StoreError, started: &Started) -> Result<(), ServeError> {
        let mut pause = Duration::from_millis(500);
        loop {
            if !error.is_retryable() {
                return Err(ServeError::Store(error));
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database is not there yet"
            );
            tokio::select! {
                () = self.stop.0.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(5));
            let opened = tokio::select! {
                () = self.stop.0.cancelled() => return Ok(()),
                opened = self.open() => opened,
            };
            match opened {
                Ok(opened) => {
                    self.go(opened, started);
                    tracing::info!("the database is there");
                    return Ok(());
                }
                Err(next) => error = next,
            }
        }
    }

    /// Lets requests in, and starts the loops.
    fn go(self, opened: Opened, started: &Started) {
        let Opened {
            store,
            pagination_key,
            updates,
        } = opened;
        started.set(App {
            updates: Arc::clone(&updates),
            store: store.clone(),
            snapshots: self.snapshots.clone(),
            fetcher: self.fetcher,
            scanner: Scanner::new(&self.config),
            answers: crate::answers::Answers::default(),
            written: v1::Written::default(),
            bodies: v1::Bodies::default(),
            auth: self.auth,
            metrics: Arc::clone(&self.metrics),
            pages: v1::Pages::new(pagination_key),
            lister: v1::Lister::start(),
            timeout: self.config.clair.api().timeout.0,
        });
        let background = Background {
            store,
            snapshots: self.snapshots,
            metrics: self.metrics,
            stop: self.stop.0,
        };
        background::start(
            &background,
            &self.config.clair,
            &self.config.notifications,
            &updates,
            &self.loops,
            &self.tasks,
        );
    }
}

/// What is listened on.
struct Ports {
    api: tokio::net::TcpListener,
    tls: Option<Arc<Tls>>,
    health: tokio::net::TcpListener,
    drain: Duration,
}

impl Ports {
    /// Serves both, whether the start is done or not.
    fn listen(
        self,
        started: &Arc<Started>,
        metrics: &Arc<Metrics>,
        token: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        let handle = {
            let started = Arc::clone(started);
            move |peer, request| api::handle(Arc::clone(&started), peer, request)
        };
        tasks.spawn(listen::serve(
            self.api,
            self.tls,
            Arc::clone(metrics),
            Places::new(listen::CONNECTIONS),
            token.clone(),
            self.drain,
            handle,
        ));
        let phase = Arc::new(Phase::default());
        let handle = {
            let (started, phase) = (Arc::clone(started), Arc::clone(&phase));
            move |_, request| health::handle(Arc::clone(&started), Arc::clone(&phase), request)
        };
        tasks.spawn(listen::serve(
            self.health,
            None,
            Arc::clone(metrics),
            Places::new(listen::CONNECTIONS),
            token.clone(),
            self.drain.min(Duration::from_secs(10)),
            handle,
        ));
        let token = token.clone();
        tasks.spawn(async move {
            token.cancelled().await;
            phase.draining.store(true, Ordering::Relaxed);
        });
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

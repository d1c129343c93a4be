//! Who may do what, by how the server is set up.

use pellucid_server::{Config, Options, Scope, ServeError, Server, Stop, Token};

use crate::service::{Service, config};

/// SHA-256 of `one` and `two`.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

const REQUESTS: [(&str, &str); 8] = [
    ("GET", "/v1/namespaces"),
    ("POST", "/v1/layers"),
    ("DELETE", "/v1/layers/x"),
    ("GET", "/v1/namespaces/x/vulnerabilities/y"),
    ("PUT", "/v1/namespaces/x/vulnerabilities/y"),
    ("PUT", "/v1/namespaces/x/vulnerabilities/y/fixes/z"),
    ("DELETE", "/v1/notifications/x"),
    ("GET", "/v1/metrics"),
];

async fn statuses(service: &Service, header: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (method, target) in REQUESTS {
        statuses.push(service.ask_with(method, target, header, "").await.status);
    }
    statuses
}

#[tokio::test]
async fn on_loopback_everything_is_open() {
    let service = Service::start().await;
    assert_eq!(
        statuses(&service, "").await,
        [200, 400, 404, 404, 400, 400, 404, 200]
    );
}

fn outside() -> Config {
    let mut config = config();
    config.clair.api_mut().address = Some([0, 0, 0, 0].into());
    config
}

#[tokio::test]
async fn from_outside_without_authentication_nothing_is_changed_or_deleted() {
    let service = Service::with(outside(), Options::default()).await;
    assert_eq!(
        statuses(&service, "").await,
        [200, 400, 403, 404, 403, 403, 404, 200]
    );
    let denied = service.ask("DELETE", "/v1/layers/x", "").await;
    assert_eq!(denied.error(), "not allowed: layers:delete is needed");
    let metrics = service.get("/v1/metrics").await.body;
    assert!(metrics.contains("pellucid_auth_mode{mode=\"restricted\"} 1"));
    // Files of the server are not layers for everybody.
    let path = service.layer("x", crate::service::debian(&[]));
    assert_eq!(
        service.post_layer("x", &path, "").await.error(),
        "could not find layer"
    );
}

#[tokio::test]
async fn one_key_opens_it() {
    let mut config = outside();
    config.clair.api_mut().allow_unauthenticated_writes = true;
    let service = Service::with(config, Options::default()).await;
    assert_eq!(
        statuses(&service, "").await,
        [200, 400, 404, 404, 400, 400, 404, 200]
    );
}

#[tokio::test]
async fn tokens_let_their_bearers_do_what_they_name() {
    let mut config = outside();
    let token = |name: &str, sha256: &str, scopes: &[Scope]| Token {
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        scopes: scopes.to_vec(),
    };
    config.clair.api_mut().tokens = vec![
        token("reader", ONE, &[Scope::LayersRead, Scope::VulnsRead]),
        token("root", TWO, &[Scope::Admin]),
    ];
    let service = Service::with(config, Options::default()).await;
    assert_eq!(statuses(&service, "").await, [401; 8]);
    let with =
        async |token: &str| statuses(&service, &format!("Authorization: Bearer {token}\r\n")).await;
    assert_eq!(with("three").await, [401; 8]);
    assert_eq!(with("one").await, [200, 403, 403, 404, 403, 403, 403, 403]);
    assert_eq!(with("two").await, [200, 400, 404, 404, 400, 400, 404, 200]);
    let denied = service.get("/v1/namespaces").await;
    assert_eq!(denied.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn authorities_without_a_certificate_are_an_error_at_start() {
    let mut config = config();
    config.clair.api_mut().cafile = Some("/nope".into());
    let started = Server::start(&config, Options::default(), Stop::new()).await;
    assert!(matches!(started, Err(ServeError::Config(_))));
}

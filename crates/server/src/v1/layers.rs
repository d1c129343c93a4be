//! `/v1/layers`, and the list of namespaces.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};
use pellucid_store::LayerView;

use super::error::ApiError;
use super::matching;
use super::wire::{Feature, PostedLayer, write_layer};
use super::{Asked, json, page, rendered, sent};
use crate::answers::Key;
use crate::app::App;
use crate::metrics::add_one;
use crate::process::{ENGINE_VERSION, Incoming, process};
use crate::reply::{self, Reply};

/// Names the namespace of a layer of which there is no advisory data.
const NOT_COVERED: HeaderName = HeaderName::from_static("pellucid-not-covered");

/// `POST /v1/layers`: reads a layer and stores what is in it.
pub(crate) async fn post(app: &App, asked: &Asked) -> Result<Reply, ApiError> {
    let posted = PostedLayer::read(&asked.body.bytes)?;
    let missing = |what| {
        ApiError::bad(format!(
            "could not process a layer which does not have a {what}"
        ))
    };
    for (text, what) in [
        (&posted.name, "name"),
        (&posted.path, "path"),
        (&posted.format, "format"),
    ] {
        if text.is_empty() {
            return Err(missing(what));
        }
    }
    let incoming = Incoming {
        name: posted.name.clone(),
        path: posted.path.clone(),
        headers: posted.headers.clone(),
        parent: posted.parent.clone(),
        format: posted.format.clone(),
    };
    asked.is_about(format!("layers/{}", posted.name));
    process(app, &incoming).await?;
    Ok(json(StatusCode::CREATED, asked.gzip, |it| {
        it.object("Layer", |it| posted.write(ENGINE_VERSION, it));
    }))
}

/// `GET /v1/layers/{name}`: a layer, on request with features, and with their vulnerabilities.
pub(crate) async fn get(app: &Arc<App>, name: &str, asked: &Asked) -> Result<Reply, ApiError> {
    let layer = app
        .store
        .layer(name)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let vulnerabilities = page::has(&asked.query, "vulnerabilities");
    if !vulnerabilities && !page::has(&asked.query, "features") {
        return Ok(json(StatusCode::OK, asked.gzip, |it| {
            it.object("Layer", |it| write_layer(&layer, &[], it));
        }));
    }
    let view = app.snapshots.view();
    let key = Key {
        layer: layer.id.0,
        generation: layer.generation,
        epoch: layer.epoch,
        view: view.number,
        vulnerabilities,
        gzip: asked.gzip,
    };
    // Clair answered before its first update as if all were well; its clients know no other answer,
    // but whoever looks finds the header.
    let uncovered = layer
        .namespace
        .clone()
        .filter(|namespace| vulnerabilities && !view.covers(namespace));
    let answered = |answer| {
        let mut reply = sent(StatusCode::OK, asked.gzip, answer);
        let name = uncovered.as_ref().map(|it| HeaderValue::from_str(it));
        if let Some(Ok(name)) = name {
            reply.headers_mut().insert(NOT_COVERED, name);
        }
        reply
    };
    let known = || {
        let answer = app.answers.get(&key)?;
        add_one(&app.metrics.answers_cached);
        Some(answered(answer))
    };
    if let Some(reply) = known() {
        return Ok(reply);
    }
    let _turn = app.answers.turn().await;
    if let Some(reply) = known() {
        return Ok(reply);
    }
    let features = features(app, &layer, vulnerabilities.then_some(view)).await?;
    let answer = rendered(asked.gzip, |it| {
        it.object("Layer", |it| write_layer(&layer, &features, it));
    });
    add_one(&app.metrics.answers_made);
    app.answers.put(key, answer.clone());
    Ok(answered(answer))
}

/// `DELETE /v1/layers/{name}`: the layer and all that are built on it.
pub(crate) async fn delete(app: &App, name: &str) -> Result<Reply, ApiError> {
    if app.store.delete_layer(name).await? {
        Ok(reply::empty(StatusCode::OK))
    } else {
        Err(ApiError::not_found())
    }
}

/// `GET /v1/namespaces`: every namespace that was ever seen.
pub(crate) async fn namespaces(app: &App, asked: &Asked) -> Result<Reply, ApiError> {
    let namespaces = app.store.namespaces().await?;
    Ok(json(StatusCode::OK, asked.gzip, |it| {
        it.list_or_null("Namespaces", &namespaces, |namespace, it| {
            it.text("Name", &namespace.name);
            it.text("VersionFormat", &namespace.version_format);
        });
    }))
}

async fn features(
    app: &Arc<App>,
    layer: &LayerView,
    view: Option<Arc<crate::snapshots::View>>,
) -> Result<Vec<Feature>, ApiError> {
    let effective = app.store.features_of(layer).await?;
    let Some(view) = view else {
        return Ok(matching::shown(&effective));
    };
    let written = app.written.at(&app.store, layer.overlay).await?;
    // Reading snapshots blocks, though rarely for long.
    let work = move || matching::with_vulnerabilities(&effective, &view, &written);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::internal("matching failed"))?
}

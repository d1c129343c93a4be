//! `/v1/notifications/{name}`.
//!
//! Which layers are concerned is computed when it is asked: those that bring in an affected version
//! themselves, not those that inherit it. Old and New are paged side by side; -1 in a token is a
//! side that is done.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use http::StatusCode;
use pellucid_matcher::Products;
use pellucid_model::Namespace;
use pellucid_store::{
    FeatureVersion, FeatureVersionId, IntroducingLayer, LayerId, Notification, Repositories,
    Vulnerability as Stored,
};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::json::Object;
use super::standing::{Standing, Verdict};
use super::vulnerabilities::shown;
use super::{Asked, changes, feed, inventory, json, page};
use crate::app::App;
use crate::reply::{self, Reply};
use crate::snapshots::View;

/// Layers of a page at most.
const PAGE: i64 = 10_000;
/// A side without further layers.
const DONE: i64 = -1;

/// Where a page begins: the number of the first layer on either side.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct From {
    #[serde(rename = "OldVulnerability")]
    old: i64,
    #[serde(rename = "NewVulnerability")]
    new: i64,
}

/// `GET /v1/notifications/{name}?limit=N[&page=T]`
pub(crate) async fn get(app: &App, name: &str, asked: &Asked) -> Result<Reply, ApiError> {
    let limit = page::limit(&asked.query)?;
    let token = page::first(&asked.query, "page");
    let from = match &token {
        None => From { old: 0, new: 0 },
        Some(token) => from(&app.pages.read(token)?)?,
    };
    let notification = app
        .store
        .notification(name)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if limit < DONE {
        return Err(ApiError::bad("limit value should not be less than zero"));
    }
    let (old, old_next) = side(app, notification.old.as_ref(), from.old, limit).await?;
    let (new, new_next) = side(app, notification.new.as_ref(), from.new, limit).await?;
    let text = |from: &From| {
        app.pages
            .token(&serde_json::to_string(from).unwrap_or_default())
    };
    let next = From {
        old: old_next,
        new: new_next,
    };
    // Pages of nothing never end; ours has no next.
    let is_last = limit <= 0
        || next
            == From {
                old: DONE,
                new: DONE,
            };
    let next = if is_last { String::new() } else { text(&next) };
    let page = token.unwrap_or_else(|| text(&from));
    Ok(json(StatusCode::OK, asked.gzip, |it| {
        it.object("Notification", |it| {
            head(&notification, it);
            it.number("Limit", limit);
            it.text("Page", &page);
            it.text("NextPage", &next);
            for (name, vulnerability, layers) in [
                ("Old", &notification.old, &old),
                ("New", &notification.new, &new),
            ] {
                if let Some(vulnerability) = vulnerability {
                    it.object(name, |it| with_layers(vulnerability, layers, it));
                }
            }
        });
    }))
}

/// `DELETE /v1/notifications/{name}`: it was read. As often as one likes.
pub(crate) async fn delete(app: &App, name: &str) -> Result<Reply, ApiError> {
    if app.store.delete_notification(name).await? {
        Ok(reply::empty(StatusCode::OK))
    } else {
        Err(ApiError::not_found())
    }
}

pub(super) fn from(text: &str) -> Result<From, ApiError> {
    serde_json::from_str(text).map_err(|_| {
        ApiError::bad(
            "invalid page format: json: cannot unmarshal number into Go value of type \
             database.VulnerabilityNotificationPageNumber",
        )
    })
}

fn head(notification: &Notification, it: &mut Object<'_>) {
    let time = |time: Option<i64>| time.map(|time| time.to_string()).unwrap_or_default();
    it.text("Name", &notification.name);
    it.text("Created", &notification.created_at.to_string());
    it.text("Notified", &time(notification.notified_at));
    it.text("Deleted", &time(notification.deleted_at));
}

fn with_layers(vulnerability: &Stored, layers: &[IntroducingLayer], it: &mut Object<'_>) {
    it.object("Vulnerability", |it| shown(vulnerability, true).write(it));
    it.list(
        "OrderedLayersIntroducingVulnerability",
        layers,
        |layer, it| {
            it.number_always("Index", layer.id.0);
            it.text_always("LayerName", &layer.name);
        },
    );
    let names = layers.iter().map(|layer| layer.name.as_str());
    it.texts("LayersIntroducingVulnerability", names);
}

/// The layers of one side, and where its next page begins.
async fn side(
    app: &App,
    vulnerability: Option<&Stored>,
    from: i64,
    limit: i64,
) -> Result<(Vec<IntroducingLayer>, i64), ApiError> {
    let Some(vulnerability) = vulnerability.filter(|_| from != DONE && limit > 0) else {
        return Ok((Vec::new(), DONE));
    };
    let affected = affected(app, vulnerability).await?;
    let limit = usize::try_from(limit.min(PAGE)).unwrap_or_default();
    let count = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let after = LayerId(from.saturating_sub(1).max(0));
    let mut layers = app
        .store
        .layers_introducing(&affected, after, count)
        .await?;
    let next = layers.get(limit).map_or(DONE, |layer| layer.id.0);
    layers.truncate(limit);
    Ok((layers, next))
}

/// The feature versions that a vulnerability affects.
async fn affected(app: &App, vulnerability: &Stored) -> Result<Vec<FeatureVersionId>, ApiError> {
    let standing = Standing::of(vulnerability);
    let namespace = vulnerability.namespace.as_str();
    let view = app.snapshots.view();
    let names = changes::with_built(namespace, standing.names(), Arc::clone(&view)).await;
    let names = names.map_err(|_| ApiError::internal("matching failed"))?;
    let names = names.map_err(feed::damaged)?;
    let names = changes::installed(&app.store, namespace, &names).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let known = app.store.feature_versions_about(namespace, &names).await?;
    let namespace = namespace.to_owned();
    let work = move || affected_by(&standing, &namespace, &known, &view);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::internal("matching failed"))?
}

/// Which of these a vulnerability affects, each with the repositories it has. Blocks.
fn affected_by(
    standing: &Standing,
    namespace: &str,
    known: &[FeatureVersion],
    view: &View,
) -> Result<Vec<FeatureVersionId>, ApiError> {
    let namespace = Namespace::new(namespace);
    let sources = view.sources(std::iter::once(&namespace));
    let mut products: BTreeMap<Option<&Repositories>, Products> = BTreeMap::new();
    let mut affected = Vec::new();
    for one in known {
        let package = &one.feature.package;
        let built_from = sources.built_from(&namespace, &inventory::entry(&one.feature));
        let built_from = built_from.map_err(feed::damaged)?;
        let by_feed = |products: &Products| {
            pellucid_matcher::affects(&standing.said, package, &built_from, products)
        };
        let is_affected = match standing.by_callers(&one.feature, &built_from) {
            Some(verdict) => matches!(verdict, Verdict::Affected(_)),
            None if standing.said.is_empty() => false,
            None => {
                let set = one.feature.repositories.as_deref();
                by_feed(match products.entry(set) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        let inventory = inventory::without_packages(set);
                        let of = Products::of(&namespace, &inventory, &sources);
                        place.insert(of.map_err(feed::damaged)?)
                    }
                })
            }
        };
        if is_affected {
            affected.push(one.id);
        }
    }
    Ok(affected)
}

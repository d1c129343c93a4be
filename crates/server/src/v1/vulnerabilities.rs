//! `/v1/namespaces/{namespace}/vulnerabilities`: feeds' advisories and written ones as one.
//!
//! The list's order: first what feeds say, source by source and by id, then what callers wrote, in
//! the order of its last change; so nobody who pages through it meets an entry twice or misses one
//! because another was changed. The token says where the next page begins, in Clair's terms a number
//! alone where only written ones are left.

use std::sync::Arc;

use http::StatusCode;
use pellucid_model::{Namespace as Space, Severity};
use pellucid_store::{Edit, Fix, FixEdit, Namespace, Vulnerability as Stored};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::json::List;
use super::nvd::Nvd;
use super::wire::{Feature, Vulnerability};
use super::written::Index;
use super::{Asked, feed, format, json, page, rendered, sent};
use crate::app::App;
use crate::reply::{self, Reply};
use crate::snapshots::View;

/// Entries of a page at most, whatever the caller asks for.
const PAGE: usize = 10_000;
/// Advisories of a page that are held whole at once: much of one is not shown.
const AT_ONCE: usize = 256;
/// Characters of a name, as in Clair.
const NAME: usize = 128;
/// Characters of a link, as in Clair.
const LINK: usize = 128;

/// Where a page begins.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum From {
    /// After this written vulnerability.
    Written(i64),
    /// In the snapshot of this source, after this advisory.
    Feed { source: usize, after: String },
}

/// `GET /v1/namespaces/{namespace}/vulnerabilities?limit=N[&page=T]`
pub(crate) async fn list(
    app: &Arc<App>,
    namespace: &str,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    let limit = page::limit(&asked.query)?;
    let limit = usize::try_from(limit)
        .map_err(|_| ApiError::bad("limit value should not be less than zero"))?;
    let from = page::first(&asked.query, "page")
        .map(|token| from(&app.pages.read(&token)?))
        .transpose()?;
    let view = app.snapshots.view();
    let space = Space::new(namespace);
    let is_known = view.sources_of(&space).iter().any(|source| {
        source
            .snapshot
            .namespaces()
            .iter()
            .any(|known| known.namespace == source.namespace)
    });
    if !is_known && app.store.namespace(namespace).await?.is_none() {
        return Err(ApiError::not_found());
    }
    let written = written(app).await?;
    let work = {
        let (app, namespace, gzip) = (Arc::clone(app), namespace.to_owned(), asked.gzip);
        move || {
            let mut outcome = Ok(());
            let body = rendered(gzip, |it| {
                let listed = it.list_as_it_comes("Vulnerabilities", |list| {
                    collect(&view, &written, &namespace, from, limit.min(PAGE), list)
                });
                match listed {
                    // Clair's page of 0 led to itself for ever; ours is the last.
                    Ok(Some(next)) if limit > 0 => {
                        let text = serde_json::to_string(&next).unwrap_or_default();
                        it.text("NextPage", &app.pages.token(&text));
                    }
                    Ok(_) => {}
                    Err(error) => outcome = Err(error),
                }
            });
            outcome.map(|()| body)
        }
    };
    let done = if limit > AT_ONCE {
        app.lister.list(work).await
    } else {
        tokio::task::spawn_blocking(work).await.ok()
    };
    let body = done.ok_or_else(|| ApiError::internal("the list failed"))??;
    Ok(sent(StatusCode::OK, asked.gzip, body))
}

pub(super) fn from(text: &str) -> Result<From, ApiError> {
    serde_json::from_str(text).map_err(|_| {
        ApiError::bad(
            "invalid page format: json: cannot unmarshal object into Go value of type int",
        )
    })
}

/// Writes a page; gives where the next begins.
fn collect(
    view: &View,
    written: &Index,
    namespace: &str,
    from: Option<From>,
    limit: usize,
    list: &mut List<'_>,
) -> Result<Option<From>, ApiError> {
    let sources = view.sources_of(&Space::new(namespace));
    let (first, mut after, last) = match from {
        None => (0, None, 0),
        Some(From::Feed { source, after }) => (source, Some(after), 0),
        Some(From::Written(last)) => (usize::MAX, None, last),
    };
    let nvd = Nvd::of(view);
    for (number, source) in sources.iter().enumerate().skip(first) {
        loop {
            // One more than there is room for: a page that leads to another says that there is something.
            let count = (limit - list.len() + 1).min(AT_ONCE);
            let advisories = source
                .snapshot
                .list(source.namespace.as_str(), after.as_deref(), count)
                .map_err(feed::damaged)?;
            let is_end = advisories.len() < count;
            for advisory in advisories {
                let name = advisory.id.as_str();
                let is_covered = written.named(namespace, name).is_some()
                    || sources.iter().take(number).any(|before| {
                        matches!(
                            before.snapshot.get(before.namespace.as_str(), name),
                            Ok(Some(_))
                        )
                    });
                if is_covered
                    || feed::is_hidden(view, written, namespace, name).map_err(feed::damaged)?
                {
                    after = Some(advisory.id);
                    continue;
                }
                if list.len() == limit {
                    return Ok(Some(From::Feed {
                        source: number,
                        after: after.unwrap_or_default(),
                    }));
                }
                let mut one = feed::vulnerability(&advisory, namespace, name);
                nvd.enrich(&mut one)?;
                list.push(|it| shown(&one, false).write(it));
                after = Some(advisory.id);
            }
            if is_end {
                break;
            }
        }
        after = None;
    }
    let mut rest = written
        .of_namespace(namespace)
        .filter(|stored| stored.id.0 > last)
        .peekable();
    let mut last = last;
    while list.len() < limit {
        let Some(stored) = rest.next() else {
            break;
        };
        last = stored.id.0;
        list.push(|it| shown(&stored.vulnerability, false).write(it));
    }
    Ok(rest.peek().map(|_| From::Written(last)))
}

/// `POST /v1/namespaces/{ignored}/vulnerabilities`: makes a vulnerability, or changes one.
pub(crate) async fn post(app: &App, asked: &Asked) -> Result<Reply, ApiError> {
    let posted = Vulnerability::read_envelope(&asked.body.bytes)?;
    asked.is_about(format!(
        "namespaces/{}/vulnerabilities/{}",
        posted.namespace, posted.name
    ));
    let severity = severity(&posted.severity)?;
    let format = format_of(app, &posted.namespace).await?;
    let fixes = posted
        .fixed_in
        .iter()
        .map(|fix| checked(fix, &posted.namespace, format.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    if posted.name.is_empty() || posted.namespace.is_empty() {
        return Err(ApiError::bad(
            "insertVulnerability needs at least the Name and the Namespace",
        ));
    }
    check_fixes(&posted)?;
    check_lengths(&posted)?;
    let format = format
        .or_else(|| {
            let given = posted.fixed_in.iter().map(|fix| fix.version_format.clone());
            given
                .into_iter()
                .find(|format| format::scheme(format).is_some())
        })
        .unwrap_or_default();
    let edit = Edit::Merge {
        description: posted.description.clone(),
        link: posted.link.clone(),
        severity,
        metadata: posted.metadata.clone(),
        fixes,
    };
    let space = Namespace {
        name: posted.namespace.clone(),
        version_format: format,
    };
    edited(app, &space, &posted.name, edit).await?;
    Ok(json(StatusCode::CREATED, asked.gzip, |it| {
        it.object("Vulnerability", |it| posted.write(it));
    }))
}

/// `GET /v1/namespaces/{namespace}/vulnerabilities/{name}[?fixedIn]`
pub(crate) async fn get(
    app: &App,
    namespace: &str,
    name: &str,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    let found = current(app, namespace, name)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let with_fixes = page::has(&asked.query, "fixedIn");
    Ok(json(StatusCode::OK, asked.gzip, |it| {
        it.object("Vulnerability", |it| shown(&found, with_fixes).write(it));
    }))
}

/// `PUT /v1/namespaces/{namespace}/vulnerabilities/{name}`: replaces all but the fixes.
pub(crate) async fn put(
    app: &App,
    namespace: &str,
    name: &str,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    let posted = Vulnerability::read_envelope(&asked.body.bytes)?;
    if !posted.fixed_in.is_empty() {
        return Err(ApiError::bad("Vulnerability.FixedIn must be empty"));
    }
    let severity = severity(&posted.severity)?;
    let named = Vulnerability {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        link: posted.link.clone(),
        ..Vulnerability::default()
    };
    check_lengths(&named)?;
    let edit = Edit::Merge {
        description: posted.description.clone(),
        link: posted.link.clone(),
        severity,
        metadata: posted.metadata.clone(),
        fixes: Vec::new(),
    };
    edited(app, &space(app, namespace).await?, name, edit).await?;
    Ok(json(StatusCode::OK, asked.gzip, |it| {
        it.object("Vulnerability", |it| posted.write(it));
    }))
}

/// `DELETE /v1/namespaces/{namespace}/vulnerabilities/{name}`
pub(crate) async fn delete(app: &App, namespace: &str, name: &str) -> Result<Reply, ApiError> {
    let record = feed::record(&app.snapshots.view(), namespace, name)?;
    if app
        .store
        .delete_vulnerability(namespace, name, record)
        .await?
    {
        Ok(reply::empty(StatusCode::OK))
    } else {
        Err(ApiError::not_found())
    }
}

/// What a name stands for now: the written vulnerability, else the feeds' unless it is hidden.
pub(crate) async fn current(
    app: &App,
    namespace: &str,
    name: &str,
) -> Result<Option<Stored>, ApiError> {
    let view = app.snapshots.view();
    let record = feed::record(&view, namespace, name)?;
    if let Some(stored) = app.store.vulnerability(namespace, name).await? {
        let feed = record.as_ref().map(|record| &record.vulnerability);
        return Ok(Some(stored.beside(feed)));
    }
    let Some(record) = record else {
        return Ok(None);
    };
    let written = written(app).await?;
    let hidden = written.hidden(namespace, name);
    let is_hidden = hidden.is_some_and(|hidden| record.is_hidden_by(hidden));
    Ok(Some(record.vulnerability).filter(|_| !is_hidden))
}

/// Applies an edit; the feeds' record of the name goes along, for what is kept of it.
pub(crate) async fn edited(
    app: &App,
    namespace: &Namespace,
    name: &str,
    edit: Edit,
) -> Result<pellucid_store::Edited, ApiError> {
    let record = feed::record(&app.snapshots.view(), &namespace.name, name)?;
    Ok(app
        .store
        .edit_vulnerability(namespace, name, edit, record)
        .await?)
}

/// A namespace as it is known, or as it must be by its name.
pub(crate) async fn space(app: &App, namespace: &str) -> Result<Namespace, ApiError> {
    Ok(Namespace {
        version_format: format_of(app, namespace).await?.unwrap_or_default(),
        name: namespace.to_owned(),
    })
}

/// The format of a namespace's versions, as far as it is known.
async fn format_of(app: &App, namespace: &str) -> Result<Option<String>, ApiError> {
    let stored = app.store.namespace(namespace).await?;
    Ok(stored
        .map(|stored| stored.version_format)
        .filter(|format| !format.is_empty())
        .or_else(|| format::of_namespace(namespace).map(str::to_owned)))
}

/// A fix that a caller gives, checked as Clair does; a missing format is the namespace's.
pub(crate) fn checked(
    fix: &Feature,
    namespace: &str,
    format: Option<&str>,
) -> Result<FixEdit, ApiError> {
    let is_ours = fix.namespace.is_empty() || fix.namespace == namespace;
    let given = Some(fix.version_format.as_str()).filter(|format| !format.is_empty());
    let name = given.or(format.filter(|_| is_ours)).unwrap_or_default();
    let scheme = format::scheme(name);
    let affected = |version: Option<&str>| {
        FixEdit::Affected(Fix {
            feature: fix.name.clone(),
            version: version.map(str::to_owned),
        })
    };
    match fix.version.as_str() {
        // Clair's word for a vulnerability without a fix; it needs no order.
        "None" if given.is_none() || scheme.is_some() => Ok(affected(None)),
        version => {
            let scheme = scheme.ok_or_else(|| ApiError::bad("unknown version format"))?;
            match version {
                "#MAXV#" => Ok(affected(None)),
                "#MINV#" => Ok(FixEdit::NotAffected(fix.name.clone())),
                version
                    if format::admits(name, version) && scheme.parse(version.trim()).is_ok() =>
                {
                    Ok(affected(Some(version)))
                }
                _ => Err(ApiError::bad("invalid version")),
            }
        }
    }
}

fn check_fixes(posted: &Vulnerability) -> Result<(), ApiError> {
    for fix in &posted.fixed_in {
        if !fix.namespace.is_empty() && fix.namespace != posted.namespace {
            return Err(ApiError::bad(
                "could not insert an invalid vulnerability that contains FixedIn FeatureVersion \
                 that are not in the same namespace as the Vulnerability",
            ));
        }
        if fix.name.is_empty() {
            return Err(ApiError::bad("could not find/insert invalid Feature"));
        }
    }
    Ok(())
}

fn check_lengths(posted: &Vulnerability) -> Result<(), ApiError> {
    let names = posted
        .fixed_in
        .iter()
        .flat_map(|fix| [&fix.name, &fix.version]);
    for text in [&posted.name, &posted.namespace].into_iter().chain(names) {
        if text.chars().nth(NAME).is_some() || text.contains('\0') {
            return Err(ApiError::bad(format!(
                "a name or version is longer than {NAME} characters or holds a NUL"
            )));
        }
    }
    if posted.link.chars().nth(LINK).is_some() {
        return Err(ApiError::bad(format!(
            "the link is longer than {LINK} characters"
        )));
    }
    Ok(())
}

fn severity(text: &str) -> Result<Severity, ApiError> {
    text.parse()
        .map_err(|_| ApiError::bad("failed to parse Severity from input"))
}

async fn written(app: &App) -> Result<Arc<Index>, ApiError> {
    // Without a layer nothing says which change is the last one: ask for it.
    Ok(app.written.latest(&app.store).await?)
}

/// A vulnerability as the API shows it.
pub(crate) fn shown(stored: &Stored, with_fixes: bool) -> Vulnerability {
    let fixed_in = if with_fixes {
        fixes(stored)
    } else {
        Vec::new()
    };
    Vulnerability {
        name: stored.name.clone(),
        namespace: stored.namespace.clone(),
        description: stored.description.clone(),
        link: stored.link.clone(),
        severity: stored.severity.name().to_owned(),
        metadata: stored.metadata.clone(),
        fixed_by: String::new(),
        fixed_in,
    }
}

/// The fixes of a vulnerability, by feature.
pub(crate) fn fixes(stored: &Stored) -> Vec<Feature> {
    stored
        .fixed_in
        .iter()
        .map(|fix| Feature {
            name: fix.feature.clone(),
            namespace: stored.namespace.clone(),
            version_format: stored.version_format.clone(),
            version: fix.version.clone().unwrap_or_else(|| "None".to_owned()),
            ..Feature::default()
        })
        .collect()
}

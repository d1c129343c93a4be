//! `/v1/namespaces/{namespace}/vulnerabilities/{name}/fixes`, working as Clair's documentation says.

use http::StatusCode;
use pellucid_store::{Edit, Edited};

use super::error::ApiError;
use super::vulnerabilities::{checked, current, edited, fixes, space};
use super::wire::Feature;
use super::{Asked, json};
use crate::app::App;
use crate::reply::{self, Reply};

/// `GET …/fixes`
pub(crate) async fn list(
    app: &App,
    namespace: &str,
    name: &str,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    let found = current(app, namespace, name)
        .await?
        .ok_or_else(ApiError::not_found)?;
    Ok(json(StatusCode::OK, asked.gzip, |it| {
        it.list_or_null("Features", &fixes(&found), Feature::write);
    }))
}

/// `PUT …/fixes/{feature}`: adds a fix, or changes it.
pub(crate) async fn put(
    app: &App,
    namespace: &str,
    name: &str,
    feature: &str,
    asked: &Asked,
) -> Result<Reply, ApiError> {
    let fix = Feature::read_envelope(&asked.body.bytes)?;
    if fix.name != feature {
        return Err(ApiError::bad("feature name in URL and JSON do not match"));
    }
    let space = space(app, namespace).await?;
    let format = Some(space.version_format.as_str()).filter(|format| !format.is_empty());
    let edit = checked(&fix, namespace, format)?;
    if !fix.namespace.is_empty() && fix.namespace != namespace {
        return Err(ApiError::bad(
            "could not insert an invalid vulnerability that contains FixedIn FeatureVersion that \
             are not in the same namespace as the Vulnerability",
        ));
    }
    if current(app, namespace, name).await?.is_none() {
        return Err(ApiError::not_found());
    }
    match edited(app, &space, name, Edit::SetFix(edit)).await? {
        Edited::Unknown => Err(ApiError::not_found()),
        _ => Ok(json(StatusCode::OK, asked.gzip, |it| {
            it.object("Feature", |it| fix.write(it));
        })),
    }
}

/// `DELETE …/fixes/{feature}`: the feature is not affected; one that is not listed is none already.
pub(crate) async fn delete(
    app: &App,
    namespace: &str,
    name: &str,
    feature: &str,
) -> Result<Reply, ApiError> {
    if current(app, namespace, name).await?.is_none() {
        return Err(ApiError::not_found());
    }
    let space = space(app, namespace).await?;
    match edited(app, &space, name, Edit::RemoveFix(feature.to_owned())).await? {
        Edited::Unknown => Err(ApiError::not_found()),
        _ => Ok(reply::empty(StatusCode::OK)),
    }
}

//! Every statement of the store, one file each.

use crate::statement::Statement;

pub(crate) static ANALYSIS_DELETE_UNUSED: Statement = Statement::new(
    "analysis/delete_unused",
    include_str!("sql/analysis/delete_unused.sql"),
);
pub(crate) static ANALYSIS_FIND: Statement =
    Statement::new("analysis/find", include_str!("sql/analysis/find.sql"));
pub(crate) static ANALYSIS_GET: Statement =
    Statement::new("analysis/get", include_str!("sql/analysis/get.sql"));
pub(crate) static ANALYSIS_INSERT: Statement =
    Statement::new("analysis/insert", include_str!("sql/analysis/insert.sql"));
pub(crate) static COUNTER_BUMP_GENERATION: Statement = Statement::new(
    "counter/bump_generation",
    include_str!("sql/counter/bump_generation.sql"),
);
pub(crate) static COUNTER_GENERATION: Statement = Statement::new(
    "counter/generation",
    include_str!("sql/counter/generation.sql"),
);
pub(crate) static FEATURE_VERSION_FIND: Statement = Statement::new(
    "feature_version/find",
    include_str!("sql/feature_version/find.sql"),
);
pub(crate) static FEATURE_VERSION_GET: Statement = Statement::new(
    "feature_version/get",
    include_str!("sql/feature_version/get.sql"),
);
pub(crate) static FEATURE_VERSION_INSERT: Statement = Statement::new(
    "feature_version/insert",
    include_str!("sql/feature_version/insert.sql"),
);
pub(crate) static FEATURE_VERSION_NAMED: Statement = Statement::new(
    "feature_version/named",
    include_str!("sql/feature_version/named.sql"),
);
pub(crate) static INTRODUCED_DELETE: Statement = Statement::new(
    "introduced/delete",
    include_str!("sql/introduced/delete.sql"),
);
pub(crate) static INTRODUCED_INSERT: Statement = Statement::new(
    "introduced/insert",
    include_str!("sql/introduced/insert.sql"),
);
pub(crate) static INTRODUCED_LAYERS: Statement = Statement::new(
    "introduced/layers",
    include_str!("sql/introduced/layers.sql"),
);
pub(crate) static INTRODUCED_LAYERS_OF_ONE: Statement = Statement::new(
    "introduced/layers_of_one",
    include_str!("sql/introduced/layers_of_one.sql"),
);
pub(crate) static KEYVALUE_DELETE: Statement =
    Statement::new("keyvalue/delete", include_str!("sql/keyvalue/delete.sql"));
pub(crate) static KEYVALUE_GET: Statement =
    Statement::new("keyvalue/get", include_str!("sql/keyvalue/get.sql"));
pub(crate) static KEYVALUE_SET: Statement =
    Statement::new("keyvalue/set", include_str!("sql/keyvalue/set.sql"));
pub(crate) static LAYER_CHAIN: Statement =
    Statement::new("layer/chain", include_str!("sql/layer/chain.sql"));
pub(crate) static LAYER_DELETE: Statement =
    Statement::new("layer/delete", include_str!("sql/layer/delete.sql"));
pub(crate) static LAYER_FIND: Statement =
    Statement::new("layer/find", include_str!("sql/layer/find.sql"));
pub(crate) static LAYER_GET: Statement =
    Statement::new("layer/get", include_str!("sql/layer/get.sql"));
pub(crate) static LAYER_INSERT: Statement =
    Statement::new("layer/insert", include_str!("sql/layer/insert.sql"));
pub(crate) static LAYER_LOCK: Statement =
    Statement::new("layer/lock", include_str!("sql/layer/lock.sql"));
pub(crate) static LAYER_PARENT: Statement =
    Statement::new("layer/parent", include_str!("sql/layer/parent.sql"));
pub(crate) static LAYER_REMOVED: Statement =
    Statement::new("layer/removed", include_str!("sql/layer/removed.sql"));
pub(crate) static LAYER_UPDATE: Statement =
    Statement::new("layer/update", include_str!("sql/layer/update.sql"));
pub(crate) static NAMESPACE_ENSURE: Statement =
    Statement::new("namespace/ensure", include_str!("sql/namespace/ensure.sql"));
pub(crate) static NAMESPACE_FIND: Statement =
    Statement::new("namespace/find", include_str!("sql/namespace/find.sql"));
pub(crate) static NAMESPACE_GET: Statement =
    Statement::new("namespace/get", include_str!("sql/namespace/get.sql"));
pub(crate) static NAMESPACE_LIST: Statement =
    Statement::new("namespace/list", include_str!("sql/namespace/list.sql"));
pub(crate) static SCHEMA_VERSION_INSERT: Statement = Statement::new(
    "schema_version/insert",
    include_str!("sql/schema_version/insert.sql"),
);
pub(crate) static SCHEMA_VERSION_LATEST: Statement = Statement::new(
    "schema_version/latest",
    include_str!("sql/schema_version/latest.sql"),
);
pub(crate) static SECRET_GET: Statement =
    Statement::new("secret/get", include_str!("sql/secret/get.sql"));
pub(crate) static SECRET_INSERT: Statement =
    Statement::new("secret/insert", include_str!("sql/secret/insert.sql"));

/// All of them, for the check that each one can be prepared.
pub(crate) static ALL: &[&Statement] = &[
    &ANALYSIS_DELETE_UNUSED,
    &ANALYSIS_FIND,
    &ANALYSIS_GET,
    &ANALYSIS_INSERT,
    &COUNTER_BUMP_GENERATION,
    &COUNTER_GENERATION,
    &FEATURE_VERSION_FIND,
    &FEATURE_VERSION_GET,
    &FEATURE_VERSION_INSERT,
    &FEATURE_VERSION_NAMED,
    &INTRODUCED_DELETE,
    &INTRODUCED_INSERT,
    &INTRODUCED_LAYERS,
    &INTRODUCED_LAYERS_OF_ONE,
    &KEYVALUE_DELETE,
    &KEYVALUE_GET,
    &KEYVALUE_SET,
    &LAYER_CHAIN,
    &LAYER_DELETE,
    &LAYER_FIND,
    &LAYER_GET,
    &LAYER_INSERT,
    &LAYER_LOCK,
    &LAYER_PARENT,
    &LAYER_REMOVED,
    &LAYER_UPDATE,
    &NAMESPACE_ENSURE,
    &NAMESPACE_FIND,
    &NAMESPACE_GET,
    &NAMESPACE_LIST,
    &SCHEMA_VERSION_INSERT,
    &SCHEMA_VERSION_LATEST,
    &SECRET_GET,
    &SECRET_INSERT,
];

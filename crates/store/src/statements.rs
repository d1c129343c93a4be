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
pub(crate) static CLOCK_NOW: Statement =
    Statement::new("clock/now", include_str!("sql/clock/now.sql"));
pub(crate) static COUNTER_BUMP_GENERATION: Statement = Statement::new(
    "counter/bump_generation",
    include_str!("sql/counter/bump_generation.sql"),
);
pub(crate) static COUNTER_BUMP_OVERLAY: Statement = Statement::new(
    "counter/bump_overlay",
    include_str!("sql/counter/bump_overlay.sql"),
);
pub(crate) static COUNTER_GENERATION: Statement = Statement::new(
    "counter/generation",
    include_str!("sql/counter/generation.sql"),
);
pub(crate) static COUNTER_OVERLAY: Statement =
    Statement::new("counter/overlay", include_str!("sql/counter/overlay.sql"));
pub(crate) static DELIVERY_BACKLOG: Statement =
    Statement::new("delivery/backlog", include_str!("sql/delivery/backlog.sql"));
pub(crate) static DELIVERY_BRING_FORWARD: Statement = Statement::new(
    "delivery/bring_forward",
    include_str!("sql/delivery/bring_forward.sql"),
);
pub(crate) static DELIVERY_CLAIM: Statement =
    Statement::new("delivery/claim", include_str!("sql/delivery/claim.sql"));
pub(crate) static DELIVERY_DELETE_OF_RECEIVER: Statement = Statement::new(
    "delivery/delete_of_receiver",
    include_str!("sql/delivery/delete_of_receiver.sql"),
);
pub(crate) static DELIVERY_END_CLAIMS: Statement = Statement::new(
    "delivery/end_claims",
    include_str!("sql/delivery/end_claims.sql"),
);
pub(crate) static DELIVERY_FAIL: Statement =
    Statement::new("delivery/fail", include_str!("sql/delivery/fail.sql"));
pub(crate) static DELIVERY_FINISH_ALL: Statement = Statement::new(
    "delivery/finish_all",
    include_str!("sql/delivery/finish_all.sql"),
);
pub(crate) static DELIVERY_INSERT_BACKLOG: Statement = Statement::new(
    "delivery/insert_backlog",
    include_str!("sql/delivery/insert_backlog.sql"),
);
pub(crate) static DELIVERY_INSERT_FOR: Statement = Statement::new(
    "delivery/insert_for",
    include_str!("sql/delivery/insert_for.sql"),
);
pub(crate) static DELIVERY_LIST: Statement =
    Statement::new("delivery/list", include_str!("sql/delivery/list.sql"));
pub(crate) static DELIVERY_RELEASE: Statement =
    Statement::new("delivery/release", include_str!("sql/delivery/release.sql"));
pub(crate) static DELIVERY_REPLAY: Statement =
    Statement::new("delivery/replay", include_str!("sql/delivery/replay.sql"));
pub(crate) static DELIVERY_REPLAY_ALL: Statement = Statement::new(
    "delivery/replay_all",
    include_str!("sql/delivery/replay_all.sql"),
);
pub(crate) static DELIVERY_SUCCEED: Statement =
    Statement::new("delivery/succeed", include_str!("sql/delivery/succeed.sql"));
pub(crate) static FEATURE_VERSION_ABOUT: Statement = Statement::new(
    "feature_version/about",
    include_str!("sql/feature_version/about.sql"),
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
pub(crate) static FEATURE_VERSION_NAMES: Statement = Statement::new(
    "feature_version/names",
    include_str!("sql/feature_version/names.sql"),
);
pub(crate) static HIDDEN_VULNERABILITY_ALL: Statement = Statement::new(
    "hidden_vulnerability/all",
    include_str!("sql/hidden_vulnerability/all.sql"),
);
pub(crate) static HIDDEN_VULNERABILITY_DELETE: Statement = Statement::new(
    "hidden_vulnerability/delete",
    include_str!("sql/hidden_vulnerability/delete.sql"),
);
pub(crate) static HIDDEN_VULNERABILITY_GET: Statement = Statement::new(
    "hidden_vulnerability/get",
    include_str!("sql/hidden_vulnerability/get.sql"),
);
pub(crate) static HIDDEN_VULNERABILITY_SET: Statement = Statement::new(
    "hidden_vulnerability/set",
    include_str!("sql/hidden_vulnerability/set.sql"),
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
pub(crate) static INTRODUCED_PENDING_DELETE: Statement = Statement::new(
    "introduced_pending/delete",
    include_str!("sql/introduced_pending/delete.sql"),
);
pub(crate) static INTRODUCED_PENDING_INSERT: Statement = Statement::new(
    "introduced_pending/insert",
    include_str!("sql/introduced_pending/insert.sql"),
);
pub(crate) static INTRODUCED_PENDING_NEXT: Statement = Statement::new(
    "introduced_pending/next",
    include_str!("sql/introduced_pending/next.sql"),
);
pub(crate) static INTRODUCED_PENDING_TAKE: Statement = Statement::new(
    "introduced_pending/take",
    include_str!("sql/introduced_pending/take.sql"),
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
pub(crate) static LEASE_ACQUIRE: Statement =
    Statement::new("lease/acquire", include_str!("sql/lease/acquire.sql"));
pub(crate) static LEASE_END_ALL: Statement =
    Statement::new("lease/end_all", include_str!("sql/lease/end_all.sql"));
pub(crate) static LEASE_FENCE: Statement =
    Statement::new("lease/fence", include_str!("sql/lease/fence.sql"));
pub(crate) static LEASE_GET: Statement =
    Statement::new("lease/get", include_str!("sql/lease/get.sql"));
pub(crate) static LEASE_RELEASE: Statement =
    Statement::new("lease/release", include_str!("sql/lease/release.sql"));
pub(crate) static LEASE_RENEW: Statement =
    Statement::new("lease/renew", include_str!("sql/lease/renew.sql"));
pub(crate) static NAMESPACE_ENSURE: Statement =
    Statement::new("namespace/ensure", include_str!("sql/namespace/ensure.sql"));
pub(crate) static NAMESPACE_FIND: Statement =
    Statement::new("namespace/find", include_str!("sql/namespace/find.sql"));
pub(crate) static NAMESPACE_GET: Statement =
    Statement::new("namespace/get", include_str!("sql/namespace/get.sql"));
pub(crate) static NAMESPACE_LIST: Statement =
    Statement::new("namespace/list", include_str!("sql/namespace/list.sql"));
pub(crate) static NOTIFICATION_DELETE: Statement = Statement::new(
    "notification/delete",
    include_str!("sql/notification/delete.sql"),
);
pub(crate) static NOTIFICATION_DISCARD: Statement = Statement::new(
    "notification/discard",
    include_str!("sql/notification/discard.sql"),
);
pub(crate) static NOTIFICATION_GET: Statement =
    Statement::new("notification/get", include_str!("sql/notification/get.sql"));
pub(crate) static NOTIFICATION_HELD: Statement = Statement::new(
    "notification/held",
    include_str!("sql/notification/held.sql"),
);
pub(crate) static NOTIFICATION_INSERT: Statement = Statement::new(
    "notification/insert",
    include_str!("sql/notification/insert.sql"),
);
pub(crate) static NOTIFICATION_MERGE: Statement = Statement::new(
    "notification/merge",
    include_str!("sql/notification/merge.sql"),
);
pub(crate) static NOTIFICATION_PAGE: Statement = Statement::new(
    "notification/page",
    include_str!("sql/notification/page.sql"),
);
pub(crate) static NOTIFICATION_PRUNE: Statement = Statement::new(
    "notification/prune",
    include_str!("sql/notification/prune.sql"),
);
pub(crate) static NOTIFICATION_RELEASE: Statement = Statement::new(
    "notification/release",
    include_str!("sql/notification/release.sql"),
);
pub(crate) static NOTIFICATION_REMOVE: Statement = Statement::new(
    "notification/remove",
    include_str!("sql/notification/remove.sql"),
);
pub(crate) static NOTIFICATION_SET_NOTIFIED: Statement = Statement::new(
    "notification/set_notified",
    include_str!("sql/notification/set_notified.sql"),
);
pub(crate) static RECEIVER_DELETE: Statement =
    Statement::new("receiver/delete", include_str!("sql/receiver/delete.sql"));
pub(crate) static RECEIVER_INSERT: Statement =
    Statement::new("receiver/insert", include_str!("sql/receiver/insert.sql"));
pub(crate) static NOTIFICATION_UNSENT: Statement = Statement::new(
    "notification/unsent",
    include_str!("sql/notification/unsent.sql"),
);
pub(crate) static REPOSITORY_SET_INSERT: Statement = Statement::new(
    "repository_set/insert",
    include_str!("sql/repository_set/insert.sql"),
);
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
pub(crate) static SNAPSHOT_GET: Statement =
    Statement::new("snapshot/get", include_str!("sql/snapshot/get.sql"));
pub(crate) static SNAPSHOT_LIST: Statement =
    Statement::new("snapshot/list", include_str!("sql/snapshot/list.sql"));
pub(crate) static SNAPSHOT_PUBLISH: Statement =
    Statement::new("snapshot/publish", include_str!("sql/snapshot/publish.sql"));
pub(crate) static SNAPSHOT_SET_STATE: Statement = Statement::new(
    "snapshot/set_state",
    include_str!("sql/snapshot/set_state.sql"),
);
pub(crate) static SNAPSHOT_CHUNK_COUNT: Statement = Statement::new(
    "snapshot_chunk/count",
    include_str!("sql/snapshot_chunk/count.sql"),
);
pub(crate) static SNAPSHOT_CHUNK_GET: Statement = Statement::new(
    "snapshot_chunk/get",
    include_str!("sql/snapshot_chunk/get.sql"),
);
pub(crate) static SNAPSHOT_CHUNK_PRUNE: Statement = Statement::new(
    "snapshot_chunk/prune",
    include_str!("sql/snapshot_chunk/prune.sql"),
);
pub(crate) static SNAPSHOT_CHUNK_PUT: Statement = Statement::new(
    "snapshot_chunk/put",
    include_str!("sql/snapshot_chunk/put.sql"),
);
pub(crate) static VULNERABILITY_ALL_LIVE: Statement = Statement::new(
    "vulnerability/all_live",
    include_str!("sql/vulnerability/all_live.sql"),
);
pub(crate) static VULNERABILITY_END: Statement = Statement::new(
    "vulnerability/end",
    include_str!("sql/vulnerability/end.sql"),
);
pub(crate) static VULNERABILITY_HISTORY: Statement = Statement::new(
    "vulnerability/history",
    include_str!("sql/vulnerability/history.sql"),
);
pub(crate) static VULNERABILITY_INSERT: Statement = Statement::new(
    "vulnerability/insert",
    include_str!("sql/vulnerability/insert.sql"),
);
pub(crate) static VULNERABILITY_LIVE: Statement = Statement::new(
    "vulnerability/live",
    include_str!("sql/vulnerability/live.sql"),
);
pub(crate) static VULNERABILITY_PAGE: Statement = Statement::new(
    "vulnerability/page",
    include_str!("sql/vulnerability/page.sql"),
);
pub(crate) static VULNERABILITY_PRUNE: Statement = Statement::new(
    "vulnerability/prune",
    include_str!("sql/vulnerability/prune.sql"),
);

/// All of them, for the check that each one can be prepared.
pub(crate) static ALL: &[&Statement] = &[
    &ANALYSIS_DELETE_UNUSED,
    &ANALYSIS_FIND,
    &ANALYSIS_GET,
    &ANALYSIS_INSERT,
    &CLOCK_NOW,
    &COUNTER_BUMP_GENERATION,
    &COUNTER_BUMP_OVERLAY,
    &COUNTER_GENERATION,
    &COUNTER_OVERLAY,
    &DELIVERY_BACKLOG,
    &DELIVERY_BRING_FORWARD,
    &DELIVERY_CLAIM,
    &DELIVERY_DELETE_OF_RECEIVER,
    &DELIVERY_END_CLAIMS,
    &DELIVERY_FAIL,
    &DELIVERY_FINISH_ALL,
    &DELIVERY_INSERT_BACKLOG,
    &DELIVERY_INSERT_FOR,
    &DELIVERY_LIST,
    &DELIVERY_RELEASE,
    &DELIVERY_REPLAY,
    &DELIVERY_REPLAY_ALL,
    &DELIVERY_SUCCEED,
    &FEATURE_VERSION_ABOUT,
    &FEATURE_VERSION_FIND,
    &FEATURE_VERSION_GET,
    &FEATURE_VERSION_INSERT,
    &FEATURE_VERSION_NAMED,
    &FEATURE_VERSION_NAMES,
    &HIDDEN_VULNERABILITY_ALL,
    &HIDDEN_VULNERABILITY_DELETE,
    &HIDDEN_VULNERABILITY_GET,
    &HIDDEN_VULNERABILITY_SET,
    &INTRODUCED_DELETE,
    &INTRODUCED_INSERT,
    &INTRODUCED_LAYERS,
    &INTRODUCED_LAYERS_OF_ONE,
    &INTRODUCED_PENDING_DELETE,
    &INTRODUCED_PENDING_INSERT,
    &INTRODUCED_PENDING_NEXT,
    &INTRODUCED_PENDING_TAKE,
    &KEYVALUE_DELETE,
    &KEYVALUE_GET,
    &KEYVALUE_SET,
    &LAYER_CHAIN,
    &LAYER_DELETE,
    &LAYER_GET,
    &LAYER_INSERT,
    &LAYER_LOCK,
    &LAYER_PARENT,
    &LAYER_REMOVED,
    &LAYER_UPDATE,
    &LEASE_ACQUIRE,
    &LEASE_END_ALL,
    &LEASE_FENCE,
    &LEASE_GET,
    &LEASE_RELEASE,
    &LEASE_RENEW,
    &NAMESPACE_ENSURE,
    &NAMESPACE_FIND,
    &NAMESPACE_GET,
    &NAMESPACE_LIST,
    &NOTIFICATION_DELETE,
    &NOTIFICATION_DISCARD,
    &NOTIFICATION_GET,
    &NOTIFICATION_HELD,
    &NOTIFICATION_INSERT,
    &NOTIFICATION_MERGE,
    &NOTIFICATION_PAGE,
    &NOTIFICATION_PRUNE,
    &NOTIFICATION_RELEASE,
    &NOTIFICATION_REMOVE,
    &NOTIFICATION_SET_NOTIFIED,
    &RECEIVER_DELETE,
    &RECEIVER_INSERT,
    &NOTIFICATION_UNSENT,
    &REPOSITORY_SET_INSERT,
    &SCHEMA_VERSION_INSERT,
    &SCHEMA_VERSION_LATEST,
    &SECRET_GET,
    &SECRET_INSERT,
    &SNAPSHOT_GET,
    &SNAPSHOT_LIST,
    &SNAPSHOT_PUBLISH,
    &SNAPSHOT_SET_STATE,
    &SNAPSHOT_CHUNK_COUNT,
    &SNAPSHOT_CHUNK_GET,
    &SNAPSHOT_CHUNK_PRUNE,
    &SNAPSHOT_CHUNK_PUT,
    &VULNERABILITY_ALL_LIVE,
    &VULNERABILITY_END,
    &VULNERABILITY_HISTORY,
    &VULNERABILITY_INSERT,
    &VULNERABILITY_LIVE,
    &VULNERABILITY_PAGE,
    &VULNERABILITY_PRUNE,
];

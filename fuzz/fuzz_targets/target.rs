//! Any target of `crates/fuzz` under libFuzzer; the environment says which: `PELLUCID_TARGET=layer-tar`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pellucid_fuzz::{Target, targets};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("PELLUCID_TARGET").unwrap_or_default();
    targets()
        .into_iter()
        .find(|target| target.name == name)
        .expect("PELLUCID_TARGET must be one of `pellucid-fuzz list`")
});

fuzz_target!(|data: &[u8]| TARGET.run(data));

//! The `pellucid` binary: [`pellucid::main`] and its allocator.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pellucid::main()
}

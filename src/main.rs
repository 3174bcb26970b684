//! The `guichet` command.

use std::process::ExitCode;

/// Records are many small pieces made on one thread and freed on another, which glibc's allocator does slowly
/// (`DECISIONS.md`, "Another allocator").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    guichet::cli::main()
}

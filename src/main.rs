//! The command `ruff`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives memory that was freed back to the system.
fn purge() {
    // SAFETY: may be called at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

fn main() -> ExitCode {
    ruff_runtime::heap::set_purge(purge);
    ruff::cli::main()
}

# The usual commands. Install `just` with `cargo install just`, or copy the lines from here.

# Show this list
default:
    @just --list

# Serve from this folder, at http://127.0.0.1:8000; arguments go to widgetd
run *arguments:
    cargo run -- {{arguments}}

# Run the tests that need nothing but Rust; arguments go to cargo test
test *arguments:
    cargo test {{arguments}}

# Check formatting, lints, documentation and dependencies
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
    cargo deny check bans licenses sources

# Build the documentation of the code and open it; it starts with ARCHITECTURE.md
doc:
    cargo doc --no-deps --open

# Run all that must hold before a merge; installs what the tests need (Debian, Ubuntu)
ci:
    .ci/run

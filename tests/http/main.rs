//! The service in process: every route, status, header and message of the wire format.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod bodies;
mod openapi;
mod routing;
mod tokens;
mod users;
mod widgets;

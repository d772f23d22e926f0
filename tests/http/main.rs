//! The service in process: every route, status, header and message of the wire format.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod bodies;
mod openapi;
mod routing;
mod tokens;
mod users;
mod widgets;

//! The service in process: every route, status, header and message of the wire format.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and tells its story in one piece"
)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod account;
mod account_pages;
mod api_keys;
mod audit;
mod audit_pages;
mod auth;
mod bodies;
mod calendar;
mod changes;
mod conditions;
mod cookies;
mod cors;
mod cross_site;
mod dry_run;
mod events;
mod examples;
mod exports;
mod forms;
mod headers;
mod history;
mod idempotency;
mod imports;
mod limits;
mod lists;
mod marked;
mod model;
mod openapi;
mod people_pages;
mod public_url;
mod quick_add;
mod quotas;
mod record_pages;
mod renewal;
mod round_trips;
mod routing;
mod rules;
mod search;
mod selected_pages;
mod sessions;
mod setup;
mod task_pages;
mod tasks;
mod team;
mod templates;
mod tokens;
mod users;
mod weight;
mod widgets;
mod zones;

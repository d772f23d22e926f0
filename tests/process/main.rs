//! The real program: started on a free port, used over the network and the command line,
//! stopped, killed and started again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test fails by panicking"
)]

#[path = "../support/browser.rs"]
mod browser_support;
#[path = "../support/databases.rs"]
mod databases;
#[path = "../support/endless.rs"]
mod endless;
#[path = "../support/feed.rs"]
mod feed;
#[path = "../support/program.rs"]
mod program;

mod backups;
mod browser;
mod caddy;
mod calendar;
mod cli;
mod connections;
mod container;
mod crash;
mod doctor;
mod events;
mod files;
mod house;
mod keys;
mod limits;
mod litestream;
mod login;
mod logs;
mod metrics;
mod network;
mod pages;
mod readme;
mod serve;
mod service_manager;
mod style;
mod systemd;
mod tables;
mod tls;
#[cfg(unix)]
mod unix_socket;
mod users;
mod zones;

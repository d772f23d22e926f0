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
#[path = "../support/endless.rs"]
mod endless;
#[path = "../support/program.rs"]
mod program;

mod browser;
mod calendar;
mod cli;
mod connections;
mod crash;
mod events;
mod heavy_reads;
mod house;
mod keys;
mod limits;
mod login;
mod network;
mod pages;
mod readme;
mod serve;
mod style;
mod tables;
mod users;
mod zones;

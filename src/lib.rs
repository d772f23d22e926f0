#![doc = include_str!("../ARCHITECTURE.md")]

pub mod accounts;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
pub mod telemetry;

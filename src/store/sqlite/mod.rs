//! The store in one SQLite file: one thread writes, many connections read.

mod agenda;
mod api_keys;
mod audit;
mod authority;
mod buckets;
mod budgets;
mod conditions;
mod connection;
mod deadlines;
mod disk;
mod engine;
mod events;
mod found;
mod idempotency;
mod imports;
mod lists;
mod migrate;
mod passwords;
mod portions;
mod quotas;
mod readers;
mod reading_threads;
mod scans;
mod search;
mod sessions;
mod store;
mod tasks;
mod templates;
mod transaction;
mod user_rows;
mod users;
mod values;
mod widgets;
mod writer;

pub use self::engine::SqliteStore;

//! How a request is read and an answer is written: nothing here knows a resource or a page.

pub mod body;
pub mod conditions;
pub mod cors;
pub mod delay;
pub mod fallback;
pub mod field;
pub mod fields;
pub mod headers;
pub mod input;
pub mod list;
pub mod openapi;
pub mod path;
pub mod problem;
pub mod record;
pub mod request;
pub mod responses;
pub mod routes;
pub mod services;

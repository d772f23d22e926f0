//! Names and ids of the records that the OpenAPI document shows.

pub const WIDGET: &str = "first-widget";
pub const TEMPLATE: &str = "Welcome";
pub const TASK: &str = "b7a1c9d4-5e2f-4f0a-8c63-1d9e7b2a4f58";
pub const KEY: &str = "e4c8a2f6-9b1d-4d37-a5f0-6c3b8e1d7a92";
pub const SESSION: &str = "1f6d3b9a-7c42-4e85-b0d9-a8e5c2f4173b";

/// The public id of the account `ann@example.com`.
pub const ANN: &str = "7d0a2c5e-3f41-4b8e-9c26-d1e5a8f07b13";

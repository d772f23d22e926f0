//! What people do with accounts: register, log in, log out, change or reset a password, and set up
//! the first administrator. Also what authenticates them: sessions, access tokens and API keys.

mod attempts;
mod hasher;
mod hmac_sha256;
#[cfg(target_os = "linux")]
mod idle_priority;
mod rate_limits;
mod reset;
mod secrets;
mod service;
mod sessions;
mod setup;
mod signing_key;
mod tokens;

pub use self::attempts::RateLimits;
pub use self::hasher::{Argon2Settings, Hasher, HashingMode};
pub use self::reset::ResetCode;
pub use self::secrets::read_reset_code;
pub use self::service::{Accounts, UserDetails};
pub use self::sessions::{AccessToken, Caller, Sessions, create_key};
pub use self::setup::SetupCode;
pub use self::signing_key::{SigningKey, refuse_if_others_can_read};
pub use self::tokens::Tokens;

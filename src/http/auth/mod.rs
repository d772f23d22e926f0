//! Who is asking: guards, the session cookie, and the check of a request's origin.

pub mod cookie;
pub mod guards;
pub mod local;
pub mod navigation;
pub mod origin;
pub mod sign_in;

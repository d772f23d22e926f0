//! What TLS needs.

use std::path::PathBuf;

/// The files are PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Where plain requests are answered with the address over https; 0 is any free port.
    pub redirect_port: Option<u16>,
}

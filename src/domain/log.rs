//! How the log is written.

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

named!(LogFormat { Text => "text", Json => "json" });

/// Whether and how each request is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLog {
    Off,
    Text,
    Json,
}

named!(AccessLog { Off => "off", Text => "text", Json => "json" });

impl AccessLog {
    /// `None` if requests are not logged.
    pub fn format(self) -> Option<LogFormat> {
        match self {
            Self::Off => None,
            Self::Text => Some(LogFormat::Text),
            Self::Json => Some(LogFormat::Json),
        }
    }
}

//! What the doctor has found.

/// How good a finding is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    Ok,
    /// It works, but could be better.
    Warning,
    Wrong,
}

impl Grade {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// What was looked at, and what to do about it.
pub struct Finding {
    pub about: &'static str,
    pub grade: Grade,
    pub says: String,
    pub advice: Option<String>,
}

impl Finding {
    pub fn ok(about: &'static str, says: impl Into<String>) -> Self {
        Self { about, grade: Grade::Ok, says: says.into(), advice: None }
    }

    pub fn warning(
        about: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { grade: Grade::Warning, advice: Some(advice.into()), ..Self::ok(about, says) }
    }

    pub fn wrong(about: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { grade: Grade::Wrong, advice: Some(advice.into()), ..Self::ok(about, says) }
    }
}

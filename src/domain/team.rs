//! The team that the service is for.

use super::text::check_line;

/// What the team is called: its pages and its calendar show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamName(String);

checked_text!(TeamName, |text| check_line(text, 60));

//! Deadlines as fields: of a day or a moment. In a new record they must not be in the past; in an
//! update the store decides, because an unchanged deadline may have passed.

use serde_json::{Value, json};

use crate::domain::Deadline;
use crate::http::wire::{Field, FieldContext};

/// The end of a day.
pub struct Day(pub Deadline);

/// The end of a day, today or later.
pub struct FutureDay(pub Deadline);

/// A moment, or the end of a day.
pub struct Moment(pub Deadline);

/// A moment, or the end of a day, now or later.
pub struct FutureMoment(pub Deadline);

const DAY: &str = "Today or later in UTC, unless it stays as it is: `2026-12-31`, `12/31/2026`, \
    `12/31/26`, `Dec 31 2026`, `December 31, 2026`, `31 Dec 2026` or an RFC 3339 time, whose date \
    counts.";

const MOMENT: &str = "Not in the past, unless it stays as it is: an RFC 3339 time, or a date in \
    any form that a widget's deadline may have, which stands for its end in UTC. `none` for no \
    deadline.";

macro_rules! deadline_field {
    ($type:ident, $description:expr, |$text:ident, $now:ident| $parse:expr) => {
        impl Field for $type {
            fn parse($text: &str, context: &FieldContext) -> Result<Self, String> {
                let $now = context.now;
                $parse.map(Self)
            }

            fn schema() -> Value {
                json!({ "type": "string", "description": $description })
            }
        }
    };
}

deadline_field!(Day, DAY, |text, _now| Deadline::parse(text));
deadline_field!(FutureDay, DAY, |text, now| {
    Deadline::parse(text).and_then(|day| day.check_date_not_past(now).map(|()| day))
});
deadline_field!(Moment, MOMENT, |text, _now| Deadline::parse_moment(text));
deadline_field!(FutureMoment, MOMENT, |text, now| {
    Deadline::parse_moment(text).and_then(|moment| moment.check_not_past(now).map(|()| moment))
});

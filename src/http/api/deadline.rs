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

const DAY: &str = "Today or later in the service's time zone, unless it stays as it is: \
    `2026-12-31`, `12/31/2026`, `12/31/26`, `Dec 31 2026`, `December 31, 2026`, `31 Dec 2026` or an \
    RFC 3339 time, whose date counts.";

const MOMENT: &str = "Not in the past, unless it stays as it is: an RFC 3339 time, or a date in \
    any form that a widget's deadline may have, which stands for its end in the service's time \
    zone. `none` for no deadline.";

macro_rules! deadline_field {
    ($type:ident, $description:expr, $parse:expr) => {
        impl Field for $type {
            fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
                let parse: fn(&str, &FieldContext) -> Result<Deadline, String> = $parse;
                parse(text, context).map(Self)
            }

            fn schema() -> Value {
                json!({ "type": "string", "description": $description })
            }
        }
    };
}

deadline_field!(Day, DAY, |text, context| Deadline::parse(text, &context.zone));
deadline_field!(FutureDay, DAY, |text, FieldContext { now, zone, .. }| {
    let day = Deadline::parse(text, zone)?;
    day.check_date_not_past(*now, zone).map(|()| day)
});
deadline_field!(Moment, MOMENT, |text, context| Deadline::parse_moment(text, &context.zone));
deadline_field!(FutureMoment, MOMENT, |text, FieldContext { now, zone, .. }| {
    let moment = Deadline::parse_moment(text, zone)?;
    moment.check_not_past(*now).map(|()| moment)
});

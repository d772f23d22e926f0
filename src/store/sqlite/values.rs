//! The domain's types as SQL values: ids, names and texts are TEXT, times INTEGER milliseconds.

use std::net::IpAddr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::domain::{self, Changes, EventId, Network, SecretHash, Timestamp, Version};

/// The error for a value that this program does not write.
fn unknown(text: &str) -> FromSqlError {
    FromSqlError::Other(format!("'{text}' is not a value this program writes").into())
}

macro_rules! to_sql {
    ($type:ty, |$value:ident| $sql:expr) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                let $value = self;
                Ok(ToSqlOutput::from($sql))
            }
        }
    };
}

macro_rules! from_sql {
    ($type:ty, |$value:ident| $parsed:expr) => {
        impl FromSql for $type {
            fn column_result($value: ValueRef<'_>) -> FromSqlResult<Self> {
                $parsed
            }
        }
    };
}

macro_rules! texts {
    ($($type:ty,)+) => {$(
        to_sql!($type, |text| text.as_str());
        from_sql!($type, |value| String::column_result(value).map(Self::from_stored));
    )+};
}

macro_rules! names {
    ($($type:ty,)+) => {$(
        to_sql!($type, |value| value.as_str());
        from_sql!($type, |value| value.as_str().and_then(|text| Self::from_name(text).ok_or_else(|| unknown(text))));
    )+};
}

macro_rules! ids {
    ($($type:ty,)+) => {$(
        to_sql!($type, |id| id.to_string());
        from_sql!($type, |value| value.as_str().and_then(|text| Self::parse(text).ok_or_else(|| unknown(text))));
    )+};
}

texts! {
    domain::DisplayName,
    domain::Email,
    domain::InfoUrl,
    domain::KeyName,
    domain::PasswordHash,
    domain::TargetRef,
    domain::TaskDescription,
    domain::TaskTitle,
    domain::TemplateBody,
    domain::TemplateName,
    domain::Username,
    domain::WidgetName,
}
names! {
    domain::Action,
    domain::KeyScope,
    domain::Role,
    domain::Status,
    domain::TaskStatus,
}
ids! {
    domain::KeyId,
    domain::RequestId,
    domain::SessionId,
    domain::TaskId,
    domain::UserId,
}

to_sql!(Timestamp, |at| at.as_millis());
from_sql!(Timestamp, |value| i64::column_result(value).map(Self::from_millis));
from_sql!(Version, |value| i64::column_result(value).map(Self::from_stored));
to_sql!(SecretHash, |hash| hash.as_bytes());
to_sql!(Network, |network| network.to_string());

to_sql!(Changes, |changes| changes.to_json());
from_sql!(Changes, |value| value
    .as_str()
    .and_then(|text| serde_json::from_str(text).map(Self).map_err(|_| unknown(text))));
to_sql!(EventId, |id| id.get().cast_signed());
from_sql!(EventId, |value| u64::column_result(value).map(Self::new));

/// A wrapper, because neither `IpAddr` nor the traits belong to this crate.
pub struct Address(pub IpAddr);

to_sql!(Address, |address| address.0.to_string());
from_sql!(Address, |value| value
    .as_str()
    .and_then(|text| text.parse().map(Self).map_err(|_| unknown(text))));

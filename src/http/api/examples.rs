//! The records that the OpenAPI document shows. Its examples are the views of these, so they have the
//! fields that the service answers.

use super::api_keys::{KeyView, NewKeyView};
use super::current_user::CurrentUser;
use super::samples::{ANN, KEY, SESSION, TASK, TEMPLATE, WIDGET};
use super::search::{FoundView, SearchView};
use super::sessions::OwnSession;
use super::users::{CreatedUser, ResetCodeView};
use crate::accounts::ResetCode;
use crate::domain::{
    Action, ApiKey, AuditEntry, Changes, Deadline, DisplayName, Email, EventId, EventResult,
    HistoryEntry, InfoUrl, KeyId, KeyName, KeyScope, Role, Secret, Session, SessionId, Status,
    Task, TaskDescription, TaskId, TaskStatus, TaskTitle, Template, TemplateBody, TemplateName,
    Timestamp, User, UserId, UserNames, UserSummary, Username, Version, Widget, WidgetName, Zone,
};
use crate::http::wire::{Example, NOW, Record, example_view, view_context};

const BOSS: &str = "c39f1e7b-0a54-46d2-8b7e-5f2c9d4a6e81";

const DAY: i64 = 86_400;
const YESTERDAY: Timestamp = NOW.plus_seconds(-DAY);
const VERSION: Version = Version::from_stored(0);

/// What an id is made of.
fn id<T>(text: &str, parse: fn(&str) -> Option<T>) -> Result<T, String> {
    parse(text).ok_or_else(|| format!("{text} is no UUID"))
}

fn names(email: &str, username: &str, name: &str) -> Result<UserNames, String> {
    Ok(UserNames {
        email: Some(Email::parse(email)?),
        username: Some(Username::parse(username)?),
        name: Some(DisplayName::parse(name)?),
    })
}

fn boss() -> Result<UserSummary, String> {
    Ok(UserSummary {
        names: names("boss@example.com", "boss", "Bo Ross")?,
        public_id: id(BOSS, UserId::parse)?,
        version: VERSION,
        is_deleted: false,
    })
}

impl Example for UserSummary {
    fn example() -> Result<Self, String> {
        let User { names, public_id, version, .. } = User::example()?;
        Ok(Self { names, public_id, version, is_deleted: false })
    }
}

impl Example for User {
    fn example() -> Result<Self, String> {
        Ok(Self {
            public_id: id(ANN, UserId::parse)?,
            names: names("ann@example.com", "ann", "Ann Lee")?,
            role: Role::Employee,
            status: Status::Active,
            token_epoch: 0,
            registered_on: YESTERDAY,
            version: VERSION,
            used_bytes: 12_480,
            full_quota_from: NOW,
        })
    }
}

impl Example for CurrentUser {
    fn example() -> Result<Self, String> {
        Ok(Self { user: User::example()?, expires_at: Some(NOW.plus_seconds(3_586)) })
    }
}

impl Example for CreatedUser {
    fn example() -> Result<Self, String> {
        Ok(Self { user: User::example()?, reset_code: Some(reset_code()) })
    }
}

fn reset_code() -> ResetCode {
    let code = Secret::new("abcd-efgh-ijkl-mnop".to_owned());
    ResetCode { code, expires_at: NOW.plus_seconds(3_600) }
}

impl Example for ResetCodeView {
    fn example() -> Result<Self, String> {
        Ok(Self::new(&reset_code(), &User::example()?))
    }
}

impl Example for OwnSession {
    fn example() -> Result<Self, String> {
        let session = Session {
            id: id(SESSION, SessionId::parse)?,
            started_at: NOW,
            expires_at: NOW.plus_seconds(3_600),
            address: Some([192, 0, 2, 17].into()),
            client: Some("HTTPie/3.2.4".to_owned()),
        };
        Ok(Self { session, is_current: true })
    }
}

impl Example for ApiKey {
    fn example() -> Result<Self, String> {
        Ok(Self {
            id: id(KEY, KeyId::parse)?,
            owner: "ann@example.com".to_owned(),
            name: KeyName::parse("nightly report")?,
            scope: KeyScope::Read,
            created_at: YESTERDAY,
            expires_at: Some(NOW.plus_seconds(90 * DAY)),
            last_used_at: Some(NOW),
        })
    }
}

impl Example for NewKeyView {
    fn example() -> Result<Self, String> {
        let new = ApiKey { created_at: NOW, last_used_at: None, ..ApiKey::example()? };
        let view: KeyView = new.view(&view_context());
        Ok(Self {
            key: "wgt_abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst".to_owned(),
            view,
        })
    }
}

impl Example for Widget {
    fn example() -> Result<Self, String> {
        Ok(Self {
            version: VERSION,
            name: WidgetName::parse(WIDGET)?,
            info_url: InfoUrl::parse("https://example.com")?,
            deadline: Deadline::parse("2026-12-31", &Zone::UTC)?,
            created_at: YESTERDAY,
            owner: boss()?,
        })
    }
}

impl Example for Task {
    fn example() -> Result<Self, String> {
        Ok(Self {
            id: id(TASK, TaskId::parse)?,
            version: VERSION,
            title: TaskTitle::parse("Write the report")?,
            description: TaskDescription::parse("Two pages about the first quarter.")?,
            description_truncated: false,
            status: TaskStatus::InProgress,
            deadline: Some(Deadline::parse("2026-11-30", &Zone::UTC)?),
            assignee: Some(UserSummary::example()?),
            creator: boss()?,
            created_at: YESTERDAY,
            updated_at: NOW,
        })
    }
}

impl Example for Template {
    fn example() -> Result<Self, String> {
        Ok(Self {
            version: VERSION,
            name: TemplateName::parse(TEMPLATE)?,
            body: TemplateBody::parse("Dear {name},\n\nwelcome to the team!\n")?,
            body_truncated: false,
            created_at: YESTERDAY,
            updated_at: NOW,
        })
    }
}

/// What moves the task on.
fn status_change() -> Changes {
    let mut changes = Changes::default();
    changes.add("status", Some(&TaskStatus::Pending), Some(&TaskStatus::InProgress));
    changes
}

impl Example for HistoryEntry {
    fn example() -> Result<Self, String> {
        Ok(Self {
            id: EventId::new(4711),
            at: NOW,
            actor: "ann@example.com".to_owned(),
            actor_id: Some(ANN.to_owned()),
            action: Action::UpdateTask.as_str().to_owned(),
            changes: Some(status_change()),
        })
    }
}

impl Example for AuditEntry {
    fn example() -> Result<Self, String> {
        let HistoryEntry { id, at, actor, actor_id, action, changes } = HistoryEntry::example()?;
        Ok(Self {
            id,
            at,
            actor,
            actor_id,
            address: Some("192.0.2.17".to_owned()),
            action,
            target: Some("Write the report".to_owned()),
            target_id: Some(TASK.to_owned()),
            result: EventResult::Ok.as_str().to_owned(),
            detail: None,
            credential: Some(format!("session {SESSION}")),
            request_id: Some("0b7e5d2c-8f31-4a69-b4c8-e2d6f9a1375e".to_owned()),
            changes,
        })
    }
}

fn found<R: Record + Example>() -> Result<FoundView<R::View>, String> {
    Ok(FoundView { items: vec![example_view::<R>()?], total_items: 1 })
}

impl Example for SearchView {
    fn example() -> Result<Self, String> {
        Ok(Self {
            widgets: found::<Widget>()?,
            tasks: found::<Task>()?,
            templates: found::<Template>()?,
            people: Some(found::<UserSummary>()?),
        })
    }
}

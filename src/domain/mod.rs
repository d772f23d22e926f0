//! The domain: types that cannot hold a wrong value, their parsers, the traits of the store, and
//! pure decisions.

#[macro_use]
mod macros;

mod agenda;
mod api_key;
mod audit;
mod authority;
mod backup;
mod changes;
mod context;
mod credential;
mod date;
mod deadline;
mod idempotency;
mod import;
mod log;
mod network;
mod origin;
mod page;
mod password;
mod portion;
mod public_url;
mod quick_add;
mod quota;
mod reloadable;
mod role;
mod secret;
mod session;
mod sort;
mod steady;
mod task;
mod team;
mod template;
mod text;
mod timestamp;
mod tls;
mod user;
mod user_name;
mod version;
mod widget;
mod zone;

pub use agenda::{Agenda, AgendaItem, AgendaSection, AgendaStore, Load, Urgency};
pub use api_key::{ApiKey, ApiKeyStore, KeyAuthority, KeyName, NewApiKey, key_exists};
pub use audit::{
    Action, AuditEntry, AuditFilter, AuditSort, AuditStore, Audited, EventId, EventResult, Failure,
    HistoryEntry, Target, TargetKind, TargetRef,
};
pub use authority::Authority;
pub use backup::{Backup, BackupSchedule, BackupTo, Contents, time_in_name};
pub use changes::{AuditedField, ChangedFields, Changes};
pub use context::{Actor, RequestContext, RequestId};
pub use credential::{Credential, KeyId, KeyScope, SessionId};
pub use deadline::Deadline;
pub use idempotency::{DoneRequest, IDEMPOTENCY_SECONDS, IdempotencyKey};
pub use import::{
    Import, ImportMode, Imported, ImportedList, Progress, RowEffect, RowErrors, RowNumber,
    TableImport,
};
pub use log::{AccessLog, LogFormat};
pub use macros::Named;
pub use network::{Network, TrustedProxies};
pub use origin::AllowedOrigins;
pub use page::{PAGE_SIZES, Page, PageRequest};
pub use password::{MAX_PASSWORD_CHARS, Password, PasswordHash, PasswordPolicy, StrongPassword};
pub use portion::{Bookmark, ExportedList, Portion, SortValue};
pub use public_url::PublicUrl;
pub use quick_add::QuickAdd;
pub use quota::{MinFree, Quota, Size, StoreLimits};
pub use reloadable::Reloadable;
pub use role::Role;
pub use secret::{Secret, SecretHash};
pub use session::{NewSession, Session, SessionKind, SessionLives, SessionStore};
pub use sort::{Search, Sort, folded};
pub use steady::SteadyTime;
pub use task::{
    AssigneeFilter, NewTask, Task, TaskChange, TaskDescription, TaskFilter, TaskId, TaskRow,
    TaskSort, TaskStatus, TaskStore, TaskTitle, cannot_move, check_move, sees_only, status_alone,
};
pub use team::TeamName;
pub use template::{
    NewTemplate, Template, TemplateBody, TemplateChange, TemplateFilter, TemplateName,
    TemplateSort, TemplateStore,
};
pub use text::turns_direction;
pub use timestamp::Timestamp;
pub use tls::TlsSettings;
pub use user::{
    NewResetCode, NewUser, RegistrationPolicy, Status, StoredCredentials, User, UserChange,
    UserFilter, UserSort, UserStore, administrator_exists, check_administrator_remains,
    check_no_administrator, full_quota_from, is_approval, last_administrator,
};
pub use user_name::{
    DisplayName, Email, LoginName, UserId, UserNames, UserRef, UserSummary, Username,
};
pub use version::{Precondition, Version, Versions};
pub use widget::{
    InfoUrl, NewWidget, Upsert, Widget, WidgetChange, WidgetFilter, WidgetName, WidgetRow,
    WidgetSort, WidgetStore,
};
pub use zone::Zone;

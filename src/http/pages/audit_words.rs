//! The actions of the audit in words.

use crate::domain::Action;

/// An action in words. `{}` stands for the account or the record that it concerns.
pub struct ActionWords {
    pub name: &'static str,
    /// In the filter.
    pub label: &'static str,
    /// Done to the actor's own account.
    pub own: &'static str,
    /// Done to another account, or to a record.
    pub other: &'static str,
    /// Refused.
    pub tried: &'static str,
}

type Words = (&'static str, &'static str, &'static str, &'static str);

impl ActionWords {
    pub const fn of(action: Action) -> Self {
        const TRIED: &str = "tried something on {}";
        const fn record(label: &'static str, done: &'static str) -> Words {
            (label, done, done, TRIED)
        }
        let (label, own, other, tried) = match action {
            Action::Register => {
                ("registered", "registered", "made the account {}", "tried to register")
            }
            Action::LogIn => {
                ("signed in", "signed in", "signed in as {}", "tried to sign in as {}")
            }
            Action::LogOut => ("signed out", "signed out", "signed out {}", TRIED),
            Action::EndSession => {
                ("session ended", "ended a session", "ended a session of {}", TRIED)
            }
            Action::EndSessions => (
                "signed out everywhere",
                "signed out everywhere",
                "signed {} out everywhere",
                TRIED,
            ),
            Action::ChangePassword => (
                "password changed",
                "changed their password",
                "changed the password of {}",
                "tried to change their password",
            ),
            Action::ResetPassword => (
                "password set with a code",
                "set a new password with a reset code",
                "set a new password for {} with a reset code",
                "tried a reset code",
            ),
            Action::CreateResetCode => (
                "reset code made",
                "made a reset code for themselves",
                "made a reset code for {}",
                TRIED,
            ),
            Action::ChangeUsername => {
                ("username chosen", "chose a username", "chose a username for {}", TRIED)
            }
            Action::ChangeName => {
                ("name changed", "changed their name", "changed the name of {}", TRIED)
            }
            Action::Approve => ("approved", "approved themselves", "approved {}", TRIED),
            Action::Disable => ("disabled", "disabled themselves", "disabled {}", TRIED),
            Action::Enable => ("enabled", "enabled themselves", "enabled {}", TRIED),
            Action::ChangeRole => {
                ("role changed", "changed their own role", "changed the role of {}", TRIED)
            }
            Action::Delete => (
                "account deleted",
                "deleted their account",
                "deleted the account {}",
                "tried to delete their account",
            ),
            Action::CreateKey => {
                ("API key made", "made an API key", "made an API key for {}", TRIED)
            }
            Action::RevokeKey => {
                ("API key revoked", "revoked an API key", "revoked an API key of {}", TRIED)
            }
            Action::CreateWidget => record("widget added", "added the widget {}"),
            Action::UpdateWidget => record("widget changed", "changed the widget {}"),
            Action::DeleteWidget => record("widget deleted", "deleted the widget {}"),
            Action::CreateTask => record("task created", "created the task {}"),
            Action::UpdateTask => record("task changed", "changed the task {}"),
            Action::DeleteTask => record("task deleted", "deleted the task {}"),
            Action::CreateTemplate => record("template created", "created a template"),
            Action::UpdateTemplate => record("template changed", "changed a template"),
            Action::DeleteTemplate => record("template deleted", "deleted a template"),
            Action::Restore => record("backup restored", "restored a backup"),
        };
        Self { name: action.as_str(), label, own, other, tried }
    }
}

//! What `restore` and `rollback` share: the question before a database is replaced, and the report.

use super::terminal::confirm;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Contents;
use crate::error::Error;
use crate::store::Replacement;

/// Says what replaces what, asks, and replaces the database.
pub fn replace(
    config: &Config,
    replacement: Replacement,
    what: &str,
    yes: bool,
) -> Result<(), Error> {
    let database = config.database.display();
    let source = &replacement.source;
    let made = source.backup.as_ref().map_or_else(String::new, |backup| {
        format!("made {} by widgetd {}, ", backup.made_at.to_iso_8601(), backup.version)
    });
    eprintln!("New: {made}{}", in_words(source));
    match &replacement.present {
        Some(present) => {
            eprintln!("Old: {}", in_words(present));
            let lost = present.events.saturating_sub(source.events);
            eprintln!("Lost with the old one: {} in the audit since then", counted(lost, "event"));
        }
        None if config.database.exists() => eprintln!("Old: it cannot be read."),
        None => eprintln!("Old: there is no database {database}."),
    }
    confirm(&format!("{what} in the place of {database}"), yes)?;
    let kept = replacement.replace(Clock::System.now())?;
    eprintln!("Done. Database: {database}");
    if let Some(kept) = kept {
        eprintln!("The old database is kept: {}", kept.display());
    }
    Ok(())
}

/// `schema 16, 3 users, 5 widgets, 20 tasks, 1 template, last event 2026-12-31T23:59:59+00:00`
fn in_words(contents: &Contents) -> String {
    let Contents { schema, users, widgets, tasks, templates, last_event, .. } = contents;
    let records = [(users, "user"), (widgets, "widget"), (tasks, "task"), (templates, "template")]
        .map(|(count, name)| counted(*count, name));
    let last =
        last_event.map_or_else(String::new, |at| format!(", last event {}", at.to_iso_8601()));
    format!("schema {schema}, {}{last}", records.join(", "))
}

/// `1 user`, `2 users`
fn counted(count: u64, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

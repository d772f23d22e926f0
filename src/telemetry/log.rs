//! The lines of the log: for a person, for a program, or for systemd's journal, which has a priority
//! and a time of its own for each.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use env_logger::Logger;
use log::{Level, Log, Metadata, Record};
use serde::Serialize;

use super::output;
use crate::clock::Clock;
use crate::domain::{LogFormat, Timestamp, UserId};

/// The log of the process. Its filter changes with the settings.
struct ProcessLog {
    format: LogFormat,
    logger: ArcSwap<Logger>,
}

static LOG: OnceLock<ProcessLog> = OnceLock::new();

impl Log for ProcessLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.load().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.logger.load().log(record);
    }

    fn flush(&self) {}
}

/// Starts the log of the process. `filter` is in the syntax of `env_logger`.
pub fn start(filter: &str, format: LogFormat) {
    let logger = ArcSwap::from_pointee(logger(filter, format));
    let log = LOG.get_or_init(|| ProcessLog { format, logger });
    // Only the first log of a process counts.
    if log::set_logger(log).is_ok() {
        log::set_max_level(log.logger.load().filter());
    }
}

/// Changes the filter of the log.
pub fn set_filter(filter: &str) {
    if let Some(log) = LOG.get() {
        let logger = logger(filter, log.format);
        log::set_max_level(logger.filter());
        log.logger.store(Arc::new(logger));
    }
}

fn logger(filter: &str, format: LogFormat) -> Logger {
    let format_line = move |_: &mut env_logger::fmt::Formatter, record: &Record<'_>| {
        let (at, is_journal) = (Clock::System.now(), is_journal());
        let line = Line { at, level: record.level(), is_journal };
        output::write(line.text(format, record.target(), record.args()).as_bytes());
        Ok(())
    };
    env_logger::Builder::new().parse_filters(filter).format(format_line).build()
}

/// Tells the person who has started the service, as it is.
pub fn tell(text: fmt::Arguments<'_>) {
    output::write(format!("{text}\n").as_bytes());
}

/// Whether standard error is systemd's journal (systemd.exec(5), `$JOURNAL_STREAM`).
fn is_journal() -> bool {
    static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
    *IS_JOURNAL.get_or_init(|| {
        let stream = std::env::var("JOURNAL_STREAM").ok();
        stream.is_some_and(|stream| Some(stream) == standard_error())
    })
}

/// The device and inode of standard error.
#[cfg(unix)]
fn standard_error() -> Option<String> {
    let file = rustix::fs::fstat(std::io::stderr()).ok()?;
    Some(format!("{}:{}", file.st_dev, file.st_ino))
}

#[cfg(not(unix))]
fn standard_error() -> Option<String> {
    None
}

/// The frame of a line.
struct Line {
    at: Timestamp,
    level: Level,
    is_journal: bool,
}

/// A line as JSON.
#[derive(Serialize)]
struct JsonLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    level: &'a str,
    target: &'a str,
    message: &'a str,
}

impl Line {
    fn text(&self, format: LogFormat, target: &str, message: &fmt::Arguments<'_>) -> String {
        let prefix =
            if self.is_journal { format!("<{}>", priority(self.level)) } else { String::new() };
        let message = message.to_string();
        match format {
            LogFormat::Json => {
                let time = (!self.is_journal).then(|| self.at.to_rfc_3339());
                let level = self.level.as_str().to_ascii_lowercase();
                let line = JsonLine { time, level: &level, target, message: &message };
                // Texts always serialize.
                format!("{prefix}{}\n", serde_json::to_string(&line).unwrap_or_default())
            }
            LogFormat::Text => {
                // A message is one line.
                let (level, message) = (self.level, message.replace('\n', "\\n"));
                if self.is_journal {
                    return format!("{prefix}{target}: {message}\n");
                }
                format!("[{} {level:<5} {target}] {message}\n", self.at.to_rfc_3339())
            }
        }
    }
}

/// The priority of a line in the journal (sd-daemon(3)).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// A request that was answered. There is nothing in it that a client may have put there by mistake:
/// no path, no query, no header but the request id of a trusted proxy. So no value needs an escape.
pub struct Access<'a> {
    pub request: &'a str,
    pub address: IpAddr,
    /// Who was authenticated.
    pub user: Option<UserId>,
    pub method: &'static str,
    /// The pattern of the route, if there is one.
    pub route: Option<&'a str>,
    /// `None` if the client left before the answer.
    pub status: Option<u16>,
    /// Of the body of the answer, as far as it was sent.
    pub bytes: u64,
    pub took: Duration,
}

impl Access<'_> {
    pub fn log(&self, at: Timestamp, format: LogFormat) {
        output::write(self.line(at, format, is_journal()).as_bytes());
    }

    // Every request pays for this, so that it is spared what `serde` and the macros of texts cost.
    fn line(&self, at: Timestamp, format: LogFormat, is_journal: bool) -> String {
        let mut line = Fields { line: String::with_capacity(384), format };
        line.begin(at, is_journal);
        line.text("request", Some(self.request));
        line.shown("ip", Some(self.address), true);
        line.shown("user", self.user, true);
        line.text("method", Some(self.method));
        line.text("route", self.route);
        line.shown("status", self.status, false);
        line.shown("bytes", Some(self.bytes), false);
        let micros = self.took.as_micros();
        let millis = format_args!("{}.{:03}", micros / 1_000, micros % 1_000);
        line.shown("ms", Some(millis), false);
        line.end()
    }
}

/// A line of names and values.
struct Fields {
    line: String,
    format: LogFormat,
}

impl Fields {
    fn begin(&mut self, at: Timestamp, is_journal: bool) {
        let line = &mut self.line;
        if is_journal {
            line.push_str("<6>");
        }
        match (self.format, is_journal) {
            (LogFormat::Text, true) => line.push_str("access:"),
            (LogFormat::Text, false) => {
                line.push('[');
                push_time(line, at);
                line.push_str(" INFO  access]");
            }
            (LogFormat::Json, is_journal) => {
                line.push('{');
                if !is_journal {
                    line.push_str("\"time\":\"");
                    push_time(line, at);
                    line.push_str("\",");
                }
                line.push_str("\"level\":\"info\",\"target\":\"access\"");
            }
        }
    }

    fn name(&mut self, name: &str) {
        let (before, after) = match self.format {
            LogFormat::Text => (" ", "="),
            LogFormat::Json => (",\"", "\":"),
        };
        for part in [before, name, after] {
            self.line.push_str(part);
        }
    }

    fn text(&mut self, name: &str, value: Option<&str>) {
        self.name(name);
        match (self.format, value) {
            (LogFormat::Text, value) => self.line.push_str(value.unwrap_or("-")),
            (LogFormat::Json, None) => self.line.push_str("null"),
            (LogFormat::Json, Some(value)) => {
                self.line.push('"');
                self.line.push_str(value);
                self.line.push('"');
            }
        }
    }

    fn shown(&mut self, name: &str, value: Option<impl fmt::Display>, is_text: bool) {
        let Some(value) = value else { return self.text(name, None) };
        self.name(name);
        let quote = if is_text && self.format == LogFormat::Json { "\"" } else { "" };
        self.line.push_str(quote);
        // Writing to a text cannot fail.
        let _ = write!(self.line, "{value}");
        self.line.push_str(quote);
    }

    fn end(mut self) -> String {
        self.line.push_str(if self.format == LogFormat::Json { "}\n" } else { "\n" });
        self.line
    }
}

/// Appends a time as RFC 3339. Many lines are written within one second.
fn push_time(line: &mut String, at: Timestamp) {
    thread_local! {
        static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != at.as_seconds() {
            (*second, *text) = (at.as_seconds(), at.to_rfc_3339());
        }
        // All but the fraction, which has a point, three digits and a Z.
        line.push_str(text.get(..text.len().saturating_sub(4)).unwrap_or_default());
    });
    let millis = at.as_millis().rem_euclid(1_000);
    for digit in [millis / 100, millis / 10 % 10, millis % 10] {
        line.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
    line.push('Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_262_400_123);

    fn line(is_journal: bool) -> Line {
        Line { at: AT, level: Level::Warn, is_journal }
    }

    #[test]
    fn a_message_is_one_line_of_text_or_json() {
        let text = |is_journal, format| {
            line(is_journal).text(format, "widgetd::x", &format_args!("a \"b\"\nc"))
        };
        assert_eq!(
            text(false, LogFormat::Text),
            "[2026-11-21T12:00:00.123Z WARN  widgetd::x] a \"b\"\\nc\n"
        );
        assert_eq!(
            text(false, LogFormat::Json),
            "{\"time\":\"2026-11-21T12:00:00.123Z\",\"level\":\"warn\",\"target\":\"widgetd::x\",\
             \"message\":\"a \\\"b\\\"\\nc\"}\n"
        );
    }

    #[test]
    fn a_line_for_the_journal_has_a_priority_and_no_time() {
        let text =
            |format| line(true).text(format, "widgetd::x", &format_args!("auth.fail ip=::1"));
        assert_eq!(text(LogFormat::Text), "<4>widgetd::x: auth.fail ip=::1\n");
        assert_eq!(
            text(LogFormat::Json),
            "<4>{\"level\":\"warn\",\"target\":\"widgetd::x\",\"message\":\"auth.fail ip=::1\"}\n"
        );
        let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
        assert_eq!(levels.map(priority), [3, 4, 6, 7, 7]);
    }

    #[test]
    fn an_access_line_names_what_was_answered_to_whom() {
        let user = UserId::parse("82d30184-4619-41c6-9ea7-b5e609e179bf");
        let access = Access {
            request: "proxy-7.a_b",
            address: [203, 0, 113, 7].into(),
            user,
            method: "GET",
            route: Some("/widgets/<name>"),
            status: Some(200),
            bytes: 321,
            took: Duration::from_micros(12_045),
        };
        assert_eq!(
            access.line(AT, LogFormat::Text, true),
            "<6>access: request=proxy-7.a_b ip=203.0.113.7 user=82d30184-4619-41c6-9ea7-b5e609e179bf \
             method=GET route=/widgets/<name> status=200 bytes=321 ms=12.045\n"
        );
        for _ in 0..2 {
            let line = access.line(AT, LogFormat::Text, false);
            assert!(line.starts_with("[2026-11-21T12:00:00.123Z INFO  access] request="), "{line}");
        }
        let fields = "\"level\":\"info\",\"target\":\"access\",\
             \"request\":\"proxy-7.a_b\",\"ip\":\"203.0.113.7\",\
             \"user\":\"82d30184-4619-41c6-9ea7-b5e609e179bf\",\"method\":\"GET\",\
             \"route\":\"/widgets/<name>\",\"status\":200,\"bytes\":321,\"ms\":12.045}\n";
        assert_eq!(access.line(AT, LogFormat::Json, true), format!("<6>{{{fields}"));
        assert_eq!(
            access.line(AT, LogFormat::Json, false),
            format!("{{\"time\":\"2026-11-21T12:00:00.123Z\",{fields}")
        );
        let left = Access { user: None, route: None, status: None, ..access };
        let said = left.line(AT, LogFormat::Text, true);
        assert!(said.contains(" user=- method=GET route=- status=- "), "{said}");
        let said = left.line(AT, LogFormat::Json, true);
        assert!(said.contains("\"user\":null,\"method\":\"GET\",\"route\":null,\"status\":null,"));
    }
}

//! The metrics as text, as Prometheus reads them (`OpenMetrics` 1.0).

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::metrics::{Histogram, METRICS};
use super::requests::Requests;
use crate::domain::Timestamp;
use crate::error::Error;

pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is measured when somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreSizes {
    pub database_bytes: u64,
    pub log_bytes: u64,
    pub sessions: u64,
    pub last_backup: Option<Timestamp>,
}

type Labels<'a> = [(&'static str, &'a str)];

const NO_EXEMPLAR: Option<&Exemplar<Vec<(String, String)>, f64>> = None;

/// All metrics of the process.
pub fn expose(requests: &Arc<Requests>, sizes: StoreSizes) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("widgetd");
    registry.register_collector(Box::new(All { requests: Arc::clone(requests), sizes }));
    let mut text = String::new();
    text::encode(&mut text, &registry).map_err(|cause| Error::internal("the metrics", cause))?;
    Ok(text)
}

struct All {
    requests: Arc<Requests>,
    sizes: StoreSizes,
}

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sizes.fmt(f)
    }
}

impl Collector for All {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        self.encode_requests(to)?;
        encode_accounts(to)?;
        self.encode_store(to)?;
        gauge(to, "event_listeners", "Event streams that are open.", METRICS.listeners.get())?;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        // A gauge, because older readers know no type for facts.
        to.encode_descriptor("build_info", "What runs.", None, MetricType::Gauge)?
            .encode_family(&version.as_slice())?
            .encode_gauge(&1_u32)
    }
}

impl All {
    fn encode_requests(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests that were answered.";
        let mut counts = to.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for route in self.requests.iter() {
            for (class, count) in route.classes() {
                let labels =
                    [("method", route.method), ("route", &*route.pattern), ("status", class)];
                counter(&mut counts, &labels, count)?;
            }
        }
        let help = "The time from the head of a request to the end of its answer.";
        let unit = Unit::Seconds;
        let mut times =
            to.encode_descriptor("request_duration", help, Some(&unit), MetricType::Histogram)?;
        for route in self.requests.iter().filter(|route| route.classes().next().is_some()) {
            let labels = [("method", route.method), ("route", &*route.pattern)];
            histogram(times.encode_family(&labels.as_slice())?, &route.times)?;
        }
        Ok(())
    }

    fn encode_store(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (unit, times) = (Some(Unit::Seconds), MetricType::Histogram);
        let help = "Writes of one commit.";
        let sizes = to.encode_descriptor("batch_size", help, None, times)?;
        histogram(sizes, &METRICS.batch_sizes)?;
        let help = "The time of a commit, until it is on disk.";
        let commits = to.encode_descriptor("commit_duration", help, unit.as_ref(), times)?;
        histogram(commits, &METRICS.commits)?;
        let help = "The time of a checkpoint, which moves the log into the database.";
        let checkpoints =
            to.encode_descriptor("checkpoint_duration", help, unit.as_ref(), times)?;
        histogram(checkpoints, &METRICS.checkpoints)?;
        let StoreSizes { database_bytes, log_bytes, sessions, last_backup } = self.sizes;
        for (name, help, value) in [
            ("queued_writes", "Writes that wait for a commit.", METRICS.queued_writes.get()),
            ("lists_read", "Connections that read a list.", METRICS.lists_read.get()),
            ("database_bytes", "The size of the database file.", database_bytes.cast_signed()),
            ("log_bytes", "The size of the write-ahead log.", log_bytes.cast_signed()),
            ("sessions", "Sessions that are stored.", sessions.cast_signed()),
        ] {
            gauge(to, name, help, value)?;
        }
        if let Some(made_at) = last_backup {
            let help = "When the last backup was made and checked, in seconds since 1970.";
            gauge(to, "last_backup_timestamp_seconds", help, made_at.as_seconds())?;
        }
        Ok(())
    }
}

fn encode_accounts(to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Logins that succeeded.";
    let mut sign_ins = to.encode_descriptor("sign_ins", help, None, MetricType::Counter)?;
    sign_ins.encode_counter(&METRICS.sign_ins.get(), NO_EXEMPLAR)?;
    let help = "Passwords and codes that were refused.";
    let mut refusals = to.encode_descriptor("sign_in_refusals", help, None, MetricType::Counter)?;
    for (reason, count) in METRICS.refusals() {
        counter(&mut refusals, &[("reason", reason)], count)?;
    }
    let help = "Passwords that wait to be hashed, or are.";
    gauge(to, "queued_hashes", help, METRICS.queued_hashes.get())
}

fn counter(to: &mut MetricEncoder<'_>, labels: &Labels<'_>, count: u64) -> fmt::Result {
    to.encode_family(&labels)?.encode_counter(&count, NO_EXEMPLAR)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    to.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

fn histogram(mut to: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let (sum, count, buckets) = histogram.get();
    to.encode_histogram::<Vec<(String, String)>>(sum, count, &buckets, None)
}

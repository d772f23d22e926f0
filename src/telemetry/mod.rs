//! What the service tells about itself: its log, and what it counts.

mod exposition;
mod limit;
mod log;
mod metrics;
mod output;
mod requests;

pub use self::exposition::{CONTENT_TYPE as METRICS_TYPE, StoreSizes, expose};
pub use self::limit::LogLimit;
pub use self::log::{Access, set_filter as set_log_filter, start as start_log, tell};
pub use self::metrics::{Inside, METRICS};
pub use self::output::{flush, start as start_output};
pub use self::requests::{Requests, RouteIndex};

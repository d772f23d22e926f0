//! The routes by which requests are named and counted.

use std::collections::HashMap;
use std::time::Duration;

use super::metrics::{Counter, Histogram, SECONDS};

/// The place of a route in [`Requests`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteIndex(usize);

/// That of the requests without a route.
const NO_ROUTE: RouteIndex = RouteIndex(0);

/// The classes of status, and that of a request whose client left before the answer.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A route, and what was answered there.
pub struct RouteCounts {
    pub method: &'static str,
    pub pattern: String,
    by_class: [Counter; CLASSES.len()],
    pub times: Histogram,
}

impl RouteCounts {
    fn new(method: &'static str, pattern: String) -> Self {
        Self { method, pattern, by_class: Default::default(), times: Histogram::new(&SECONDS) }
    }

    /// The classes that were answered.
    pub fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = CLASSES.into_iter().zip(self.by_class.iter().map(Counter::get));
        all.filter(|(_, count)| *count > 0)
    }
}

/// Every route of the service.
pub struct Requests {
    routes: Vec<RouteCounts>,
    by_pattern: HashMap<String, Vec<RouteIndex>>,
}

impl Requests {
    pub fn new(routes: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let no_route = RouteCounts::new("-", "-".to_owned());
        let mut requests = Self { routes: vec![no_route], by_pattern: HashMap::new() };
        for (method, pattern) in routes {
            let index = RouteIndex(requests.routes.len());
            requests.by_pattern.entry(pattern.clone()).or_default().push(index);
            requests.routes.push(RouteCounts::new(method, pattern));
        }
        requests
    }

    pub fn find(&self, method: &str, pattern: &str) -> Option<RouteIndex> {
        let mut of_pattern = self.by_pattern.get(pattern)?.iter().copied();
        of_pattern.find(|index| self.routes[index.0].method == method)
    }

    pub fn pattern(&self, route: RouteIndex) -> &str {
        &self.routes[route.0].pattern
    }

    /// Counts a request whose answer was sent.
    pub fn count(&self, route: Option<RouteIndex>, status: Option<u16>, took: Duration) {
        let counts = &self.routes[route.unwrap_or(NO_ROUTE).0];
        let class = status.map_or(0, |status| usize::from(status / 100));
        if let Some(count) = counts.by_class.get(class) {
            count.add();
        }
        counts.times.observe_time(took);
    }

    pub fn iter(&self) -> impl Iterator<Item = &RouteCounts> {
        self.routes.iter()
    }
}

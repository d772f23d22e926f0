//! Each request is followed from its head to the end of its answer, and counted and
//! logged there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::Request;
use rocket::local::asynchronous::Client;

use super::connections::Admitted;
use crate::clock::Clock;
use crate::domain::{LogFormat, RequestId};
use crate::http::wire::{Observed, client_address, observed, request_id};
use crate::store::Store;
use crate::telemetry::{Access, Requests};

/// What answers requests.
pub struct Application {
    pub client: Client,
    pub store: Arc<dyn Store>,
    pub requests: Arc<Requests>,
    /// `None` if requests are not logged.
    pub access_log: Option<LogFormat>,
}

/// A connection in an exchange, until it is dropped.
pub struct Running(pub Arc<Admitted>);

impl Running {
    pub fn begin(admitted: &Arc<Admitted>) -> Self {
        admitted.begin_exchange();
        Self(Arc::clone(admitted))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end_exchange();
    }
}

/// A request, until its answer was sent or its client has left.
pub struct Followed {
    pub running: Running,
    application: Arc<Application>,
    observed: Arc<Observed>,
    began: Duration,
    /// As it was sent. That of an unknown one is `-`.
    method: &'static str,
    caller: Option<Caller>,
    pub status: Option<u16>,
    pub bytes: u64,
}

/// What only the access log wants to know.
struct Caller {
    request: RequestId,
    address: IpAddr,
}

impl Followed {
    pub fn begin(
        application: &Arc<Application>,
        running: Running,
        began: Duration,
        method: &'static str,
        request: &Request<'_>,
    ) -> Self {
        let caller = application
            .access_log
            .map(|_| Caller { request: request_id(request), address: client_address(request) });
        Self {
            running,
            application: Arc::clone(application),
            observed: Arc::clone(observed(request)),
            began,
            method,
            caller,
            status: None,
            bytes: 0,
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let requests = &self.application.requests;
        let took = Clock::System.elapsed().saturating_sub(self.began);
        let route = self.observed.route.get().copied();
        requests.count(route, self.status, took);
        if let (Some(format), Some(caller)) = (self.application.access_log, &self.caller) {
            let access = Access {
                request: caller.request.as_str(),
                address: caller.address,
                user: self.observed.user.get().copied(),
                method: self.method,
                route: route.map(|route| requests.pattern(route)),
                status: self.status,
                bytes: self.bytes,
                took,
            };
            access.log(Clock::System.now(), format);
        }
    }
}

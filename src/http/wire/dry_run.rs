//! Dry runs: a write whose transaction is rolled back answers as if it had been done, and says so.

use std::io::Cursor;

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{ContentType, Header, Status};
use rocket::{Request, Response};

use super::request::{DRY_RUN, is_read, request_context};

/// Whether nothing that this request does is kept.
pub fn is_dry_run(request: &Request<'_>) -> bool {
    !is_read(request) && request_context(request).is_ok_and(|context| context.dry_run)
}

/// The fairing that marks the answers of dry runs: by a header, and by a first field of an object.
pub struct MarkDryRuns;

#[rocket::async_trait]
impl Fairing for MarkDryRuns {
    fn info(&self) -> Info {
        Info { name: "dry runs", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if response.status().class().is_success() && is_dry_run(request) {
            mark(response).await;
        }
    }
}

async fn mark(response: &mut Response<'_>) {
    response.set_header(Header::new("Dry-Run", "true"));
    if response.content_type() != Some(ContentType::JSON) {
        return;
    }
    let marked = match response.body_mut().to_string().await {
        Ok(body) => body.replacen('{', &format!("{{\"{DRY_RUN}\":true,"), 1).replacen(",}", "}", 1),
        Err(cause) => {
            log::error!("cannot read an answer: {cause}");
            response.set_status(Status::InternalServerError);
            return;
        }
    };
    response.set_sized_body(marked.len(), Cursor::new(marked));
}

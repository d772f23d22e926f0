//! Views as JSON. A large one is rendered on a blocking thread: a list of long texts takes
//! milliseconds, and meanwhile the thread that serves requests would serve no other.

use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rocket::Request;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::ContentType;
use rocket::response::{self, Response};
use rocket::tokio::sync::Semaphore;
use rocket::tokio::task::spawn_blocking;
use serde::Serialize;

use super::problem::Problem;
use crate::error::Error;

/// How much is rendered at once. It takes about 0.1 ms.
const INLINE_BYTES: usize = 64 * 1024;

type Render = Box<dyn FnOnce() -> serde_json::Result<Vec<u8>> + Send>;

/// The large answer to a request, until [`RenderLargeAnswers`] takes it.
#[derive(Default)]
struct Large(Mutex<Option<Render>>);

impl Large {
    fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(Self::default)
    }
}

/// 200 with a view. A large one is rendered after the responders, which cannot wait for a thread.
pub fn respond_with_json<V: Serialize + Send + 'static>(
    request: &Request<'_>,
    view: V,
) -> response::Result<'static> {
    let mut response = Response::build();
    response.header(ContentType::JSON);
    let mut rendered = Beginning::default();
    if serde_json::to_writer(&mut rendered, &view).is_ok() {
        response.sized_body(rendered.0.len(), Cursor::new(rendered.0));
    } else {
        // It is large, or cannot be rendered at all, as the next try will say.
        let mut large = Large::of(request).0.lock().unwrap_or_else(PoisonError::into_inner);
        *large = Some(Box::new(move || serde_json::to_vec(&view)));
    }
    response.ok()
}

/// A text that ends with an error where it becomes large.
#[derive(Default)]
struct Beginning(Vec<u8>);

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > INLINE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fairing that renders large views, a few at once: each thread keeps the memory that it has
/// used. It stands before all others that look at answers.
pub struct RenderLargeAnswers(Arc<Semaphore>);

impl Default for RenderLargeAnswers {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores)))
    }
}

#[rocket::async_trait]
impl Fairing for RenderLargeAnswers {
    fn info(&self) -> Info {
        Info { name: "large answers", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if !response.body().is_none() {
            return;
        }
        let large = Large::of(request).0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(render) = large else { return };
        // Never closed. A turn ends with the work, not where the client leaves.
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let render = move || {
            let rendered = render();
            drop(turn);
            rendered
        };
        let rendered = spawn_blocking(render)
            .await
            .map_err(|cause| Error::internal("a rendering thread failed", cause))
            .and_then(|rendered| rendered.map_err(|cause| Error::internal("rendering", cause)));
        match rendered {
            Ok(body) => response.set_sized_body(body.len(), Cursor::new(body)),
            Err(error) => *response = Problem::from(error).to_response(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{ThreadId, current};

    use rocket::local::asynchronous::Client;
    use rocket::response::Responder;
    use rocket::{State, get, routes};
    use serde::Serializer;

    use super::*;

    type Threads = Arc<Mutex<Vec<ThreadId>>>;

    /// A text of this size, which notes the threads that render it.
    struct View(usize, Threads);

    impl Serialize for View {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.1.lock().unwrap().push(current().id());
            serializer.serialize_str(&"x".repeat(self.0))
        }
    }

    impl<'r> Responder<'r, 'static> for View {
        fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
            respond_with_json(request, self)
        }
    }

    #[get("/<size>")]
    fn answer(size: usize, threads: &State<Threads>) -> View {
        View(size, threads.inner().clone())
    }

    #[rocket::async_test]
    async fn large_answers_are_rendered_on_another_thread() {
        let threads = Threads::default();
        let rocket = rocket::build()
            .manage(threads.clone())
            .attach(RenderLargeAnswers::default())
            .mount("/", routes![answer]);
        let client = Client::untracked(rocket).await.unwrap();
        // With the quotes.
        for (size, is_large) in [(INLINE_BYTES - 2, false), (INLINE_BYTES - 1, true)] {
            let answer = client.get(format!("/{size}")).dispatch().await;
            assert_eq!(answer.content_type(), Some(ContentType::JSON));
            assert_eq!(answer.body().preset_size(), Some(size + 2));
            assert_eq!(answer.into_string().await.unwrap(), format!("\"{}\"", "x".repeat(size)));
            let threads = std::mem::take(&mut *threads.lock().unwrap());
            assert_eq!(threads.len(), if is_large { 2 } else { 1 });
            assert_eq!(threads[0], current().id());
            assert_eq!(threads.last() != Some(&current().id()), is_large);
        }
    }
}

//! Imports: a body of CSV, and what has become of its rows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocket::data::{ByteUnit, FromData, Outcome};
use rocket::request::{FromRequest, Outcome as RequestOutcome};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::tokio::task::spawn_blocking;
use rocket::{Data, Request};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{MediaType, RequestBody, Responses};
use rocket_okapi::request::{OpenApiFromData, OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::body::{discard_body, read_body};
use super::describe::{PROBLEMS, carried, parameters, query_parameter, with_schema};
use super::example::field_context;
use super::field::Field;
use super::fields::{Fields, Given, WHOLE_BODY};
use super::problem::{Problem, reject, remember};
use super::request::{DRY_RUN, query_of, recognise, remembered_user};
use super::schemas::success;
use super::services::Services;
use super::table::{self, NewOwner, Row};
use crate::domain::{Import, ImportMode, Imported, Named, UserId, UserRef};
use crate::error::Error;

/// How many rows a request may import.
const MAX_ROWS: usize = 100_000;

/// The limit of a table, unless the settings say another.
const DEFAULT_LIMIT: u64 = 32 * 1024 * 1024;

/// How many imports there may be at once, one of each user: each may take some 100 MB of memory.
const MAX_IMPORTS: usize = 2;

/// Who imports at the moment.
#[derive(Clone, Default)]
pub struct Importers(Arc<Mutex<HashSet<UserId>>>);

/// The right to import, until it is dropped.
struct Turn(Importers, UserId);

impl Importers {
    /// [`Error::Busy`] if the user imports already, or too many others do.
    fn admit(&self, user: UserId) -> Result<Turn, Error> {
        let mut users = self.users();
        if users.len() >= MAX_IMPORTS || !users.insert(user) {
            return Err(Error::Busy);
        }
        Ok(Turn(self.clone(), user))
    }

    /// A panic cannot leave a half-changed set.
    fn users(&self) -> MutexGuard<'_, HashSet<UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.users().remove(&self.1);
    }
}

/// A guard: `?mode=upsert`.
pub struct ImportQuery {
    pub mode: ImportMode,
}

impl ImportQuery {
    fn read(query: &str) -> Result<Self, Error> {
        let mut fields = Fields::from_form(query.as_bytes())?;
        // The request context has read it.
        fields.read(DRY_RUN, |_| Ok(()));
        let mode = fields.read("mode", ImportMode::parse_name);
        let query = mode.map(|mode| match mode {
            Given::Value(mode) => Self { mode },
            Given::Absent | Given::Null => Self { mode: ImportMode::default() },
        });
        fields.finish(query)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for ImportQuery {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> RequestOutcome<Self, ()> {
        match Self::read(query_of(request)) {
            Ok(query) => RequestOutcome::Success(query),
            Err(error) => reject(request, error),
        }
    }
}

impl OpenApiFromRequest<'_> for ImportQuery {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        let description = "`create`, the default: every row is a new record. `upsert`: a row whose \
            record exists changes it.";
        let mode = query_parameter("mode", description, <ImportMode as Field>::schema());
        Ok(parameters(vec![mode]))
    }
}

/// A data guard: the rows of a body of CSV. New records belong to the caller.
pub struct CsvBody<T: Row>(pub Import<T::Record>);

#[rocket::async_trait]
impl<'r, T: Row> FromData<'r> for CsvBody<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r, Self> {
        match read::<T>(request).await {
            Ok(import) => Outcome::Success(Self(import)),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

async fn read<T: Row>(request: &Request<'_>) -> Result<Import<T::Record>, Problem> {
    if !request.content_type().is_some_and(|content_type| content_type.is_csv()) {
        discard_body(request).await;
        return Err(Problem::not_csv());
    }
    let user = match admit(request) {
        Ok(user) => user,
        Err(error) => {
            discard_body(request).await;
            return Err(error.into());
        }
    };
    let limit = request.limits().get("csv").map_or(0, ByteUnit::as_u64);
    let body = read_body(request, limit).await?.ok_or_else(|| Problem::too_large(limit))?;
    recognise(request, &body).await?;
    let (context, owner) =
        (Services::of(request)?.field_context(), NewOwner::Always(UserRef::Id(user)));
    let parse = move || {
        let not_text = |_| Error::invalid(WHOLE_BODY, "is not valid UTF-8");
        let text = std::str::from_utf8(&body).map_err(not_text)?;
        table::read::<T>(text, &context, &owner, Some(MAX_ROWS))
    };
    let import = spawn_blocking(parse).await;
    Ok(import.map_err(|cause| Error::internal("a reading thread failed", cause))??)
}

/// The caller, who imports until the request is answered.
fn admit(request: &Request<'_>) -> Result<UserId, Error> {
    let user = remembered_user(request);
    let user = user.ok_or_else(|| Error::internal("an import", "nobody is authenticated"))?;
    let importers = request.rocket().state::<Importers>();
    let importers = importers.ok_or_else(|| Error::internal("an import", "there is no state"))?;
    let turn = importers.admit(user)?;
    request.local_cache(|| turn);
    Ok(user)
}

impl<T: Row> OpenApiFromData<'_> for CsvBody<T> {
    fn request_body(_: &mut OpenApiGenerator) -> rocket_okapi::Result<RequestBody> {
        let mut body = RequestBody { required: true, ..RequestBody::default() };
        let schema = json!({ "type": "string", "description": describe::<T>() });
        let schema = serde_json::from_value(schema).unwrap_or_default();
        let example = Some(T::EXAMPLE.into());
        let media = MediaType { schema: Some(schema), example, ..MediaType::default() };
        body.content.insert("text/csv".to_owned(), media);
        let mut problems = vec![
            ("The body is too large.", Problem::too_large(DEFAULT_LIMIT)),
            ("The body is not CSV.", Problem::not_csv()),
        ];
        if let Some(error) = invalid::<T>() {
            problems
                .push(("The input is invalid; `errors` names every field at fault.", error.into()));
        }
        body.extensions.insert(PROBLEMS.to_owned(), carried(problems));
        Ok(body)
    }
}

/// What is wrong with a row that has no name or id that its record can have, and nothing else.
fn invalid<T: Row>() -> Option<Error> {
    let required = T::FIELDS.iter().filter(|(name, is_required)| *is_required && *name != T::KEY);
    let (mut header, mut row) = (T::KEY.to_owned(), "?".to_owned());
    for (name, _) in required {
        header = format!("{header},{name}");
        row.push(',');
    }
    let owner = NewOwner::Always(UserRef::Id(UserId::generate()));
    let import = table::read::<T>(&format!("{header}\n{row}\n"), &field_context(), &owner, None);
    import.and_then(|import| import.errors.finish()).err()
}

/// What the columns are, by the schema of the input.
fn describe<T: Row>() -> String {
    let mut generator = schemars::SchemaGenerator::default();
    let schema = serde_json::to_value(T::json_schema(&mut generator)).unwrap_or_default();
    let column = |(name, is_required): &(&str, bool)| {
        let required = if *is_required { " (required)" } else { "" };
        let description = schema["properties"][name]["description"].as_str().unwrap_or_default();
        format!("- `{name}`{required}: {description}")
    };
    let columns = T::FIELDS.iter().map(column);
    let others = T::OTHERS.iter().map(|name| format!("- `{name}`: Is not imported."));
    let columns: Vec<_> = columns.chain(others).collect();
    let heading = "A header row and a row for each record, in UTF-8. The columns, in any order:";
    format!("{heading}\n{}", columns.join("\n"))
}

/// 200 with what an import has done.
pub struct ImportDone(pub Imported);

/// What an import has done.
#[derive(Serialize, JsonSchema)]
struct ImportedView {
    /// `success`
    #[schemars(schema_with = "success")]
    status: &'static str,
    /// The number of new records.
    created: u64,
    /// The number of records that were changed.
    updated: u64,
    /// The number of rows that say what their records have already.
    unchanged: u64,
}

impl<'r> Responder<'r, 'static> for ImportDone {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Imported { created, updated, unchanged } = self.0;
        Json(ImportedView { status: "success", created, updated, unchanged }).respond_to(request)
    }
}

impl OpenApiResponderInner for ImportDone {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let example = ImportedView { status: "success", created: 3, updated: 1, unchanged: 12 };
        with_schema(generator, 200, "All rows are imported.", &[], Ok(example))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_users_import_at_once_and_each_one_table() {
        let (ann, bob, cid) = (UserId::generate(), UserId::generate(), UserId::generate());
        let importers = Importers::default();
        let is_busy = |user| matches!(importers.admit(user), Err(Error::Busy));
        let anns = importers.admit(ann).unwrap();
        assert!(is_busy(ann));
        let _bobs = importers.admit(bob).unwrap();
        assert!(is_busy(cid));
        drop(anns);
        assert!(!is_busy(cid));
        assert!(!is_busy(ann) && is_busy(bob));
    }

    #[test]
    fn rows_are_created_unless_the_query_says_upsert() {
        assert_eq!(ImportQuery::read("").unwrap().mode, ImportMode::Create);
        assert_eq!(ImportQuery::read("mode=create").unwrap().mode, ImportMode::Create);
        assert_eq!(ImportQuery::read("mode=upsert").unwrap().mode, ImportMode::Upsert);
        assert_eq!(ImportQuery::read("dry_run=true").unwrap().mode, ImportMode::Create);
        for query in ["mode=Upsert", "mode=upsert&mode=upsert", "modes=upsert"] {
            assert!(ImportQuery::read(query).is_err(), "{query}");
        }
    }
}

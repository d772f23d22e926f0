//! What the forms of all records do: one that creates or changes a record leads to its page or comes
//! back with its errors, and a change is merged with what others change meanwhile.

use std::future::Future;

use askama::Template;
use rocket::http::Status;

use super::flash::Said;
use super::forms::Form;
use super::frame::{Frame, Html};
use super::reply::Reply;
use super::seen::{FormFields, Merge, Seen};
use crate::domain::{Precondition, Version};
use crate::error::Error;
use crate::http::wire::Problem;

/// How often a form is merged with what others change meanwhile.
const ATTEMPTS: usize = 4;

/// A form that changes a record.
pub trait Edit: Sync {
    /// What it showed at first.
    fn seen(&self) -> Option<&Seen>;

    /// The record's address, relative to the root.
    fn address(&self) -> String;

    /// The texts of the record's fields as it is stored, in the form's order.
    fn read(&self) -> impl Future<Output = Result<(Vec<String>, Version), Error>> + Send;

    /// Changes the fields that the form has changed, if the record is what was seen. Resolves to its
    /// address.
    fn write(
        &self,
        merge: &Merge,
        seen: Precondition,
    ) -> impl Future<Output = Result<String, Error>> + Send;
}

/// What became of a form.
pub enum Sent {
    /// The record's address, relative to the root.
    Done(String, Said),
    /// It comes back.
    Rejected(Status, Form),
}

impl Sent {
    /// The answer: the record's page, or that of the form.
    pub async fn reply<P: Template, W: Future<Output = Result<P, Error>>>(
        self,
        frame: Frame,
        page: impl FnOnce(Frame, Form) -> W,
    ) -> Result<Reply, Problem> {
        match self {
            Self::Done(address, said) => Ok(Reply::done(&frame, &address, said)),
            Self::Rejected(status, form) => {
                Ok(Reply::Page(Html::with(status, &page(frame, form).await?)?))
            }
        }
    }
}

impl FormFields {
    /// What became of a form, from the next page's address, relative to the root.
    pub fn sent(
        self,
        done: Result<(String, Said), Error>,
        typed: Vec<(String, String)>,
    ) -> Result<Sent, Problem> {
        match done {
            Ok((address, said)) => Ok(Sent::Done(address, said)),
            Err(error) => self.rejected(typed, error),
        }
    }

    /// Changes the fields that a form has changed, unless others have changed the same.
    pub async fn edited(
        self,
        edit: Result<impl Edit, Error>,
        typed: Vec<(String, String)>,
    ) -> Result<Sent, Problem> {
        match edit {
            Ok(edit) => match self.merged(&edit, &typed).await {
                Ok(Merged::Done(address, said)) => Ok(Sent::Done(address, said)),
                Ok(Merged::Conflict(merge, theirs)) => {
                    let form = self.conflicting(typed, &merge, theirs);
                    Ok(Sent::Rejected(Status::Conflict, form))
                }
                Err(error) => self.rejected(typed, error),
            },
            Err(error) => self.rejected(typed, error),
        }
    }

    async fn merged(self, edit: &impl Edit, typed: &[(String, String)]) -> Result<Merged, Error> {
        let mine = self.texts(typed);
        for _ in 0..ATTEMPTS {
            let (theirs, version) = edit.read().await?;
            let merge = Merge::of(edit.seen(), &mine, &theirs);
            if merge.has_conflict() {
                return Ok(Merged::Conflict(merge, theirs));
            }
            if !merge.has_change() {
                return Ok(Merged::Done(edit.address(), Said::Unchanged));
            }
            match edit.write(&merge, Precondition::is(version)).await {
                Ok(address) => return Ok(Merged::Done(address, Said::Changed)),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy)
    }

    /// The form again, with what was typed but passwords, and with what is wrong. A problem if the form
    /// is not at fault.
    pub fn rejected(self, mut typed: Vec<(String, String)>, error: Error) -> Result<Sent, Problem> {
        typed.retain(|(name, _)| !name.ends_with("password"));
        let form = Form { typed, fields: self.0, ..Form::default() };
        match error {
            Error::Invalid(errors) => {
                Ok(Sent::Rejected(Status::BadRequest, Form { errors, ..form }))
            }
            Error::Conflict(why) => {
                Ok(Sent::Rejected(Status::Conflict, Form { message: Some(why), ..form }))
            }
            error => Err(error.into()),
        }
    }
}

enum Merged {
    Done(String, Said),
    /// Others have changed the same fields to these texts.
    Conflict(Merge, Vec<String>),
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const FIELDS: FormFields = FormFields(&["one", "two"]);

    /// Which fields were written.
    type Written = Arc<Mutex<Vec<bool>>>;

    /// A record that others change while the form is written, as often as there are texts.
    struct Busy {
        seen: Seen,
        texts: Mutex<Vec<[&'static str; 2]>>,
        written: Written,
    }

    impl Edit for Busy {
        fn seen(&self) -> Option<&Seen> {
            Some(&self.seen)
        }

        fn address(&self) -> String {
            "records/1".to_owned()
        }

        async fn read(&self) -> Result<(Vec<String>, Version), Error> {
            let texts = self.texts.lock().unwrap()[0].map(str::to_owned);
            Ok((texts.into(), Version::parse("0123456789abcdef").unwrap()))
        }

        async fn write(&self, merge: &Merge, _: Precondition) -> Result<String, Error> {
            let mut texts = self.texts.lock().unwrap();
            if texts.len() > 1 {
                texts.remove(0);
                return Err(Error::PreconditionFailed);
            }
            self.written.lock().unwrap().clone_from(&merge.changed);
            Ok(self.address())
        }
    }

    /// What becomes of a form that changes `one` to `mine`, while others write these texts.
    async fn send(texts: &[[&'static str; 2]], written: &Written) -> Result<Sent, Problem> {
        let typed = [("one", "mine"), ("two", "b")].map(|(name, text)| (name.into(), text.into()));
        let texts = Mutex::new(texts.to_vec());
        let seen = Seen::of(&["a".to_owned(), "b".to_owned()]);
        let edit = Busy { seen, texts, written: Arc::clone(written) };
        FIELDS.edited(Ok(edit), typed.into()).await
    }

    #[rocket::async_test]
    async fn a_form_is_merged_again_with_what_others_write_meanwhile() {
        let written = Written::default();
        let sent = send(&[["a", "b"], ["theirs", "b"]], &written).await;
        assert!(
            matches!(sent, Ok(Sent::Rejected(_, form)) if form.theirs("one") == Some("theirs"))
        );
        let sent = send(&[["a", "b"], ["mine", "b"]], &written).await;
        assert!(matches!(sent, Ok(Sent::Done(_, Said::Unchanged))));
        let sent = send(&[["a", "b"]; ATTEMPTS + 1], &written).await;
        assert!(sent.is_err_and(|problem| problem.status() == Status::ServiceUnavailable));
        assert!(written.lock().unwrap().is_empty());
        let sent = send(&[["a", "b"], ["a", "x"], ["a", "y"]], &written).await;
        assert!(matches!(sent, Ok(Sent::Done(_, Said::Changed))));
        assert_eq!(*written.lock().unwrap(), [true, false]);
    }
}

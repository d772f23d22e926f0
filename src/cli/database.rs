//! The database of a command, and the operations that commands share.

use std::sync::Arc;

use crate::accounts::{Accounts, HashingMode};
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Actor, Page, PageRequest, RequestContext, Status, StoreLimits, User, UserRef};
use crate::error::Error;
use crate::store::{self, OpenMode, Store};

pub struct Database<'a> {
    pub config: &'a Config,
    pub store: Arc<dyn Store>,
}

/// Opens the database. A command may read as long as it needs. The time zone is the one that the
/// service was last started with: the settings of a service are often in its unit, where a command
/// does not see them, and a date must mean the same to both.
pub fn open(config: &Config, mode: OpenMode) -> Result<Arc<dyn Store>, Error> {
    let limits = StoreLimits { read_timeout: None, keep_zone: true, ..config.store.clone() };
    store::open(&config.database, mode, Clock::System, limits)
}

impl<'a> Database<'a> {
    pub fn open(config: &'a Config, mode: OpenMode) -> Result<Self, Error> {
        Ok(Self { config, store: open(config, mode)? })
    }

    /// Opens an existing database and finds the account that an argument names.
    pub async fn open_account(
        config: &'a Config,
        account: &str,
        mode: OpenMode,
    ) -> Result<(Self, User), Error> {
        let database = Self::open(config, mode)?;
        let user = database.find(account).await?;
        Ok((database, user))
    }

    pub fn accounts(&self) -> Result<Accounts, Error> {
        app::accounts(self.config, Arc::clone(&self.store), &Clock::System, HashingMode::Foreground)
    }

    /// The account that an argument names: an e-mail address, username or public id.
    pub async fn find(&self, account: &str) -> Result<User, Error> {
        let reference = UserRef::parse(account).map_err(|why| Error::invalid("account", why))?;
        match self.store.get_user_by_name(&reference).await {
            Err(Error::NotFound(_)) => {
                Err(Error::NotFound(format!("there is no account {account}")))
            }
            other => other,
        }
    }

    /// Closes the database and reports the change, with the path of the database.
    pub async fn finish(self, what: &str) {
        self.store.close().await;
        eprintln!("{what}\nDatabase: {}", self.config.database.display());
    }
}

/// The context of the command line, now.
pub fn cli_context() -> RequestContext {
    RequestContext::local(Actor::CommandLine, Clock::System.now())
}

/// A warning if the account is not active, for a command that creates something for it.
pub fn warning(user: &User) -> &'static str {
    match user.status {
        Status::Active => "",
        Status::Pending => " The account waits for approval and cannot use it before.",
        Status::Disabled => " The account is disabled and cannot use it until it is enabled.",
    }
}

/// All items of a list, read page by page.
pub async fn all<T, F: Future<Output = Result<Page<T>, Error>>>(
    mut get: impl FnMut(PageRequest) -> F,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for number in 1.. {
        let page = get(PageRequest::new(number, 10_000)).await?;
        let is_last = page.next().is_none();
        items.extend(page.items);
        if is_last {
            break;
        }
    }
    Ok(items)
}

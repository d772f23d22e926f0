//! The pages. Compiled templates from `static/pages` render the frame of each, and everything that
//! works without scripts; the records come from the API by the pages' scripts.

mod account;
pub mod api_docs;
mod assets;
mod audit;
mod forms;
mod frame;
mod problems;
mod records;
mod visitor;

use rocket::{Route, routes};

pub use self::problems::{ProblemPages, catch};

/// The routes of the pages and their assets. They are not in the OpenAPI document.
pub fn routes() -> Vec<Route> {
    routes![
        records::show_home,
        records::show_widgets,
        records::show_tasks,
        records::show_templates,
        records::show_people,
        account::show_account,
        audit::show_audit,
        forms::show_login,
        forms::show_registration,
        forms::show_reset,
        forms::show_setup,
        assets::get_asset,
    ]
}

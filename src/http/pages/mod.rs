//! The pages, rendered from the store by compiled templates (`static/pages`). Their forms answer 303,
//! so that they work without scripts.

mod account;
mod address;
pub mod api_docs;
mod assets;
mod audit;
mod days;
mod delete;
mod flash;
mod forms;
mod frame;
mod history;
mod home;
mod parts;
mod person;
mod plots;
mod problems;
mod records;
mod reply;
mod search;
mod seen;
mod task;
mod tasks;
mod visitor;

use rocket::{Route, routes};

pub use self::problems::{ProblemPages, catch};

/// The routes of the pages and their assets. They are not in the OpenAPI document.
pub fn routes() -> Vec<Route> {
    routes![
        home::show_home,
        records::show_widgets,
        tasks::show_tasks,
        task::show_new_task,
        task::add_task,
        task::show_task,
        task::show_task_form,
        task::edit_task,
        task::move_task,
        task::ask_to_delete_task,
        task::delete_task_of_page,
        records::show_templates,
        records::show_people,
        person::change_status,
        account::show_account,
        audit::show_audit,
        forms::show_login,
        forms::show_registration,
        forms::show_reset,
        forms::show_setup,
        search::show_search,
        assets::get_asset,
    ]
}

//! The pages, rendered from the store by compiled templates (`static/pages`). Their forms answer 303,
//! so that they work without scripts.

mod account;
mod address;
pub mod api_docs;
mod ask;
mod assets;
mod audit;
mod audit_words;
mod board;
mod called;
mod changes;
mod choices;
mod clients;
mod days;
mod edit;
mod flash;
mod forms;
mod frame;
mod history;
mod home;
mod keys;
mod manifest;
mod new_person;
mod parts;
mod people;
mod person;
mod plots;
mod problems;
mod quick_add;
mod reply;
mod search;
mod secret;
mod seen;
mod selected;
mod sentence;
mod sessions;
mod task;
mod tasks;
mod template;
mod templates;
mod visitor;
mod widget;
mod widgets;

use rocket::{Route, routes};

pub use self::problems::{ProblemPages, catch};

/// The routes of the pages and their assets. They are not in the OpenAPI document.
pub fn routes() -> Vec<Route> {
    routes![
        home::show_home,
        widgets::show_widgets,
        widget::show_new_widget,
        widget::add_widget,
        widget::show_widget,
        widget::show_widget_form,
        widget::edit_widget,
        widget::ask_to_delete_widget,
        widget::delete_widget_of_page,
        tasks::show_tasks,
        board::show_board,
        task::show_new_task,
        task::add_task,
        task::add_task_of_line,
        task::show_task,
        task::show_task_form,
        task::edit_task,
        task::move_task,
        task::assign_task,
        selected::change_selected_tasks,
        selected::undo_selected_tasks,
        task::ask_to_delete_task,
        task::delete_task_of_page,
        templates::show_templates,
        template::show_new_template,
        template::add_template,
        template::show_template,
        template::show_template_form,
        template::edit_template,
        template::ask_to_delete_template,
        template::delete_template_of_page,
        people::show_people,
        new_person::show_new_person,
        new_person::add_person,
        person::show_person,
        person::show_person_form,
        person::edit_person,
        person::change_status,
        selected::approve_selected_people,
        selected::delete_selected_widgets,
        selected::delete_selected_templates,
        person::show_reset_link,
        person::sign_out_person,
        person::ask_to_delete_person,
        person::delete_person,
        account::show_account,
        account::change_names,
        account::show_password_form,
        account::change_own_password,
        account::choose_theme,
        account::choose_shortcuts,
        keys::show_new_key,
        keys::add_key,
        keys::ask_to_revoke_key,
        keys::revoke_own_key,
        sessions::end_own_session,
        sessions::ask_to_sign_out,
        sessions::end_own_sessions,
        sessions::ask_to_delete_account,
        sessions::delete_own_account,
        audit::show_audit,
        forms::show_login,
        forms::show_registration,
        forms::show_reset,
        forms::show_setup,
        search::show_search,
        changes::follow_changes,
        assets::get_asset,
        assets::get_favicon,
        manifest::get_manifest,
    ]
}

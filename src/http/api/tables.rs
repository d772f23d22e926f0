//! Lists as tables for the command line, which names them.

use std::sync::Arc;

use super::tasks::{self, ImportTask};
use super::widgets::{self, ImportWidget};
use super::{audit, templates, users};
use crate::domain::{
    AuditFilter, ExportedList, Import, Imported, ImportedList, RequestContext, TableImport,
    TaskFilter, TemplateFilter, UserFilter, UserId, WidgetFilter,
};
use crate::error::Error;
use crate::http::wire::{Export, FieldContext, NewOwner, ViewContext, read_table};
use crate::store::Store;

/// All of a list as CSV. `owner` says whose templates.
pub fn export(
    store: Arc<dyn Store>,
    list: ExportedList,
    owner: Option<UserId>,
    context: ViewContext<'static>,
) -> Result<Export, Error> {
    Ok(match list {
        ExportedList::Widgets => widgets::export(store, None, WidgetFilter::default(), context),
        ExportedList::Tasks => tasks::export(store, None, TaskFilter::default(), context),
        ExportedList::Templates => {
            let missing = || Error::invalid("owner", "is required for templates");
            let owner = owner.ok_or_else(missing)?;
            templates::export(store, owner, TemplateFilter::default(), context)
        }
        ExportedList::Users => users::export(store, None, UserFilter::default(), context),
        ExportedList::Audit => audit::export(store, None, AuditFilter::default(), context),
    })
}

/// Imports a table of any size.
pub async fn import(
    store: &dyn Store,
    table: TableImport<'_>,
    fields: &FieldContext,
    context: &RequestContext,
) -> Result<Imported, Error> {
    let TableImport { list, text, mode, owner, default_owner, progress } = table;
    let owner = owner.map_or(NewOwner::AsTheRowSays(default_owner), NewOwner::Always);
    match list {
        ImportedList::Widgets => {
            let import = read_table::<ImportWidget>(text, fields, &owner, None)?;
            store.import_widgets(Import { mode, progress, ..import }, context).await
        }
        ImportedList::Tasks => {
            let import = read_table::<ImportTask>(text, fields, &owner, None)?;
            store.import_tasks(Import { mode, progress, ..import }, context).await
        }
    }
}

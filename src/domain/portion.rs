//! Lists that are read from their beginning to their end, portion by portion: every portion is a
//! short read of its own, so that no client can make one last.

/// The lists that can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedList {
    Widgets,
    Tasks,
    /// Those of one user.
    Templates,
    Users,
    Audit,
}

named!(ExportedList {
    Widgets => "widgets",
    Tasks => "tasks",
    Templates => "templates",
    Users => "users",
    Audit => "audit",
});

/// The next records of a list.
#[derive(Clone, Debug)]
pub struct Portion<T> {
    /// At least one, unless the list has ended.
    pub items: Vec<T>,
    /// Where the next portion begins; `None` at the end of the list.
    pub next: Option<Bookmark>,
}

/// How far a list has been read. The store that made it knows what the numbers mean.
#[derive(Clone, Debug, Default)]
pub struct Bookmark {
    /// The rows that come next, the last one first.
    pub found: Vec<i64>,
    /// The last row that was found: its value of the sort key, and its number. `None` at the
    /// beginning of the list.
    pub last: Option<(SortValue, i64)>,
    /// Whether there are no more rows to find.
    pub has_ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortValue {
    Absent,
    Number(i64),
    Text(String),
}

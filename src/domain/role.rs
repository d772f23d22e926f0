//! Roles: what a user may do.

/// Each role may do what those before it may, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads what is shared, and writes what is their own.
    Employee,
    /// Creates and assigns tasks.
    Manager,
    /// Writes everything that is shared.
    Admin,
}

named!(Role { Employee => "employee", Manager => "manager", Admin => "admin" });

impl Role {
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }

    /// Whether it is a manager or an administrator.
    pub fn is_manager(self) -> bool {
        self >= Self::Manager
    }
}

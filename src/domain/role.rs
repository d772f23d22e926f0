//! Roles: what a user may do.

/// What an account may do: each role what those before it may, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads what is shared, and works on what is their own.
    Employee,
    /// Hands out tasks as well.
    Manager,
    /// Changes everything that is shared.
    Admin,
}

named!(Role { Employee => "employee", Manager => "manager", Admin => "admin" });

impl Role {
    /// Whether the role is that of an administrator.
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }

    /// Whether the role hands out tasks: that of a manager, or of an administrator.
    pub fn is_manager(self) -> bool {
        self >= Self::Manager
    }
}

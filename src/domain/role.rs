//! Roles of users.

use serde::{Deserialize, Serialize};

/// Each role includes the rights of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Reads shared records, and writes their own.
    Employee,
    /// Creates and assigns tasks.
    Manager,
    /// Writes all shared records.
    Admin,
}

named!(Role { Employee => "employee", Manager => "manager", Admin => "admin" });

impl Role {
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }

    /// Also true for an administrator.
    pub fn is_manager(self) -> bool {
        self >= Self::Manager
    }
}

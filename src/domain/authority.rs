//! The current authority of a user.

use super::{Role, UserId};
use crate::error::Error;

/// An active user and their current role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    pub user: UserId,
    /// Read from the store, never from a token.
    pub role: Role,
}

// Not in `role.rs`: the error names the missing role, and so depends on that file.
impl Role {
    /// [`Error::RoleRequired`] if this role is less than `least`.
    pub fn require(self, least: Self) -> Result<(), Error> {
        if self >= least { Ok(()) } else { Err(Error::RoleRequired(least)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_those_before_it() {
        use Role::{Admin, Employee, Manager};
        assert_eq!([Employee, Manager, Admin].map(Role::is_manager), [false, true, true]);
        assert_eq!([Employee, Manager, Admin].map(Role::is_admin), [false, false, true]);
        let refusals = |role: Role| {
            let why = |at_least| role.require(at_least).err().map(|error| error.to_string());
            [Employee, Manager, Admin].map(why)
        };
        let (manager, admin) = (
            Some("You are not a manager".to_owned()),
            Some("You are not an administrator".to_owned()),
        );
        assert_eq!(refusals(Employee), [None, manager, admin.clone()]);
        assert_eq!(refusals(Manager), [None, None, admin]);
        assert_eq!(refusals(Admin), [None, None, None]);
    }
}

//! Who is asking: guards, the session cookie, and the check of a request's origin.

pub mod cookie;
pub mod documented;
pub mod guards;
pub mod local;
pub mod navigation;
pub mod origin;
pub mod renewal;
pub mod sign_in;

pub use self::cookie::{clear_session_cookie, cookie_name, cookies, session_cookie, set_cookie};
pub use self::guards::{
    Admin, Anonymous, AnyUser, CalendarReader, Manager, SessionAdmin, SessionUser, SignedIn,
    find_caller,
};
pub use self::local::{MaySetUp, check_may_set_up, is_from_this_machine, setup_is_local};
pub use self::navigation::{API_DOCS, Destination, MENU, Notice, login_address, next_query, root};
pub use self::origin::{cross_site, is_cross_site, is_own, site_address};
pub use self::renewal::RenewSessions;
pub use self::sign_in::{CrossSiteSignIn, SignIn, SignInResponse, SignInView};

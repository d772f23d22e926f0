//! What every page looks like in each state: on a laptop, a tablet, a phone, from right to left and on
//! paper. The screenshots are in the build folder (`tmp/pages`). Nothing moves while a page loads.

use super::accessibility::{PAGES, add_records, pages_of_records};
use super::{Page, Site};
use crate::browser_support::Display;
use crate::program::PASSWORD;

/// More is felt as a jump.
const MAX_LAYOUT_SHIFT: f64 = 0.02;

/// The pages that have another look without records.
const LISTS: [&str; 6] =
    ["", "tasks", "widgets", "templates", "people?status=disabled", "search?q=no"];

/// What nobody needs on paper.
const NOT_ON_PAPER: &str =
    ".bar, .foot, form, input, select, .button, button:not(.tick), .notice, .acts";

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn every_page_and_state_on_every_device_without_layout_shift() {
    let site = Site::with(&[("WIDGETD_REGISTRATION", "approval")]);
    site.visit(&["400", "401", "404"], async |page| {
        for address in ["login", "register", "reset", "login?notice=session-ended"] {
            look_at(page, address, &name_of(address)).await;
        }
        page.open("login").await;
        page.submit_sign_in("admin", "wrong").await;
        page.see(".error", "does not match").await;
        look(page, "login-error").await;

        page.sign_in("admin").await;
        for address in LISTS {
            look_at(page, address, &format!("{}-empty", name_of(address))).await;
        }
        add_records(&site);
        let new = [("email", "new.starter@example.com"), ("password", PASSWORD)];
        assert_eq!(site.anonymous().post("/auth/register", &new).status, 201);
        let pages = PAGES.iter().filter(|(_, seen_by)| seen_by.contains(&"admin"));
        let pages = pages.map(|(address, _)| (name_of(address), (*address).to_owned()));
        let records = pages_of_records(&site, "admin").into_iter();
        let records = records.map(|(name, address)| (name.to_owned(), address));
        let others =
            ["people/new", "account/keys/new", "account/password", "search?q=widgets", "no"];
        let others = others.map(|address| (name_of(address), address.to_owned()));
        for (name, address) in pages.chain(records).chain(others) {
            look_at(page, &address, &format!("{name}-full")).await;
        }

        page.open("new/task").await;
        page.press_button("Save").await;
        page.see("#title-error", "required").await;
        look(page, "task-new-error").await;
        page.set_display(Display::Wide).await;
        page.open("tasks").await;
        page.click(".row summary").await;
        look(page, "tasks-menu").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn print_shows_records_without_what_can_be_done() {
    let site = Site::new();
    add_records(&site);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        let records = pages_of_records(&site, "admin").into_iter();
        let records = records.filter(|(name, _)| !name.contains('-')).map(|(_, address)| address);
        let lists = ["", "tasks", "widgets", "templates", "people", "audit"].map(str::to_owned);
        for address in lists.into_iter().chain(records) {
            page.set_display(Display::WideDark).await;
            page.open(&address).await;
            page.set_paper().await;
            page.see_none(NOT_ON_PAPER).await;
            page.see("h1", "").await;
            let style = "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]";
            let colours = page.run(style, &[]).await;
            assert_eq!(colours.to_string(), r#"["rgb(0, 0, 0)","rgb(255, 255, 255)"]"#, "{address}");
            page.assert_no_overflow().await;
            page.screenshot(&format!("{}-paper", name_of(&address))).await;
        }
        // A row stands on one page.
        let script = "return [...document.querySelectorAll('.row')].map((row) => getComputedStyle(row).breakInside)";
        page.open("tasks").await;
        let rows = page.run(script, &[]).await;
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row == "avoid"), "{rows:?}");
    });
}

fn name_of(address: &str) -> String {
    let name: Vec<_> = address.split(['/', '?', '=']).take(2).collect();
    if address.is_empty() { "home".to_owned() } else { name.join("-") }
}

/// Opens a page on a laptop and on a phone, and looks at it.
async fn look_at(page: &Page, address: &str, name: &str) {
    for display in [Display::Phone, Display::Wide] {
        page.set_display(display).await;
        page.open(address).await;
        let shift = page.layout_shift().await;
        assert!(shift <= MAX_LAYOUT_SHIFT, "{address}, {display:?}: {shift}");
    }
    look(page, name).await;
}

/// Takes screenshots of the page as it is now.
async fn look(page: &Page, name: &str) {
    for display in Display::DEVICES {
        page.set_display(display).await;
        page.assert_no_overflow().await;
        page.screenshot(&format!("{name}-{}", display.name())).await;
    }
    page.set_display(Display::Wide).await;
    page.run("document.documentElement.dir = 'rtl'", &[]).await;
    page.assert_no_overflow().await;
    page.screenshot(&format!("{name}-rtl")).await;
    page.run("document.documentElement.dir = ''", &[]).await;
}

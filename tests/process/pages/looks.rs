//! What every page looks like in each state: on a laptop, a tablet, a phone, from right to left and on
//! paper. The screenshots are in the build folder (`tmp/pages`). Nothing moves while a page loads.

use serde_json::json;

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
    ".bar, .foot, form, input, select, .button, button:not(.tick), .notice, .acts, .more";

/// Whether the menu of the first row touches its button.
const IS_MENU_AT_ITS_BUTTON: &str = "
    const menu = document.querySelector('#more').getBoundingClientRect();
    const button = document.querySelector('.row .more').getBoundingClientRect();
    const isNear = (one, other) => Math.abs(one - other) < 8;
    return isNear(menu.top, button.bottom) && isNear(menu.right, button.right);";

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
        page.click(".row .more").await;
        page.find("#more:popover-open").await;
        assert_eq!(page.run(IS_MENU_AT_ITS_BUTTON, &[]).await, true);
        look(page, "tasks-menu").await;
    });
}

/// How many tasks are seen whole, between the bars.
const COUNT_WHOLE_TASKS: &str = "
    const foot = document.querySelector('.foot').getBoundingClientRect();
    const end = foot.height ? foot.top : innerHeight;
    const rows = [...document.querySelectorAll('.row')].map((row) => row.getBoundingClientRect());
    return rows.filter(({ bottom }) => bottom <= end).length;";

/// How much of a title is seen on a phone.
const WIDTH_OF_A_TITLE: &str =
    "return document.querySelector('.row .text').clientWidth / document.body.clientWidth";

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn many_tasks_are_seen_whole_with_long_titles() {
    let site = Site::new();
    let title = "Send the signed lease to the landlord and file the counter-signed copy";
    for day in 1..=20 {
        let deadline = format!("2099-12-{day:02}");
        let fields =
            [("title", title), ("deadline", &deadline), ("assignee", "employee@example.com")];
        assert_eq!(site.api("manager").post("/tasks", &fields).status, 201);
    }
    site.visit(&[], async |page| {
        page.sign_in("manager").await;
        for (display, least) in [(Display::Wide, 15), (Display::Phone, 8)] {
            page.set_display(display).await;
            page.open("tasks?open=true").await;
            let count = page.run(COUNT_WHOLE_TASKS, &[]).await.as_u64().unwrap();
            assert!(count >= least, "{display:?}: {count}");
        }
        let width = page.run(WIDTH_OF_A_TITLE, &[]).await.as_f64().unwrap();
        assert!(width > 0.45, "{width}");
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

/// Runs before the page's scripts: whether the last page fades into this one, and for how many
/// milliseconds.
const WATCH_TRANSITION: &str = "
    addEventListener('pagereveal', async ({ viewTransition }) => {
        window.fades = Boolean(viewTransition);
        await viewTransition?.ready;
        const ends = document.getAnimations().map(({ effect }) => effect.getComputedTiming().endTime);
        window.longest = Math.max(0, ...ends);
    });";

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn pages_fade_into_each_other_for_a_moment_unless_motion_is_reduced() {
    let site = Site::new();
    site.visit(&[], async |page| {
        let source = json!({ "source": WATCH_TRANSITION });
        page.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
        page.sign_in("manager").await;
        for (motion, fades) in [("reduce", false), ("no-preference", true)] {
            let features = json!([{ "name": "prefers-reduced-motion", "value": motion }]);
            page.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
            for (link, address) in [("Tasks", "tasks"), ("Board", "board"), ("Widgets", "widgets")]
            {
                page.follow_link(link).await;
                page.wait_until(
                    "location.pathname === arguments[0]",
                    &[json!(format!("/{address}"))],
                )
                .await;
                page.wait_until("window.longest !== undefined", &[]).await;
                let seen = page.run("return [fades, longest > 0 && longest <= 150]", &[]).await;
                assert_eq!(seen, json!([fades, fades]), "{motion}, {address}");
            }
        }
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

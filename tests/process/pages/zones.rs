//! Dates on the pages: everybody sees the date that was typed, whatever the time zone.

use super::Site;

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn dates_are_shown_and_edited_as_typed_in_the_zone_of_the_service() {
    let site = Site::with(&[("WIDGETD_TIME_ZONE", "America/Los_Angeles")]);
    let api = site.api("admin");
    let deadline = ("deadline", "2099-12-31T10:00:00Z");
    assert_eq!(api.post("/tasks", &[("title", "timed"), deadline]).status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.follow_link("New widget").await;
        page.see("#deadline-hint", "Until the end of that day in America/Los_Angeles.").await;
        page.fill("#name", "star").await;
        page.fill("#info_url", "https://example.com").await;
        page.set("#deadline", "2099-12-31").await;
        page.press_button("Save").await;
        page.see(".facts time", "31 Dec 2099").await;
        let stored = api.get("/widgets/star");
        assert_eq!(stored.body["deadline_iso8601"], "2100-01-01T07:59:59+00:00");
        // Saved again, the date is the same.
        page.follow_link("Edit").await;
        assert_eq!(page.value("#deadline").await, "2099-12-31");
        page.fill("#info_url", "https://example.com/star").await;
        page.press_button("Save").await;
        page.see(".record", "https://example.com/star").await;
        assert_eq!(api.get("/widgets/star").body["deadline_date"], "2099-12-31");
        page.open("").await;
        page.see("#later time", "31 Dec 2099").await;

        // A deadline with a time of day keeps it, unless its date is changed.
        page.open("tasks").await;
        page.see(".row time", "31 Dec 2099, 02:00").await;
        page.follow_link("timed").await;
        page.follow_link("Edit").await;
        page.see("#deadline-hint", "end of that day in America/Los_Angeles. Empty").await;
        assert_eq!(page.value("#deadline").await, "2099-12-31");
        page.fill("#title", "on time").await;
        page.press_button("Save").await;
        page.see("h1", "on time").await;
        let task = api.get("/tasks").body["items"][0].clone();
        assert_eq!(task["deadline_iso8601"], "2099-12-31T10:00:00+00:00");
        page.follow_link("Edit").await;
        page.set("#deadline", "2099-12-30").await;
        page.press_button("Save").await;
        page.see(".facts time", "30 Dec 2099").await;
        assert_eq!(api.get("/tasks").body["items"][0]["deadline_date"], "2099-12-30");

        page.open("account/keys/new").await;
        page.see("#expires-hint", "At the end of that day in America/Los_Angeles.").await;
        page.fill("#name", "nightly").await;
        page.set("#expires", "2099-12-31").await;
        page.press_button("Create").await;
        page.see(".hint", "Expires: 31 Dec 2099, 23:59.").await;
        page.follow_link("Done").await;
        page.see("#keys", "expires 31 Dec 2099, 23:59").await;
        page.open("audit").await;
        page.find("label[title='In America/Los_Angeles']").await;
    });
}

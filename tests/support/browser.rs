//! A headless Chromium, driven over WebDriver.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for a page, a script or an element before it fails.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// axe-core, which finds accessibility errors in a page.
const AXE: &str = include_str!("axe-core/axe.min.js");

/// Runs in every page before its own scripts. Reports CSP violations, injected scripts and native
/// dialogs as errors on the console, whose log survives navigation.
const WATCH: &str = r#"
    addEventListener("securitypolicyviolation", (event) => console.error("CSP report:", event.violatedDirective, event.blockedURI));
    for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => console.error(`${name}() was called`);
    Object.defineProperty(window, "__pwned", { set: () => console.error("XSS: injected script ran") });
"#;

/// A browser and its WebDriver process. Drop kills both.
pub struct Browser {
    pub page: Client,
    driver: Child,
    has_scripts: bool,
    _profile: TempDir,
}

/// The size, zoom and colour scheme of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    Light,
    Dark,
    /// 320 CSS pixels wide (WCAG 2.2, 1.4.10).
    Narrow,
    /// Zoomed to 200% (WCAG 2.2, 1.4.4).
    Zoomed,
    /// A laptop, a tablet and a phone.
    Wide,
    WideDark,
    Tablet,
    TabletDark,
    Phone,
    PhoneDark,
}

impl Display {
    pub const ALL: [Self; 4] = [Self::Light, Self::Dark, Self::Narrow, Self::Zoomed];

    /// Those whose screenshots people look at.
    pub const DEVICES: [Self; 6] =
        [Self::Wide, Self::WideDark, Self::Tablet, Self::TabletDark, Self::PhoneDark, Self::Phone];

    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Narrow => "320",
            Self::Zoomed => "zoomed",
            Self::Wide => "1280",
            Self::WideDark => "1280-dark",
            Self::Tablet => "768",
            Self::TabletDark => "768-dark",
            Self::Phone => "360",
            Self::PhoneDark => "360-dark",
        }
    }

    fn is_dark(self) -> bool {
        matches!(self, Self::Dark | Self::WideDark | Self::TabletDark | Self::PhoneDark)
    }

    /// Width and height in CSS pixels, and the device pixel ratio.
    fn size(self) -> (u32, u32, u32) {
        match self {
            Self::Light | Self::Dark => (1200, 900, 1),
            Self::Narrow => (320, 900, 1),
            Self::Zoomed => (640, 450, 2),
            Self::Wide | Self::WideDark => (1280, 800, 1),
            Self::Tablet | Self::TabletDark => (768, 1024, 1),
            Self::Phone | Self::PhoneDark => (360, 740, 1),
        }
    }
}

impl Browser {
    pub async fn start() -> Self {
        Self::with(true).await
    }

    /// A browser with JavaScript turned off.
    pub async fn without_scripts() -> Self {
        Self::with(false).await
    }

    async fn with(scripts: bool) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            // A process group with the driver and the browser, so that drop can kill both.
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let profile = TempDir::new().unwrap();
        let capabilities = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--hide-scrollbars", "--window-size=1200,1600",
                    // Each page that fades into the next one costs a moment.
                    "--force-prefers-reduced-motion",
                    // No access to other hosts. *.example are names of this machine.
                    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                    format!("--user-data-dir={}", profile.path().display()),
                ],
                "prefs": { "profile.managed_default_content_settings.javascript": if scripts { 1 } else { 2 } },
                "perfLoggingPrefs": { "enableNetwork": true, "enablePage": false },
            },
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        });
        let capabilities = capabilities.as_object().unwrap().clone();
        let url = format!("http://127.0.0.1:{port}");
        let mut attempts = 0;
        let page = loop {
            match ClientBuilder::new(hyper_util_connector())
                .capabilities(capabilities.clone())
                .connect(&url)
                .await
            {
                Ok(client) => break client,
                Err(error) if attempts >= 50 => panic!("no browser: {error}"),
                Err(_) => attempts += 1,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let timeouts =
            TimeoutConfiguration::new(Some(PAGE_TIMEOUT), Some(PAGE_TIMEOUT), Some(Duration::ZERO));
        page.update_timeouts(timeouts).await.unwrap();
        let browser = Self { page, driver, has_scripts: scripts, _profile: profile };
        browser.watch().await;
        browser
    }

    /// Sends a command of the browser, such as `Page.captureScreenshot`, to the current tab.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": method, "params": parameters });
        self.page
            .issue_cmd(ChromeCommand("goog/cdp/execute", body))
            .await
            .unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    async fn watch(&self) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await;
    }

    /// Opens another tab, and switches to it.
    pub async fn open_tab(&self) {
        let tab = self.page.new_window(true).await.unwrap();
        self.page.switch_to_window(tab.handle).await.unwrap();
        self.watch().await;
    }

    /// Switches to the tab with this index, in the order in which they were opened.
    pub async fn switch_to_tab(&self, n: usize) {
        let tab = self.page.windows().await.unwrap().remove(n);
        self.page.switch_to_window(tab).await.unwrap();
    }

    pub async fn set_display(&self, display: Display) {
        let scheme = if display.is_dark() { "dark" } else { "light" };
        let features = json!({ "media": "", "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
        let (width, height, scale) = display.size();
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Shows the page as it is printed on A4, until the next [`Self::set_display`].
    pub async fn set_paper(&self) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
        let metrics =
            json!({ "width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// How far the parts of the page have moved since it was opened, without anybody's doing: its CLS
    /// (W3C Layout Instability).
    pub async fn layout_shift(&self) -> f64 {
        let script = r#"
            const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            let shift = 0;
            const add = (list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) shift += entry.value; });
            const observer = new PerformanceObserver(add);
            observer.observe({ type: "layout-shift", buffered: true });
            for (let n = 0; n < 6; n += 1) await frame();
            add({ getEntries: () => observer.takeRecords() });
            return shift;
        "#;
        self.run_async(script, &[]).await.as_f64().unwrap()
    }

    /// Moves the browser into another time zone.
    pub async fn set_zone(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    /// Simulates a lost connection, or restores it.
    pub async fn set_offline(&self, offline: bool) {
        let conditions = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    pub async fn find(&self, css: &str) -> Element {
        self.find_by(Locator::Css(css)).await
    }

    pub async fn find_by(&self, locator: Locator<'_>) -> Element {
        let found =
            self.page.wait().at_most(PAGE_TIMEOUT).every(POLL_INTERVAL).for_element(locator).await;
        found.unwrap_or_else(|e| panic!("{locator:?}: {e}"))
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        self.click_element(element).await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Clicks. Without scripts a link, or a button that sends a form, leads to another page, which may
    /// look like this one: it is there when this returns.
    pub async fn click_element(&self, element: Element) -> Result<(), CmdError> {
        let mark = "const leads = arguments[0].matches('a[href]:not([download], [href^=\"#\"]), form button:not([popovertarget], [type=button])');
            if (leads) document.documentElement.dataset.left = '';
            return leads;";
        let target = serde_json::to_value(&element)?;
        let leads_away = !self.has_scripts && self.page.execute(mark, vec![target]).await? == true;
        element.click().await?;
        if leads_away {
            let is_there = "document.readyState === 'complete' && document.documentElement.dataset.left === undefined";
            self.wait_until(is_there, &[]).await;
        }
        Ok(())
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        element.clear().await.unwrap_or_else(|e| panic!("{css}: {e}"));
        element.send_keys(text).await.unwrap();
    }

    /// Presses keys in the focused element.
    pub async fn press(&self, keys: &[Key]) {
        for key in keys {
            self.page.active_element().await.unwrap().send_keys(key).await.unwrap();
        }
    }

    pub async fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.page
            .execute(script, arguments.to_vec())
            .await
            .unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Runs the body of an async function, and returns its result.
    pub async fn run_async(&self, script: &str, arguments: &[Value]) -> Value {
        let body = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {script} }})().then(done, (error) => done(`failed: ${{error}}`));"
        );
        self.page
            .execute_async(&body, arguments.to_vec())
            .await
            .unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Waits until an expression is true in the page.
    pub async fn wait_until(&self, expression: &str, arguments: &[Value]) {
        let deadline = Instant::now() + PAGE_TIMEOUT;
        let script = format!("return Boolean({expression})");
        while self.run(&script, arguments).await != true {
            if Instant::now() > deadline {
                let shown =
                    self.run("return location.href + '\\n' + document.body.innerText", &[]).await;
                panic!(
                    "{expression} {arguments:?} is not true on {}",
                    shown.as_str().unwrap_or_default()
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Saves a screenshot of the whole page in the build folder.
    pub async fn screenshot(&self, name: &str) {
        let answer =
            self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let image = BASE64.decode(answer["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(screenshots().join(format!("{name}.png")), image).unwrap();
    }

    /// Fails if axe-core finds an accessibility error in the page as it is shown now. Without scripts
    /// it cannot tell.
    pub async fn assert_accessible(&self) {
        if !self.has_scripts {
            return;
        }
        self.assert_no_violation(json!({})).await;
    }

    /// Fails if a text has too little contrast to what is behind it (WCAG 2.2, 1.4.3).
    pub async fn assert_readable(&self) {
        self.assert_no_violation(json!({ "runOnly": ["color-contrast"] })).await;
    }

    async fn assert_no_violation(&self, options: Value) {
        if self.run("return typeof axe", &[]).await == "undefined" {
            self.run(AXE, &[]).await;
        }
        // Colours that are still changing have contrasts of their own.
        let script = r#"
            await new Promise(requestAnimationFrame);
            const ending = document.getAnimations().filter(({ effect }) => Number.isFinite(effect.getComputedTiming().endTime));
            await Promise.allSettled(ending.map(({ finished }) => finished));
            const { violations } = await axe.run(document, { resultTypes: ["violations"], ...arguments[0] });
            const place = ({ target, failureSummary }) => `  ${target.join(" ")}\n    ${failureSummary.replaceAll("\n", "\n    ")}`;
            return violations.map(({ id, help, nodes }) => [`${id}: ${help}`, ...nodes.map(place)].join("\n")).join("\n");
        "#;
        let found = self.run_async(script, &[options]).await;
        assert!(
            found == "",
            "{}: {}",
            self.page.current_url().await.unwrap(),
            found.as_str().unwrap_or_default()
        );
    }

    /// Fails if the page or an open dialog scrolls horizontally (WCAG 2.2, 1.4.10).
    pub async fn assert_no_overflow(&self) {
        let script = r#"
            const name = (part) => `${part.tagName}#${part.id}.${part.className}: ${part.textContent.slice(0, 60)}`;
            const frames = [document.documentElement, ...document.querySelectorAll("dialog:modal")];
            const { width } = document.documentElement.getBoundingClientRect();
            const isOut = ({ left, right }) => left < -0.5 || right > width + 0.5;
            const isWide = (frame) => frame.scrollWidth > frame.clientWidth || isOut(frame.getBoundingClientRect());
            return frames.filter(isWide).flatMap((frame) => {
                const end = frame.getBoundingClientRect().left + frame.clientWidth;
                const parts = [...frame.querySelectorAll("*")].filter((part) => part.getBoundingClientRect().right > end + 0.5);
                return [frame, ...parts].map(name);
            }).join("\n");
        "#;
        let wide = self.run(script, &[]).await;
        assert!(wide == "", "{} is too wide: {wide}", self.page.current_url().await.unwrap());
    }

    /// The addresses of all requests since the last call.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.log("performance").await;
        let message = |entry: &Value| {
            serde_json::from_str::<Value>(entry["message"].as_str().unwrap()).unwrap()
        };
        let events = entries.iter().map(message).map(|event| event["message"].clone());
        let sent = events.filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// The errors on the console since the last call.
    pub async fn console_errors(&self) -> Vec<Value> {
        self.log("browser").await.into_iter().filter(|entry| entry["level"] == "SEVERE").collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        self.page
            .issue_cmd(ChromeCommand("se/log", json!({ "type": kind })))
            .await
            .unwrap()
            .as_array()
            .unwrap()
            .clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ =
            Command::new("kill").args(["-KILL", "--", &format!("-{}", self.driver.id())]).status();
        let _ = self.driver.wait();
    }
}

/// The interval at which a page is checked while a test waits.
const POLL_INTERVAL: Duration = Duration::from_millis(30);

/// The folder for screenshots of pages.
fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn hyper_util_connector() -> hyper_util::client::legacy::connect::HttpConnector {
    hyper_util::client::legacy::connect::HttpConnector::new()
}

/// A command that only Chromium has: its path below the session, and its body.
#[derive(Debug)]
struct ChromeCommand(&'static str, Value);

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.1.to_string()))
    }
}

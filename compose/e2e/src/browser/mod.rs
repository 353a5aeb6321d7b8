//! A real browser: Debian's Chromium without a window, driven through its own driver.

mod wire;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::wire::Session;
use crate::process::{Lifeline, wait_until};
use crate::stack::free_port;

/// How long a condition in a page may take to come true, on a machine that may be busy.
const CONDITION_WAIT: Duration = Duration::from_secs(60);
/// How long the driver may take to start.
const DRIVER_WAIT: Duration = Duration::from_secs(30);
/// The driver, and what to do where it is missing.
const DRIVER: &str = "chromedriver";
const MISSING: &str = "the console is tested in Chromium: install the Debian packages chromium and chromium-driver, as \
    `./dev deps --stack` does (fonts-nanum too, for the Korean pictures)";

/// The keys that tests press beside letters (`WebDriver`'s own code points).
pub mod keys {
    /// Tab.
    pub const TAB: &str = "\u{E004}";
    /// Enter.
    pub const ENTER: &str = "\u{E007}";
    /// Escape.
    pub const ESCAPE: &str = "\u{E00C}";
    /// The space bar.
    pub const SPACE: &str = " ";
}

/// One browser with a profile of its own. It is closed with the value.
pub struct Browser {
    session: Session,
    _driver: Lifeline,
    /// Its profile, which the driver would remove a moment later than it is killed. Fields go in this order.
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser whose window is so large; what the driver says goes into a file in `directory`.
    pub fn start(directory: &Path, (width, height): (u32, u32)) -> anyhow::Result<Self> {
        if !is_installed(DRIVER) || !(is_installed("chromium") || is_installed("chromium-browser")) {
            bail!(MISSING);
        }
        let port = free_port()?;
        let log = directory.join(format!("chromedriver-{port}.log"));
        let command = vec![DRIVER.to_owned(), format!("--port={port}")];
        // The browser opens a socket below it, whose path must be short.
        let profile = tempfile::Builder::new().prefix("sluice-browser-").tempdir()?;
        let temporary = ("TMPDIR".to_owned(), profile.path().display().to_string());
        let driver = Lifeline::start(command, &[temporary], &log)?;
        wait_until("the browser's driver listens", DRIVER_WAIT, || {
            Session::is_there(port).then_some(())
        })?;
        let session = Session::open(port, &capabilities(width, height)).context(MISSING)?;
        let browser = Self {
            session,
            _driver: driver,
            _profile: profile,
        };
        browser.resize(width, height, false)?;
        Ok(browser)
    }

    /// Opens an address.
    pub fn open(&self, url: &str) -> anyhow::Result<()> {
        self.session.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Loads the page again.
    pub fn reload(&self) -> anyhow::Result<()> {
        self.session.post("/refresh", &json!({})).map(drop)
    }

    /// Gives the page another size; `phone` is a screen that is touched.
    pub fn resize(&self, width: u32, height: u32, phone: bool) -> anyhow::Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics)
    }

    /// Says which colours the system has: `light` or `dark`.
    pub fn system_colours(&self, scheme: &str) -> anyhow::Result<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features)
    }

    /// Runs a function body in the page and answers what it returns.
    pub fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.session
            .post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs an asynchronous function body in the page and answers what it returns.
    pub fn run_async(&self, script: &str) -> anyhow::Result<Value> {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done('FAILED ' + error));"
        );
        self.session
            .post("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page, and answers its value. The page itself tells of each change.
    pub fn wait(&self, expression: &str) -> anyhow::Result<Value> {
        let script = format!(
            "const done = arguments[0];
             const seen = () => {{ try {{ return {expression}; }} catch {{ return null; }} }};
             const look = () => {{ const value = seen(); if (value) {{ watch.disconnect(); done(value); }} return value; }};
             const watch = new MutationObserver(look);
             if (!look()) watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});"
        );
        let waited = self
            .session
            .post("/execute/async", &json!({ "script": script, "args": [] }));
        waited.with_context(|| format!("never true: {expression}; the page says:\n{}", self.text()))
    }

    /// Waits for an element that is shown.
    pub fn wait_for(&self, css: &str) -> anyhow::Result<()> {
        let css = Value::from(css);
        self.wait(&format!("document.querySelector({css})?.checkVisibility()"))
            .map(drop)
    }

    /// Waits until these words are shown in an element.
    pub fn wait_text(&self, css: &str, words: &str) -> anyhow::Result<()> {
        let (css, words) = (Value::from(css), Value::from(words));
        let shows = format!("[...document.querySelectorAll({css})].some((one) => one.innerText.includes({words}))");
        self.wait(&shows).map(drop)
    }

    /// Clicks an element once it is there, in the middle of the window: at its edge a bar of the page may be before it.
    pub fn click(&self, css: &str) -> anyhow::Result<()> {
        self.wait_for(css)?;
        let selector = Value::from(css);
        self.run(&format!(
            "document.querySelector({selector}).scrollIntoView({{ block: 'center' }})"
        ))?;
        let element = self.session.element(css)?;
        self.session.post(&format!("{element}/click"), &json!({})).map(drop)
    }

    /// Types into a field in the place of what it has.
    pub fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        self.wait_for(css)?;
        // Selected, so that it is replaced as somebody at a keyboard would: a field that is emptied first says so to the page.
        let selector = Value::from(css);
        self.run(&format!(
            "const field = document.querySelector({selector}); field.focus(); field.select();"
        ))?;
        let element = self.session.element(css)?;
        self.session
            .post(&format!("{element}/value"), &json!({ "text": text }))
            .map(drop)
    }

    /// Presses keys one after the other, wherever the focus is.
    pub fn press(&self, keys: &str) -> anyhow::Result<()> {
        let strokes = keys.chars().flat_map(|key| {
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
            ]
        });
        let strokes: Vec<Value> = strokes.collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.session.post("/actions", &actions).map(drop)
    }

    /// Opens one more tab, makes it the present one and answers the one before.
    pub fn new_tab(&self) -> anyhow::Result<Value> {
        let before = self.session.get("/window")?;
        let opened = self.session.post("/window/new", &json!({ "type": "tab" }))?;
        self.to_tab(opened.get("handle").unwrap_or(&Value::Null))?;
        Ok(before)
    }

    /// Makes a tab the present one.
    pub fn to_tab(&self, handle: &Value) -> anyhow::Result<()> {
        self.session.post("/window", &json!({ "handle": handle })).map(drop)
    }

    /// A picture of the page as it is shown, in PNG.
    pub fn picture(&self) -> anyhow::Result<Vec<u8>> {
        let encoded = self.session.get("/screenshot")?;
        let encoded = encoded.as_str().context("a picture is text")?;
        STANDARD.decode(encoded).context("a picture is base64")
    }

    /// What the browser has complained of since the last call: errors of scripts, refused content, failed requests.
    pub fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let entries = self.session.post("/se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|entry| {
            let level = entry.get("level").and_then(Value::as_str);
            matches!(level, Some("SEVERE" | "WARNING"))
        });
        Ok(bad.map(Value::to_string).collect())
    }

    /// The words of the page.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText");
        text.ok()
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> anyhow::Result<()> {
        let body = json!({ "cmd": command, "params": parameters });
        self.session.post("/goog/cdp/execute", &body).map(drop)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.close();
    }
}

fn capabilities(width: u32, height: u32) -> Value {
    let size = format!("--window-size={width},{height}");
    // As root there is no sandbox, and containers have little shared memory.
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--accept-lang=en-US",
        "--force-color-profile=srgb",
        "--hide-scrollbars",
        &size,
    ];
    let wait_ms = CONDITION_WAIT.as_millis();
    json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
        "timeouts": { "script": u64::try_from(wait_ms).unwrap_or(u64::MAX) },
    })
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

//! One shop for all tests, and somebody in front of a browser.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::Server;
use e2e::browser::Browser;
use serde_json::{Value, json};

/// A window of a usual size.
pub(crate) const DESKTOP: (u32, u32) = (1280, 860);
/// A narrow phone.
pub(crate) const PHONE: (u32, u32) = (360, 740);

pub(crate) const PASSWORD: &str = "seven-lamps-light-the-hall";

/// What is found wrong with a page, as a list of words.
const CHECKS: &str = include_str!("checks.js");

/// Where everything keeps its things: a value that lives as long as the process is never dropped, so runs before leave theirs to this.
pub(crate) static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let (all, prefix) = (Path::new(env!("CARGO_TARGET_TMPDIR")), "console-shop-");
    for entry in std::fs::read_dir(all).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.strip_prefix(prefix).map(|id| Path::new("/proc").join(id));
        if process.is_some_and(|process| !process.exists()) {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let own = all.join(format!("{prefix}{}", std::process::id()));
    std::fs::create_dir(&own).unwrap();
    own
});

/// `sluice up`, which ends with the tests.
pub(crate) static SHOP: LazyLock<Server> = LazyLock::new(|| {
    let mut server = Server::alone(&DIRECTORY, "console").unwrap();
    server.start().unwrap();
    server
});

/// Somebody in front of a browser.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    name: String,
}

impl Visitor {
    /// Opens the shop.
    pub(crate) fn arrive(window: (u32, u32)) -> Self {
        let visitor = Self::start(window);
        visitor.browser.open(&SHOP.url()).unwrap();
        visitor.browser.wait_for("h1").unwrap();
        visitor
    }

    /// Opens the operators' view.
    pub(crate) fn arrive_as_operator() -> Self {
        Self::arrive_at(&SHOP.admin_url())
    }

    /// Opens another page.
    pub(crate) fn arrive_at(url: &str) -> Self {
        let visitor = Self::start(DESKTOP);
        visitor.browser.open(url).unwrap();
        visitor.browser.wait_for("h1").unwrap();
        visitor
    }

    fn start(window: (u32, u32)) -> Self {
        static VISITORS: AtomicUsize = AtomicUsize::new(0);
        let number = VISITORS.fetch_add(1, Ordering::Relaxed);
        Self {
            browser: Browser::start(&DIRECTORY, window).unwrap(),
            name: format!("visitor-{number}"),
        }
    }

    /// Registers through the form; afterwards somebody of this role is logged in.
    pub(crate) fn register(&self, role: &str) {
        self.sign_up(role);
        self.browser.wait_for("nav.main").unwrap();
    }

    /// Fills in the form of the registration and sends it.
    pub(crate) fn sign_up(&self, role: &str) {
        self.go("/register");
        let browser = &self.browser;
        browser.click(&format!("input[value={role}]")).unwrap();
        browser.fill("input[name=name]", "Bea Kim").unwrap();
        browser.fill("input[name=email]", &self.email()).unwrap();
        browser.fill("input[name=password]", PASSWORD).unwrap();
        browser.click("button[type=submit]").unwrap();
    }

    /// Sends the form of the login.
    pub(crate) fn log_in(&self, email: &str, password: &str) {
        self.go("/login");
        self.browser.fill("input[name=email]", email).unwrap();
        self.browser.fill("input[name=password]", password).unwrap();
        self.browser.click("button[type=submit]").unwrap();
    }

    /// Ends the session of whoever is logged in.
    pub(crate) fn log_out(&self) {
        self.go("/account");
        self.browser.click("#logout").unwrap();
        self.browser.wait_text("h1", "Log in").unwrap();
    }

    /// Sends the form of the dialog that is open.
    pub(crate) fn send_dialog(&self) {
        self.browser.click("dialog button[type=submit]").unwrap();
    }

    pub(crate) fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// Follows a link to a view of the shop.
    pub(crate) fn go(&self, path: &str) {
        let address = Value::from(path);
        self.browser.run(&format!("location.hash = {address}")).unwrap();
        self.browser.wait_for("h1").unwrap();
    }

    /// Deposits won through the form.
    pub(crate) fn deposit(&self, amount: &str) {
        self.go("/wallet");
        self.browser.fill("input[name=amount]", amount).unwrap();
        self.browser.click("button[type=submit]").unwrap();
        self.browser.wait_text("#toast", "deposited").unwrap();
    }

    /// Puts pieces of a product into the cart.
    pub(crate) fn fill_cart(&self, product: &str, pieces: u32) {
        self.go("/products");
        self.browser.fill("input[name=search]", product).unwrap();
        self.browser
            .click(&format!("[aria-label=\"Add to cart: {product}\"]"))
            .unwrap();
        self.go("/cart");
        self.browser.fill("input[type=number]", &pieces.to_string()).unwrap();
    }

    /// Places the order that is in the cart.
    pub(crate) fn place(&self) {
        self.browser.click("form button[type=submit]").unwrap();
        self.browser.wait_for("#status").unwrap();
    }

    /// Waits until the order that is shown has this status; the page is not loaded again.
    pub(crate) fn watch(&self, status: &str) {
        self.browser
            .wait_for(&format!("#status[data-status={status}]"))
            .unwrap();
    }

    /// Keeps a picture of what is shown.
    pub(crate) fn picture(&self, name: &str) {
        let directory = std::env::var_os("SLUICE_PICTURES").map_or_else(
            || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("console"),
            PathBuf::from,
        );
        std::fs::create_dir_all(&directory).unwrap();
        self.rest();
        std::fs::write(directory.join(format!("{name}.png")), self.browser.picture().unwrap()).unwrap();
    }

    /// Waits until what moves has come to rest.
    fn rest(&self) {
        let rest =
            "const moving = document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity);
            await Promise.allSettled(moving.map((one) => one.finished));
            return true;";
        assert_eq!(self.browser.run_async(rest).unwrap(), true);
    }

    /// What the page says of itself is in order: names, headings, contrast, sizes, width.
    pub(crate) fn check(&self, place: &str) {
        self.rest();
        let found = self.browser.run(CHECKS).unwrap();
        assert_eq!(found, json!([]), "{place}");
    }

    /// So it is on phones, on a tablet held upright, and on one that lies.
    pub(crate) fn check_widths(&self, paths: &[&str]) {
        for width in [320, 360, 768, 1024] {
            self.browser.resize(width, 740, true).unwrap();
            for path in paths {
                self.go(path);
                self.browser.wait("!document.querySelector('.skeleton')").unwrap();
                self.check(&format!("{path} at {width} pixels"));
            }
        }
    }

    /// The browser has nothing to complain of: no error, nothing refused by the policy.
    pub(crate) fn leave(self) {
        self.leave_after(&[]);
    }

    /// The browser complains of nothing but answers with these statuses, which the test has asked for.
    pub(crate) fn leave_after(self, refusals: &[&str]) {
        let complaints = self.browser.complaints().unwrap();
        let is_refusal = |complaint: &str, status: &str| complaint.contains(&format!("a status of {status} "));
        let unasked = |complaint: &&String| !refusals.iter().any(|status| is_refusal(complaint, status));
        let unasked: Vec<&String> = complaints.iter().filter(unasked).collect();
        assert!(unasked.is_empty(), "{unasked:#?}");
    }
}

/// A seller who has put a product on sale through the API, with a name that no other test uses.
pub(crate) fn on_sale(seller: &str, name: &str, price: i64, stock: i64) {
    let caller = SHOP.account(seller, "SELLER").unwrap();
    let body = json!({ "name": name, "price": { "amount": price, "currency": "KRW" }, "stock": stock });
    let answer = caller.post("/products", Some(seller), &body).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
}

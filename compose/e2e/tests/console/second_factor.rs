//! How somebody logs in: another password, a second factor, and a session that may do nothing but take one.

use std::time::{SystemTime, UNIX_EPOCH};

use e2e::{Server, results};
use edge_api::auth::totp;
use edge_api::limits::TOTP_STEP_MS;
use serde_json::Value;

use crate::support::{DESKTOP, DIRECTORY, PASSWORD, PHONE, Visitor};

/// An authenticator app into which somebody has copied the secret that the page shows.
struct App {
    secret: Vec<u8>,
    /// The last step whose code was given away; each code is good once.
    last: i64,
}

impl App {
    fn copy(visitor: &Visitor) -> Self {
        visitor.browser.wait_for("#secret").unwrap();
        let shown = visitor
            .browser
            .run("return document.querySelector('#secret').innerText")
            .unwrap();
        Self {
            secret: decoded(shown.as_str().unwrap()),
            last: 0,
        }
    }

    /// A code that the server takes: that of this step, or of the next if this one's is used up.
    fn code(&mut self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let present = i64::try_from(now.as_millis()).unwrap().div_euclid(TOTP_STEP_MS);
        self.last = present.max(self.last + 1);
        totp::code(&self.secret, self.last)
    }
}

/// The bytes of a text in base 32.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u64, 0);
    for digit in text.chars().filter_map(|digit| DIGITS.find(digit)) {
        bits = (bits << 5) | u64::try_from(digit).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 255).unwrap());
        }
    }
    bytes
}

/// From the password to the recovery codes, which are answered.
fn enrol(visitor: &Visitor) -> (App, Vec<String>) {
    let browser = &visitor.browser;
    browser.fill("input[name=password]", PASSWORD).unwrap();
    browser.click("button[type=submit]").unwrap();
    let mut app = App::copy(visitor);
    browser.wait_text("#uri", "otpauth://totp/sluice:").unwrap();
    visitor.check("the secret");
    browser.fill("input[name=code]", &app.code()).unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_for("#codes").unwrap();
    visitor.check("recovery codes");
    let codes = browser
        .run("return [...document.querySelectorAll('#codes li')].map((code) => code.innerText)")
        .unwrap();
    let codes = codes
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap().to_owned());
    (app, codes.collect())
}

#[test]
fn an_account_takes_a_second_factor_logs_in_with_it_and_gives_it_up_with_a_recovery_code() {
    let visitor = Visitor::arrive(DESKTOP);
    let browser = &visitor.browser;
    visitor.register("BUYER");
    visitor.go("/account");
    browser.wait_text("#factor", "Off").unwrap();
    browser.click("#add-factor").unwrap();
    browser.wait_text("h1", "Second factor").unwrap();
    visitor.check("a second factor begins");
    let (mut app, codes) = enrol(&visitor);
    visitor.picture("recovery-codes");
    // What is shown once outlives a change of the language.
    browser.click("#language").unwrap();
    browser.wait_text("#codes", &codes[9]).unwrap();
    browser.click("#language").unwrap();
    browser.click("#copy-codes").unwrap();
    browser.wait("document.querySelector('#toast').innerText").unwrap();
    browser.click("#codes-kept").unwrap();
    browser.wait_text("#factor", "On").unwrap();
    visitor.check("account with a second factor");
    // The cookie is that of the new session.
    browser.reload().unwrap();
    browser.wait_text("#factor", "On").unwrap();
    browser.wait_text(".lines", "This one").unwrap();
    let kept = browser
        .run("return document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })")
        .unwrap();
    assert!(!kept.as_str().unwrap().contains(&codes[0]), "{kept}");

    visitor.log_out();
    visitor.log_in(&visitor.email(), PASSWORD);
    browser.wait("document.activeElement.name === 'code'").unwrap();
    visitor.picture("login-code");
    visitor.check("login with a code");
    browser.fill("input[name=code]", "no code").unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_text("[role=alert]", "the code is wrong").unwrap();
    browser.fill("input[name=code]", &app.code()).unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_for("nav.main").unwrap();

    visitor.go("/account");
    browser.click("#remove-factor").unwrap();
    browser.fill("dialog input[name=password]", PASSWORD).unwrap();
    browser
        .fill("dialog input[name=code]", &codes[0].to_lowercase())
        .unwrap();
    visitor.check("giving up the second factor");
    visitor.send_dialog();
    browser.wait_text("#factor", "Off").unwrap();
    // Both refusals of the login were asked for.
    visitor.leave_after(&["401"]);
}

#[test]
fn a_seller_who_needs_a_second_factor_is_led_to_it_and_then_to_what_was_asked_for() {
    let strict = [("SLUICE_SELLER_SECOND_FACTOR", "true".to_owned())];
    let mut server = Server::alone_with(&DIRECTORY, "strict", &strict).unwrap();
    server.start().unwrap();
    let seller = Visitor::arrive_at(&server.url());
    let browser = &seller.browser;
    browser.resize(PHONE.0, PHONE.1, true).unwrap();
    seller.sign_up("SELLER");
    browser
        .wait_text(".notice", "Your account needs a second factor")
        .unwrap();
    seller.check("led to the second factor");
    assert_eq!(
        browser.run("return document.querySelector('nav.main')").unwrap(),
        Value::Null
    );
    seller.go("/stock");
    browser
        .wait_text(".notice", "Your account needs a second factor")
        .unwrap();
    enrol(&seller);
    browser.click("#codes-kept").unwrap();
    browser.wait_text("h1", "Your products").unwrap();
    browser.wait_for("nav.main").unwrap();
    browser.wait_text(".empty", "You offer nothing yet").unwrap();
    seller.leave_after(&["403"]);
}

#[test]
fn a_password_is_changed_and_the_page_goes_on_under_the_new_session() {
    const NEXT: &str = "eight-lamps-light-the-stairs";
    let visitor = Visitor::arrive(DESKTOP);
    let browser = &visitor.browser;
    visitor.register("BUYER");
    visitor.go("/account");
    browser.click("#change-password").unwrap();
    browser.fill("dialog input[name=current]", "not the password").unwrap();
    browser.fill("dialog input[name=new]", NEXT).unwrap();
    visitor.send_dialog();
    browser.wait_text("dialog .notice", "The password is wrong").unwrap();
    visitor.check("changing the password");
    browser.fill("dialog input[name=current]", PASSWORD).unwrap();
    visitor.send_dialog();
    browser.wait_text("#toast", "The password is changed").unwrap();
    browser.wait_text(".lines", "This one").unwrap();
    visitor.log_out();
    visitor.log_in(&visitor.email(), NEXT);
    browser.wait_for("nav.main").unwrap();
    visitor.leave_after(&["403"]);
}

#[test]
fn who_has_forgotten_the_password_chooses_another_by_a_code_of_the_shop_s() {
    const NEXT: &str = "eight-lamps-light-the-stairs";
    let mut server = Server::alone(&DIRECTORY, "forgetful").unwrap();
    server.start().unwrap();
    let visitor = Visitor::arrive_at(&server.url());
    let browser = &visitor.browser;
    visitor.register("BUYER");
    visitor.go("/second-factor");
    let (_, codes) = enrol(&visitor);
    visitor.log_out();
    // On the embedded log an operator's command is done at the next start.
    server.sluice.stop().unwrap();
    let state = [("SLUICE_STATE_DIR".to_owned(), server.state().display().to_string())];
    let offered = results(&["accounts", "reset-password", &visitor.email()], &state).unwrap();
    server.start().unwrap();

    browser.resize(PHONE.0, PHONE.1, true).unwrap();
    browser.click("a[href='#/forgotten']").unwrap();
    browser.wait_text("h1", "Choose another password").unwrap();
    browser.fill("input[name=email]", &visitor.email()).unwrap();
    browser.fill("input[name=reset_code]", "no code").unwrap();
    browser.fill("input[name=password]", "short").unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_text(".error", "12 to 128 characters").unwrap();
    browser.fill("input[name=password]", NEXT).unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_text("[role=alert]", "a code is wrong").unwrap();
    visitor.check("a wrong code of the shop");
    browser
        .fill("input[name=reset_code]", offered["reset_code"].as_str().unwrap())
        .unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait("document.activeElement.name === 'code'").unwrap();
    browser.fill("input[name=code]", &codes[0]).unwrap();
    visitor.check("another password with a second factor");
    visitor.picture("forgotten-password");
    browser.click("button[type=submit]").unwrap();
    browser.wait_for("nav.main").unwrap();
    visitor.log_out();
    visitor.log_in(&visitor.email(), PASSWORD);
    browser.wait_text("[role=alert]", "the password is wrong").unwrap();
    visitor.leave_after(&["401", "422"]);
}

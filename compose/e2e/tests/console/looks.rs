//! How it looks: Korean, dark, on a phone, and in all of them in order.

use crate::support::{DESKTOP, PHONE, Visitor, on_sale};

#[test]
fn a_phone_shows_everything_in_korean_and_in_the_dark_without_scrolling_sideways() {
    on_sale("ceramics", "달항아리", 89_000, 3);
    let buyer = Visitor::arrive(PHONE);
    let browser = &buyer.browser;
    browser.resize(PHONE.0, PHONE.1, true).unwrap();
    browser.system_colours("dark").unwrap();
    buyer.check("welcome on a phone");
    buyer.register("BUYER");
    buyer.deposit("300000");
    browser.click("#language").unwrap();
    browser.wait_text("h1", "지갑").unwrap();
    assert_eq!(browser.run("return document.documentElement.lang").unwrap(), "ko");
    buyer.check("wallet");
    buyer.go("/products");
    browser.fill("input[name=search]", "달항아리").unwrap();
    browser
        .wait("document.querySelectorAll('.product').length === 1")
        .unwrap();
    buyer.picture("phone-products-ko-dark");
    buyer.check("products");
    browser.click("[aria-label='장바구니에 담기: 달항아리']").unwrap();
    buyer.go("/cart");
    browser.wait_for(".stepper").unwrap();
    buyer.check("cart");
    buyer.place();
    buyer.watch("PAID");
    browser.wait_text(".timeline", "결제 완료").unwrap();
    browser.run("scrollTo(0, 0)").unwrap();
    buyer.picture("phone-order-ko-dark");
    buyer.check_widths(&["/products", "/cart", "/orders", "/wallet", "/account"]);
    browser.click("#language").unwrap();
    browser.wait_text("h1", "Account").unwrap();
    buyer.check_widths(&["/products", "/cart"]);
    buyer.leave();
}

#[test]
fn the_colours_follow_the_system_until_somebody_chooses_and_the_choice_stays() {
    let visitor = Visitor::arrive(DESKTOP);
    let browser = &visitor.browser;
    let page = || {
        browser
            .run("return getComputedStyle(document.body).backgroundColor")
            .unwrap()
    };
    browser.system_colours("light").unwrap();
    let light = page();
    browser.system_colours("dark").unwrap();
    let dark = page();
    assert_ne!(light, dark);
    visitor.check("dark");
    // From the system's to light.
    browser.click("#theme").unwrap();
    browser
        .wait("document.documentElement.dataset.theme === 'light'")
        .unwrap();
    assert_eq!(page(), light);
    assert_eq!(browser.run("return document.activeElement.id").unwrap(), "theme");
    browser.reload().unwrap();
    browser.wait_for("h1").unwrap();
    assert_eq!(page(), light);
    for view in ["/login", "/register", "/nowhere"] {
        visitor.go(view);
        visitor.check(view);
    }
    visitor.leave();
}

#[test]
fn what_is_wrong_in_a_form_is_said_beside_its_field_and_wrong_credentials_in_words() {
    let visitor = Visitor::arrive(DESKTOP);
    let browser = &visitor.browser;
    visitor.go("/register");
    browser.fill("input[name=name]", "Ann").unwrap();
    browser.fill("input[name=email]", "ann").unwrap();
    browser.click("button[type=submit]").unwrap();
    browser.wait_text(".error", "An e-mail address such as").unwrap();
    assert_eq!(browser.run("return document.activeElement.name").unwrap(), "email");
    visitor.picture("register-error");
    visitor.check("a wrong field");
    visitor.go("/login");
    browser.fill("input[name=email]", "nobody@example.com").unwrap();
    browser.fill("input[name=password]", "not the password").unwrap();
    browser.click("button[type=submit]").unwrap();
    browser
        .wait_text("[role=alert]", "The e-mail address or the password is wrong.")
        .unwrap();
    visitor.check("wrong credentials");
}

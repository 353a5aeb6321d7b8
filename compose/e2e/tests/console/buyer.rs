//! What a buyer does.

use e2e::browser::keys;
use serde_json::Value;

use crate::support::{DESKTOP, Visitor, on_sale};

#[test]
fn a_buyer_registers_orders_and_watches_the_order_turn_paid_and_after_a_cancellation_cancelled() {
    on_sale("lamps", "Reading lamp", 15_000, 10);
    let buyer = Visitor::arrive(DESKTOP);
    buyer.picture("welcome");
    buyer.check("welcome");
    buyer.register("BUYER");
    buyer.deposit("100,000");
    buyer.picture("wallet");
    buyer.check("wallet");
    buyer.fill_cart("Reading lamp", 3);
    buyer.browser.wait_text(".total", "₩45,000").unwrap();
    buyer.picture("cart");
    buyer.check("cart");
    buyer.place();
    // A mark that a page which was loaded again would not have.
    buyer.browser.run("window.stayed = true").unwrap();
    buyer.watch("PAID");
    buyer.browser.wait_text(".timeline", "Order paid").unwrap();
    buyer
        .browser
        .wait_text("[role=status]", "Paid. The goods are yours")
        .unwrap();
    buyer.picture("order-paid");
    buyer.check("order");

    buyer.browser.click("#cancel").unwrap();
    buyer.browser.fill("dialog input", "Too many lamps").unwrap();
    buyer.check("dialog");
    buyer.browser.click("dialog button[type=submit]").unwrap();
    buyer.watch("CANCELLED");
    buyer.browser.wait_text(".timeline", "Money paid back").unwrap();
    assert_eq!(buyer.browser.run("return window.stayed").unwrap(), Value::Bool(true));
    buyer.picture("order-cancelled");
    buyer.check("cancelled order");

    buyer.go("/orders");
    buyer.browser.wait_text("a.item", "Cancelled").unwrap();
    buyer.check("orders");
    buyer.browser.run("document.querySelector('select').value = 'PAID'; document.querySelector('select').dispatchEvent(new Event('change'))").unwrap();
    buyer.browser.wait_text(".empty", "No order has this status").unwrap();
    buyer.go("/wallet");
    buyer.browser.wait_text(".big", "₩100,000").unwrap();
    buyer.go("/account");
    buyer.browser.wait_text(".lines", "This one").unwrap();
    buyer.check("account");
    buyer.browser.click("#logout").unwrap();
    buyer.browser.wait_text("h1", "Log in").unwrap();
    buyer.leave();
}

#[test]
fn an_order_of_more_than_there_is_is_cancelled_with_the_reason_in_words() {
    on_sale("vases", "Tall vase", 9_000, 2);
    let buyer = Visitor::arrive(DESKTOP);
    buyer.register("BUYER");
    buyer.deposit("1000000");
    buyer.fill_cart("Tall vase", 3);
    buyer.place();
    buyer.watch("CANCELLED");
    buyer
        .browser
        .wait_text(".notice", "not enough pieces were in stock")
        .unwrap();
    buyer.fill_cart("Tall vase", 2);
    buyer.place();
    buyer.watch("PAID");
    buyer.go("/products");
    buyer.browser.fill("input[name=search]", "Tall vase").unwrap();
    buyer.browser.wait_text(".product", "Out of stock").unwrap();
    buyer.leave();
}

#[test]
fn a_session_outlives_a_reload_and_belongs_to_all_tabs_and_no_script_can_read_what_keeps_it() {
    let buyer = Visitor::arrive(DESKTOP);
    buyer.register("BUYER");
    buyer.browser.reload().unwrap();
    buyer.browser.wait_for("nav.main").unwrap();
    let first = buyer.browser.new_tab().unwrap();
    buyer.browser.open(&crate::support::SHOP.url()).unwrap();
    buyer.browser.wait_for("nav.main").unwrap();
    // Both tabs renew at the same moment, again and again, and neither ends the session of the other.
    let renew = "const { replaceToken, freshToken } = await import(new URL('session.js', document.querySelector('script').src));
        for (let round = 0; round < 5; round += 1) await replaceToken(await freshToken());
        return (await fetch('/me', { headers: { authorization: `Bearer ${await freshToken()}` } })).status;";
    assert_eq!(buyer.browser.run_async(renew).unwrap(), 200);
    buyer.browser.to_tab(&first).unwrap();
    assert_eq!(buyer.browser.run_async(renew).unwrap(), 200);
    let readable = buyer
        .browser
        .run("return document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })")
        .unwrap();
    let readable = readable.as_str().unwrap();
    assert!(!readable.contains("eyJ") && !readable.contains("refresh"), "{readable}");
    // Logged out in one tab is logged out in the other.
    buyer.go("/account");
    buyer.browser.click("#logout").unwrap();
    buyer.browser.wait_text("h1", "Log in").unwrap();
    buyer.leave();
}

#[test]
fn an_order_is_placed_with_the_keyboard_alone() {
    on_sale("cups", "Blue cup", 4_000, 5);
    let buyer = Visitor::arrive(DESKTOP);
    buyer.register("BUYER");
    buyer.deposit("20000");
    buyer.go("/products");
    buyer.browser.wait_for(".product").unwrap();
    tab_to(&buyer, "input[name=search]");
    buyer.browser.press("Blue cup").unwrap();
    buyer
        .browser
        .wait("document.querySelectorAll('.product').length === 1")
        .unwrap();
    tab_to(&buyer, "[aria-label='Add to cart: Blue cup']");
    assert_eq!(
        buyer
            .browser
            .run("return getComputedStyle(document.activeElement).outlineStyle")
            .unwrap(),
        "solid"
    );
    buyer.browser.press(keys::ENTER).unwrap();
    buyer.browser.wait_for(".nav .count").unwrap();
    buyer.browser.run("document.querySelector('.skip').focus()").unwrap();
    tab_to(&buyer, "a[href='#/cart']");
    buyer.browser.press(keys::ENTER).unwrap();
    buyer
        .browser
        .wait("document.activeElement.tagName === 'H1' && document.activeElement.innerText === 'Cart'")
        .unwrap();
    tab_to(&buyer, "form button[type=submit]");
    // Pressed twice in a row it is one order.
    buyer.browser.press(&format!("{}{}", keys::ENTER, keys::ENTER)).unwrap();
    buyer.watch("PAID");
    buyer.go("/orders");
    buyer.browser.wait_for("a.item").unwrap();
    assert_eq!(
        buyer
            .browser
            .run("return document.querySelectorAll('a.item').length")
            .unwrap(),
        1
    );
    buyer.leave();
}

/// Presses Tab until the focus is there, as somebody without a mouse does.
fn tab_to(visitor: &Visitor, css: &str) {
    const PRESSES_MAX: usize = 60;
    let css = Value::from(css);
    for _ in 0..PRESSES_MAX {
        visitor.browser.press(keys::TAB).unwrap();
        let there = format!("return document.activeElement.matches({css})");
        if visitor.browser.run(&there).unwrap() == true {
            return;
        }
    }
    panic!("the keyboard does not lead to {css}");
}

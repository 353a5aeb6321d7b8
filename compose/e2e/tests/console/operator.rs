//! What an operator sees, on the admin listener alone.

use crate::support::{DESKTOP, SHOP, Visitor, on_sale};

#[test]
fn an_operator_sees_topologies_instances_and_that_nothing_is_stuck() {
    on_sale("tables", "Side table", 20_000, 3);
    let operator = Visitor::arrive_as_operator();
    let browser = &operator.browser;
    browser.wait_for(".graph svg .topic").unwrap();
    browser.click("#tab-orders").unwrap();
    browser.wait_text(".tabs [aria-current=page]", "orders").unwrap();
    browser
        .wait("[...document.querySelectorAll('.graph text')].some((one) => one.textContent.includes('order-saga'))")
        .unwrap();
    browser
        .wait("[...document.querySelectorAll('.graph text')].some((one) => /\\/s$/.test(one.textContent))")
        .unwrap();
    browser.wait_text(".table", "order-commands").unwrap();
    operator.picture("operator-orders");
    operator.check("topologies");
    operator.go("/instances");
    browser.wait_text(".badge", "Ready").unwrap();
    browser.wait_text(".threads", "views").unwrap();
    assert!(!browser.text().contains("Tasks that nobody runs"));
    operator.picture("operator-instances");
    operator.check("instances");
    operator.go("/stuck");
    browser.wait_text(".empty", "No order is stuck").unwrap();
    operator.check("stuck orders");
    operator.go("/letters");
    browser.wait_text(".empty", "No dead letters").unwrap();
    operator.check("dead letters");
    browser.system_colours("dark").unwrap();
    operator.go("/topologies/views");
    browser.wait_for(".graph svg .topic").unwrap();
    operator.picture("operator-views-dark");
    operator.check("topologies in the dark");
    operator.check_widths(&["/topologies/views", "/instances"]);
    operator.leave();
}

#[test]
fn the_public_side_has_nothing_for_operators() {
    let visitor = Visitor::arrive(DESKTOP);
    let status = |path: &str| {
        let script = format!("return (await fetch('{path}')).status");
        visitor.browser.run_async(&script).unwrap()
    };
    for path in [
        "/operator/topologies",
        "/operator/stuck-orders",
        "/operator/instances",
        "/operator.html",
    ] {
        assert_eq!(status(path), 404, "{path}");
    }
    let answer = SHOP.ask_admin("/operator/progress").unwrap();
    assert_eq!(
        (answer.status, answer.body["items"].as_array().unwrap().len()),
        (200, 5)
    );
}

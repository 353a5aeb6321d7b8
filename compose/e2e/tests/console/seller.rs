//! What a seller does.

use serde_json::json;

use crate::support::{DESKTOP, SHOP, Visitor};

#[test]
fn a_seller_offers_a_product_and_sees_the_own_line_and_the_buyer() {
    let seller = Visitor::arrive(DESKTOP);
    let browser = &seller.browser;
    seller.register("SELLER");
    browser.wait_text(".empty", "No orders").unwrap();
    seller.check("no sales");
    seller.go("/stock");
    browser.wait_text(".empty", "You offer nothing yet").unwrap();
    seller.picture("seller-empty");
    browser.click("#new-product").unwrap();
    browser.click("dialog button[type=submit]").unwrap();
    browser.wait_text("dialog .error", "A whole amount").unwrap();
    seller.check("new product");
    browser.fill("dialog input[name=product]", "Walnut desk").unwrap();
    browser.fill("dialog input[name=price]", "320,000").unwrap();
    browser.fill("dialog input[name=stock]", "4").unwrap();
    browser.click("dialog button[type=submit]").unwrap();
    browser.wait_text(".item", "4 free, 0 held").unwrap();

    browser.click("[aria-label='Adjust stock: Walnut desk']").unwrap();
    browser.fill("dialog input[name=delta]", "-9").unwrap();
    browser.click("dialog button[type=submit]").unwrap();
    browser.wait_text("dialog .notice", "Fewer pieces are free").unwrap();
    browser.fill("dialog input[name=delta]", "3").unwrap();
    browser.click("dialog button[type=submit]").unwrap();
    browser.wait_text(".item", "7 free, 0 held").unwrap();
    browser.click("[aria-label='Edit: Walnut desk']").unwrap();
    browser.fill("dialog input[name=price]", "300000").unwrap();
    browser.click("dialog button[type=submit]").unwrap();
    browser.wait_text(".item", "₩300,000").unwrap();
    seller.check("products of a seller");
    seller.picture("seller-products");

    buy("Walnut desk");
    seller.go("/sales");
    browser.wait_text("a.item", "Walnut desk").unwrap();
    browser.wait_text("a.item", "Paid").unwrap();
    seller.picture("seller-sales");
    browser.click("a.item").unwrap();
    browser.wait_text(".timeline", "Goods left the store").unwrap();
    seller.check("order of a seller");
    assert!(
        !browser.text().contains("Cheap rug"),
        "the line of another seller is nobody's business"
    );
    seller.picture("seller-order");
    seller.go("/buyers");
    browser.wait_text(".badge", "1 paid").unwrap();
    seller.check("buyers");
    // The one refusal was asked for: fewer pieces were free.
    let complaints = browser.complaints().unwrap();
    assert!(
        complaints.len() == 1 && complaints[0].contains("409"),
        "{complaints:#?}"
    );
}

/// Somebody buys two desks, and in the same order a rug of another seller.
fn buy(name: &str) {
    let shop = &SHOP;
    let rugs = shop.account("rugs", "SELLER").unwrap();
    let rug = rugs.product(1_000, 5).unwrap();
    let buyer = shop.account("desk-buyer", "BUYER").unwrap();
    buyer.deposit(700_000).unwrap();
    let listed = buyer.get("/products?limit=100").unwrap().body;
    let items = listed["items"].as_array().unwrap();
    let desk = items.iter().find(|product| product["name"] == name).unwrap();
    let lines =
        json!({ "lines": [{ "product_id": desk["product_id"], "quantity": 2 }, { "product_id": rug, "quantity": 1 }] });
    let order = buyer.post("/orders", Some("desks"), &lines).unwrap();
    let id = order.body["order_id"].as_str().unwrap().to_owned();
    assert_eq!(buyer.settled(&id).unwrap()["status"], "PAID");
}

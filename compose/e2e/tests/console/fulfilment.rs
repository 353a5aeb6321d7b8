//! What buyers and sellers do with the lines of a paid order.

use e2e::Caller;
use e2e::browser::keys;
use serde_json::{Value, json};

use crate::support::{DESKTOP, PASSWORD, PHONE, SHOP, Visitor};

/// A paid order, and its two sides in front of their browsers, both of which show it.
struct Deal {
    buyer: Visitor,
    seller: Visitor,
    /// The seller beside the browser.
    api: Caller,
}

impl Deal {
    /// One piece of a product for each of these prices, all of one seller.
    fn close(name: &str, prices: &[i64], buyers_window: (u32, u32)) -> Self {
        let names = [format!("{name}-seller"), format!("{name}-buyer")];
        let api = SHOP.account(&names[0], "SELLER").unwrap();
        let buyer = SHOP.account(&names[1], "BUYER").unwrap();
        buyer.deposit(prices.iter().sum()).unwrap();
        let line = |price: &i64| json!({ "product_id": api.product(*price, 5).unwrap(), "quantity": 1 });
        let lines: Vec<Value> = prices.iter().map(line).collect();
        let placed = buyer.post("/orders", Some(name), &json!({ "lines": lines })).unwrap();
        let id = placed.body["order_id"].as_str().unwrap();
        assert_eq!(buyer.settled(id).unwrap()["status"], "PAID");
        let [seller, buyer] =
            [("/sales", &names[0], DESKTOP), ("/orders", &names[1], buyers_window)].map(|(list, name, window)| {
                let visitor = Visitor::arrive(window);
                visitor.log_in(&format!("{name}@example.com"), PASSWORD);
                visitor.browser.wait_for("nav.main").unwrap();
                visitor.go(&format!("{list}/{id}"));
                visitor.watch("PAID");
                visitor.browser.wait_text(".timeline", "Order paid").unwrap();
                // A mark that a page which was loaded again would not have.
                visitor.browser.run("window.stayed = true").unwrap();
                visitor
            });
        Self { buyer, seller, api }
    }

    /// Waits until both sides see that a line stands like this; `what` is `fulfilment` or `money`.
    fn watch_line(&self, line: u32, what: &str, value: &str) {
        for side in [&self.buyer, &self.seller] {
            side.browser
                .wait_for(&format!("[data-line='{line}'][data-{what}={value}]"))
                .unwrap();
        }
    }

    /// The seller says that everything is on its way.
    fn ship(&self) {
        let browser = &self.seller.browser;
        browser.click("#do-ship").unwrap();
        browser.fill("dialog input[name=carrier]", "CJ").unwrap();
        browser.fill("dialog input[name=tracking_number]", "6012-3344").unwrap();
        self.seller.check("shipping");
        self.seller.send_dialog();
        self.buyer.watch("SHIPPED");
        self.buyer.browser.wait_text(".lines", "6012-3344").unwrap();
    }
}

#[test]
fn what_is_shipped_and_kept_is_paid_to_the_seller_who_takes_the_money_out_once() {
    let deal = Deal::close("kept", &[40_000], DESKTOP);
    let (buyer, seller) = (&deal.buyer, &deal.seller);
    // To refund the only line is to cancel the order, which is offered already.
    buyer.browser.wait_for("#cancel").unwrap();
    assert_eq!(
        buyer
            .browser
            .run("return document.querySelector('#do-refund')")
            .unwrap(),
        Value::Null
    );
    deal.ship();
    buyer.browser.wait_text("[role=status]", "On its way: 1").unwrap();
    buyer
        .browser
        .wait_text(".notice", "Silence for 14 days counts as agreement")
        .unwrap();
    buyer.browser.wait("!document.querySelector('#cancel')").unwrap();
    buyer.picture("order-shipped");
    buyer.check("shipped");
    buyer.browser.click("#do-deliver").unwrap();
    buyer
        .browser
        .wait_text("dialog .notice", "pays the seller and cannot be undone")
        .unwrap();
    buyer
        .browser
        .wait_text("dialog [role=status]", "₩40,000 goes to the seller")
        .unwrap();
    buyer.picture("confirm-delivery");
    buyer.check("confirming delivery");
    buyer.send_dialog();
    buyer.watch("DELIVERED");
    deal.watch_line(1, "money", "SETTLED");
    buyer.browser.wait_text(".timeline", "Seller paid").unwrap();
    buyer.check("delivered");
    for side in [buyer, seller] {
        assert_eq!(side.browser.run("return window.stayed").unwrap(), Value::Bool(true));
    }

    seller.go("/wallet");
    seller.browser.wait_text(".big", "₩40,000").unwrap();
    seller.browser.click("#payout-KRW").unwrap();
    seller.browser.fill("dialog input[name=payout]", "50,000").unwrap();
    seller
        .browser
        .fill("dialog input[name=card]", "sandbox_approved")
        .unwrap();
    seller.send_dialog();
    seller
        .browser
        .wait_text("dialog .notice", "Less than that is free")
        .unwrap();
    seller.check("payout");
    seller.browser.fill("dialog input[name=payout]", "15,000").unwrap();
    // Pressed twice in a row it is one payout.
    seller
        .browser
        .press(&format!("{}{}", keys::ENTER, keys::ENTER))
        .unwrap();
    seller.browser.wait_text(".big", "₩25,000").unwrap();
    assert_eq!(
        deal.api.get("/wallet").unwrap().body["balances"][0]["available"],
        25_000
    );
    // The page looks again by itself.
    seller.browser.wait_text("[data-payout=PAID]", "₩15,000").unwrap();
    assert_eq!(
        seller
            .browser
            .run("return document.querySelectorAll('[data-payout]').length")
            .unwrap(),
        1
    );
    seller.picture("seller-wallet");
    seller.check("wallet of a seller");
    deal.buyer.leave();
    // The one refusal was asked for: less was free.
    deal.seller.leave_after(&["409"]);
}

#[test]
fn one_line_is_refunded_before_it_is_shipped_and_the_other_goes_on() {
    let deal = Deal::close("refunded", &[30_000, 12_000], DESKTOP);
    let (buyer, seller) = (&deal.buyer, &deal.seller);
    buyer.browser.click("#do-refund").unwrap();
    buyer
        .browser
        .wait_text("dialog [role=status]", "₩42,000 goes back to your wallet")
        .unwrap();
    buyer.browser.click("dialog input[name=all]").unwrap();
    buyer.send_dialog();
    buyer.browser.wait_text("dialog .error", "at least one line").unwrap();
    buyer.browser.click("dialog input[value='2']").unwrap();
    buyer
        .browser
        .wait_text("dialog [role=status]", "₩12,000 goes back to your wallet")
        .unwrap();
    buyer.check("refunding one line");
    buyer.send_dialog();
    deal.watch_line(2, "money", "REFUNDED");
    buyer
        .browser
        .wait_text(".timeline", "Returned goods in the store")
        .unwrap();
    // The dialog has given the focus back, wherever the page has been drawn anew since.
    assert_eq!(
        buyer.browser.run("return document.activeElement.id").unwrap(),
        "do-refund"
    );
    // From now on it goes line by line.
    buyer.browser.wait("!document.querySelector('#cancel')").unwrap();
    buyer.check("one line refunded");
    deal.ship();
    deal.watch_line(1, "fulfilment", "SHIPPED");
    seller.check("one line shipped");
    buyer.go("/wallet");
    buyer.browser.wait_text(".big", "₩12,000").unwrap();
    deal.buyer.leave();
    deal.seller.leave();
}

#[test]
fn a_seller_accepts_one_return_and_rejects_another_and_the_buyer_sees_both_on_a_phone_in_korean() {
    let deal = Deal::close("returned", &[20_000, 70_000], PHONE);
    let (buyer, seller) = (&deal.buyer, &deal.seller);
    buyer.browser.resize(PHONE.0, PHONE.1, true).unwrap();
    buyer.browser.system_colours("dark").unwrap();
    deal.ship();
    buyer.browser.click("#do-return").unwrap();
    buyer.browser.fill("dialog input[name=reason]", "Too large").unwrap();
    buyer.check("asking to return");
    buyer.send_dialog();
    deal.watch_line(2, "fulfilment", "RETURN_REQUESTED");
    seller.browser.wait_text(".timeline", "Too large").unwrap();
    seller
        .browser
        .wait_text(".notice", "silence for 14 days counts as agreement")
        .unwrap();
    seller.picture("return-requested");
    seller.check("a return asked for");
    seller.browser.click("#do-accept").unwrap();
    seller.browser.click("dialog input[value='2']").unwrap();
    seller
        .browser
        .wait_text("dialog [role=status]", "₩20,000 goes back to the buyer")
        .unwrap();
    seller.check("accepting a return");
    seller.send_dialog();
    deal.watch_line(1, "money", "REFUNDED");
    seller.browser.click("#do-reject").unwrap();
    seller.browser.fill("dialog input[name=reason]", "It was used").unwrap();
    seller.send_dialog();
    deal.watch_line(2, "fulfilment", "SHIPPED");
    buyer.browser.wait_text(".timeline", "It was used").unwrap();
    // Nobody asks a second time.
    buyer.browser.wait("!document.querySelector('#do-return')").unwrap();

    buyer.browser.click("#language").unwrap();
    buyer.browser.wait_text(".timeline", "반품 거절").unwrap();
    for width in [320, 360, 768] {
        buyer.browser.resize(width, 740, true).unwrap();
        buyer.check(&format!("an order with returns at {width} pixels"));
        buyer.browser.click("#do-deliver").unwrap();
        buyer.browser.wait_text("dialog .notice", "되돌릴 수 없습니다").unwrap();
        buyer.check(&format!("confirming delivery at {width} pixels"));
        buyer.browser.press(keys::ESCAPE).unwrap();
        buyer.browser.wait("!document.querySelector('dialog')").unwrap();
        assert_eq!(
            buyer.browser.run("return document.activeElement.id").unwrap(),
            "do-deliver"
        );
    }
    buyer.picture("phone-returns-ko-dark");
    deal.buyer.leave();
    deal.seller.leave();
}

//! Modules by themselves, in the browser that they are for.

use serde_json::{Value, json};

use crate::support::{DESKTOP, Visitor};

/// Runs statements with the exports of a module in `module`.
fn with_module(visitor: &Visitor, module: &str, statements: &str) -> Value {
    let script =
        format!("const module = await import(new URL('{module}', document.querySelector('script').src)); {statements}");
    visitor.browser.run_async(&script).unwrap()
}

#[test]
fn events_are_read_whatever_pieces_they_come_in() {
    let visitor = Visitor::arrive(DESKTOP);
    let read = |pieces: Value| {
        let statements = format!(
            "const events = []; const parser = new module.EventParser((event) => events.push(event));
             for (const piece of {pieces}) parser.push(piece);
             return events.map((event) => [event.id, event.type, event.data]);"
        );
        with_module(&visitor, "sse.js", &statements)
    };
    let stream = "\u{feff}: hello\nid: 1\nevent: OrderCreated\ndata: {\"a\":\ndata: 1}\n\nid:2\ndata:x\n\ndata\n\n";
    let whole = json!([
        ["1", "OrderCreated", "{\"a\":\n1}"],
        ["2", "message", "x"],
        ["2", "message", ""]
    ]);
    assert_eq!(read(json!([stream])), whole);
    let letters: Vec<String> = stream.chars().map(String::from).collect();
    assert_eq!(read(json!(letters)), whole);
    // All three ends of a line, also when a pair comes apart.
    assert_eq!(read(json!([stream.replace('\n', "\r\n")])), whole);
    let apart: Vec<String> = stream.replace('\n', "\r\n").chars().map(String::from).collect();
    assert_eq!(read(json!(apart)), whole);
    assert_eq!(read(json!([stream.replace('\n', "\r")])), whole);
    // What has not ended is no event, and comments are none either.
    assert_eq!(read(json!(["data: 1\n", ": comment\n"])), json!([]));
    let endless = "const parser = new module.EventParser(() => {});
        try { parser.push('x'.repeat(module.EVENT_CHARS_MAX + 1)); return 'taken'; } catch (error) { return error.name; }";
    assert_eq!(with_module(&visitor, "sse.js", endless), "RangeError");
    visitor.leave();
}

#[test]
fn money_is_shown_and_read_in_the_places_of_its_currency_and_never_rounded() {
    let visitor = Visitor::arrive(DESKTOP);
    let shown = |amount: i64, currency: &str, locale: &str| {
        let statements =
            format!("return module.formatMoney({{ amount: {amount}, currency: '{currency}' }}, '{locale}');");
        let shown = with_module(&visitor, "money.js", &statements);
        shown.as_str().unwrap().replace('\u{a0}', " ")
    };
    assert_eq!(shown(1_500, "KRW", "en"), "₩1,500");
    assert_eq!(shown(1_500, "KRW", "ko"), "₩1,500");
    assert_eq!(shown(5, "USD", "en"), "$0.05");
    assert_eq!(shown(-123_456, "USD", "en"), "-$1,234.56");
    assert_eq!(shown(1_234_567, "KWD", "en"), "KWD 1,234.567");
    assert_eq!(shown(999_999_999_999_999, "USD", "en"), "$9,999,999,999,999.99");
    let read = |text: &str, currency: &str| {
        with_module(
            &visitor,
            "money.js",
            &format!("return module.parseMoney({}, '{currency}');", json!(text)),
        )
    };
    assert_eq!(read("12,000", "KRW"), 12_000);
    assert_eq!(read(" 9.9 ", "USD"), 990);
    assert_eq!(read("0.29", "USD"), 29);
    for (text, currency) in [
        ("1.5", "KRW"),
        ("1.234", "USD"),
        ("-1", "KRW"),
        ("", "KRW"),
        ("ten", "KRW"),
        ("1e3", "KRW"),
    ] {
        assert_eq!(read(text, currency), Value::Null, "{text} {currency}");
    }
    visitor.leave();
}

#[test]
fn both_languages_have_words_under_the_same_keys_with_the_same_values_in_them() {
    let visitor = Visitor::arrive(DESKTOP);
    let statements =
        "const { default: ko } = await import(new URL('i18n/ko.js', document.querySelector('script').src));
        const en = module.default;
        const values = (words) => [...words.matchAll(/\\{\\w+\\}/g)].map(String).sort().join();
        const differs = (key) => !en[key] || !ko[key] || values(en[key]) !== values(ko[key]);
        return [...new Set([...Object.keys(en), ...Object.keys(ko)])].filter(differs);";
    assert_eq!(with_module(&visitor, "i18n/en.js", statements), json!([]));
    // Every code of the API has words.
    let codes: Vec<&str> = edge_api::problem::Code::ALL.iter().map(|code| code.name()).collect();
    let statements = format!(
        "return {}.filter((code) => !(`problem.${{code}}` in module.default));",
        json!(codes)
    );
    assert_eq!(with_module(&visitor, "i18n/en.js", &statements), json!([]));
    visitor.leave();
}

#[test]
fn a_graph_is_laid_out_from_left_to_right_without_two_nodes_in_one_place_and_cycles_end() {
    let visitor = Visitor::arrive(DESKTOP);
    let statements = "const node = (id) => ({ id, width: 100, height: 40 });
        const edges = [['a','b'],['b','c'],['a','c'],['d','c'],['c','a']].map(([from, to]) => ({ from, to }));
        const { nodes, edges: routed } = module.layOut(['a','b','c','d'].map(node), edges);
        const apart = (one, other) => one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y;
        const at = (id) => nodes.find((one) => one.id === id).x;
        return { apart: nodes.every((one) => nodes.every((other) => one === other || apart(one, other))),
            ordered: at('a') < at('b') && at('b') < at('c') && at('d') < at('c'), routed: routed.length,
            inside: routed.every((edge) => edge.points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))) };";
    let laid = with_module(&visitor, "operator/layout.js", statements);
    assert_eq!(
        laid,
        json!({ "apart": true, "ordered": true, "routed": 5, "inside": true })
    );
    visitor.leave();
}

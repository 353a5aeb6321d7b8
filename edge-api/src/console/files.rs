//! The files of the console, as bytes of the program.

/// A file and where it is found below `/console/{version}/`.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) bytes: &'static [u8],
}

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const BYTES: &str = "application/octet-stream";

/// The files of these paths.
macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(File {
            path: $path,
            bytes: include_bytes!(concat!("../../console/", $path)),
        }),+]
    };
}

/// Every file of the console.
pub(super) const FILES: &[File] = files![
    "favicon.svg",
    "index.html",
    "js/api.js",
    "js/cart.js",
    "js/dom.js",
    "js/frame.js",
    "js/i18n.js",
    "js/i18n/en.js",
    "js/i18n/ko.js",
    "js/icons.js",
    "js/live.js",
    "js/money.js",
    "js/operator.js",
    "js/operator/graph.js",
    "js/operator/instances.js",
    "js/operator/layout.js",
    "js/operator/letters.js",
    "js/operator/rates.js",
    "js/operator/stuck.js",
    "js/operator/topologies.js",
    "js/operator/watch.js",
    "js/parts/credentials.js",
    "js/parts/dialog.js",
    "js/parts/form.js",
    "js/parts/fulfilment.js",
    "js/parts/order.js",
    "js/parts/pager.js",
    "js/parts/states.js",
    "js/parts/timeline.js",
    "js/preferences.js",
    "js/router.js",
    "js/session.js",
    "js/shop.js",
    "js/sse.js",
    "js/time.js",
    "js/views/account.js",
    "js/views/buyers.js",
    "js/views/cart.js",
    "js/views/forgotten.js",
    "js/views/login.js",
    "js/views/order.js",
    "js/views/orders.js",
    "js/views/products.js",
    "js/views/register.js",
    "js/views/sales.js",
    "js/views/second_factor.js",
    "js/views/stock.js",
    "js/views/wallet.js",
    "js/views/welcome.js",
    "operator.html",
    "style/base.css",
    "style/operator.css",
    "style/parts.css",
    "style/tokens.css",
];

impl File {
    /// Pages have an address of their own.
    pub(super) fn is_page(&self) -> bool {
        self.content_type() == HTML
    }

    /// What browsers take it for.
    pub(super) fn content_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => HTML,
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => BYTES,
        }
    }
}

// The shop: a storefront for buyers and a desk for sellers.

import { onCart, pieces } from "./cart.js";
import { buildFrame } from "./frame.js";
import { language, onLanguage, t } from "./i18n.js";
import { applyTheme } from "./preferences.js";
import { currentPath, go, missingView, startRouter } from "./router.js";
import { currentAccount, isConfined, onAccount, resume } from "./session.js";
import { accountView } from "./views/account.js";
import { buyersView } from "./views/buyers.js";
import { cartView } from "./views/cart.js";
import { forgottenView } from "./views/forgotten.js";
import { loginView } from "./views/login.js";
import { orderView } from "./views/order.js";
import { ordersView } from "./views/orders.js";
import { productsView } from "./views/products.js";
import { registerView } from "./views/register.js";
import { salesView } from "./views/sales.js";
import { secondFactorView } from "./views/second_factor.js";
import { stockView } from "./views/stock.js";
import { walletView } from "./views/wallet.js";
import { welcomeView } from "./views/welcome.js";

/** Which views each role has. `as` shows the view to that role, and leads everybody else to the login. */
const ROUTES = [
  ["/", home],
  ["/login", loginView],
  ["/register", registerView],
  ["/forgotten", forgottenView],
  ["/products", as("BUYER", productsView)],
  ["/cart", as("BUYER", cartView)],
  ["/orders", as("BUYER", ordersView)],
  ["/orders/:id", as("BUYER", orderView("/orders"))],
  ["/wallet", as(null, walletView)],
  ["/sales", as("SELLER", salesView)],
  ["/sales/:id", as("SELLER", orderView("/sales"))],
  ["/stock", as("SELLER", stockView)],
  ["/buyers", as("SELLER", buyersView)],
  ["/account", as(null, accountView)],
  ["/second-factor", as(null, secondFactorView)],
];

/** The navigation of each role. */
const LINKS = {
  BUYER: () => [
    { path: "/products", name: t("nav.products"), icon: "shop" },
    { path: "/cart", name: t("nav.cart"), icon: "cart", count: pieces() },
    { path: "/orders", name: t("nav.orders"), icon: "orders" },
    { path: "/wallet", name: t("nav.wallet"), icon: "wallet" },
    { path: "/account", name: t("nav.account"), icon: "person" },
  ],
  SELLER: () => [
    { path: "/sales", name: t("nav.sales"), icon: "orders" },
    { path: "/stock", name: t("nav.stock"), icon: "box" },
    { path: "/buyers", name: t("nav.buyers"), icon: "people" },
    { path: "/wallet", name: t("nav.wallet"), icon: "wallet" },
    { path: "/account", name: t("nav.account"), icon: "person" },
  ],
};

/** Where each role begins. */
const START = { BUYER: "/products", SELLER: "/sales" };

function home(context) {
  if (isConfined()) return secondFactorView(context);
  const view = { BUYER: productsView, SELLER: salesView }[currentAccount()?.role] ?? welcomeView;
  return view(context);
}

function as(role, view) {
  return (context) => {
    const account = currentAccount();
    if (account === null) return loginView({ ...context, next: currentPath() });
    // Whatever such a session asks for, it has to take a second factor first.
    if (isConfined()) return secondFactorView(context);
    return role === null || account.role === role ? view(context) : missingView();
  };
}

document.documentElement.lang = language();
applyTheme();
await resume();
const frame = buildFrame({
  links: () => (isConfined() ? [] : LINKS[currentAccount()?.role]?.() ?? []),
  footWords: () => t("frame.shop"),
});
const draw = (path) => frame.draw(path === "/" ? START[currentAccount()?.role] ?? path : path);
const router = startRouter({ outlet: frame.outlet, routes: ROUTES, missing: missingView, onChange: draw });
let shown = currentAccount()?.account_id;
let wasConfined = false;
onCart(() => draw(currentPath()));
onLanguage(router.refresh);
onAccount((account) => {
  // Who logs out, here or in another tab, sees nothing more of the account.
  const isOther = account?.account_id !== shown;
  shown = account?.account_id;
  const isNewlyConfined = isConfined() && !wasConfined;
  wasConfined = isConfined();
  if (isOther && account === null) go("/login");
  else if (isOther || isNewlyConfined) router.refresh();
});

//! Lists of committed state, page by page.

use std::time::Duration;

use commerce::views::{self, BuyerOfSeller, TimelineItem, View, ViewRange};
use runtime::queries::{Entries, EntryRange, Freshness, QueryError};
use schemas::wire::order::Order;
use schemas::wire::product::Product;

use super::{Decode, Reader, address, decoded, refuse};
use crate::http::cursor::{self, Page};
use crate::limits::{FILTER_SCAN_MAX, READ_TIMEOUT};
use crate::model::order::OrderStatus;
use crate::problem::Problem;

impl Reader<'_> {
    /// Products of all sellers, by id.
    pub async fn products(&self, cursor: Option<&str>, size: usize) -> Result<Page<Product>, Problem> {
        let from = cursor
            .map(|cursor| cursor::decode(cursor).map(after))
            .transpose()?
            .unwrap_or_default();
        let range = EntryRange {
            from,
            to: None,
            reverse: false,
            limit: size + 1,
        };
        let (topology, store) = (views::PRODUCTS.topology, views::PRODUCTS.store);
        let entries = self.views.scan(topology, store, &range, READ_TIMEOUT).await;
        let entries = entries.map_err(|error| refuse(views::PRODUCTS, &error))?;
        let products = decode_all(views::PRODUCTS, &entries, views::product)?;
        Ok(page(products, size, |product| {
            cursor::encode(product.product_id.as_bytes())
        }))
    }

    /// Orders of a buyer ([`views::ORDERS_BY_BUYER`]) or a seller ([`views::ORDERS_BY_SELLER`]), the newest first, all
    /// or those in one status. A page of one status may be short although more follow: it looks at
    /// [`FILTER_SCAN_MAX`] orders at most.
    pub async fn orders_of(
        &self,
        view: View,
        owner_id: &str,
        cursor: Option<&str>,
        size: usize,
        status: Option<OrderStatus>,
    ) -> Result<Page<Order>, Problem> {
        let cursor = cursor.map(text_cursor).transpose()?;
        let range = views::listing(owner_id, cursor.as_deref()).ok_or_else(cursor::invalid)?;
        let limit = if status.is_some() { FILTER_SCAN_MAX } else { size + 1 };
        let entries = self.range(view, owner_id, range, limit).await?;
        let seen_all = entries.len() < limit;
        let orders = decode_all(view, &entries, views::listed_order)?;
        let last = orders.last().map(views::cursor);
        let is_wanted = |order: &Order| status.is_none_or(|status| status == order.status.into());
        let wanted: Vec<Order> = orders.into_iter().filter(is_wanted).collect();
        let is_short = wanted.len() <= size;
        let mut page = page(wanted, size, |order| cursor::encode(views::cursor(order).as_bytes()));
        if is_short && !seen_all {
            page.next_cursor = last.map(|cursor| cursor::encode(cursor.as_bytes()));
        }
        Ok(page)
    }

    /// Waits, as long as a read may take, until an owner's listing has this order in this version or a later one; whether it has.
    pub async fn await_listed(&self, view: View, owner: &str, order: &Order, version: i64) -> Result<bool, Problem> {
        let key = views::listed_key(owner, order);
        let has = |value: Option<&[u8]>| {
            let listed = value.map(views::listed_order);
            // What cannot be read is not waited for: reading the list says why.
            listed.is_some_and(|listed| listed.map_or(true, |listed| listed.version >= version))
        };
        let at = address(view, owner.as_bytes());
        let value = self.views.wait(at, &key, READ_TIMEOUT, &has).await;
        Ok(has(value.map_err(|error| refuse(view, &error))?.as_deref()))
    }

    /// Buyers of a seller, by id.
    pub async fn buyers_of(
        &self,
        seller_id: &str,
        cursor: Option<&str>,
        size: usize,
    ) -> Result<Page<BuyerOfSeller>, Problem> {
        let mut range = views::all_of(seller_id);
        if let Some(cursor) = cursor {
            range.from = after(views::buyer_key(seller_id, &text_cursor(cursor)?));
        }
        let view = views::BUYERS_BY_SELLER;
        let entries = self.range(view, seller_id, range, size + 1).await?;
        let buyers = decode_all(view, &entries, views::buyer)?;
        Ok(page(buyers, size, |buyer| cursor::encode(buyer.buyer_id.as_bytes())))
    }

    /// One buyer of a seller.
    pub async fn buyer_of(&self, seller_id: &str, buyer_id: &str) -> Result<Option<BuyerOfSeller>, Problem> {
        let key = views::buyer_key(seller_id, buyer_id);
        self.get_entry(
            views::BUYERS_BY_SELLER,
            seller_id,
            &key,
            &Freshness::Committed,
            views::buyer,
        )
        .await
    }

    /// Events of an order after the one with number `after`, at most `limit`. Whoever has seen a version of the order sees the
    /// event that made it: the timeline trails the order by a moment, which is waited for.
    pub async fn events_of(&self, order: &Order, after: u64, limit: usize) -> Result<Vec<TimelineItem>, Problem> {
        let view = views::TIMELINE;
        let newest = u64::try_from(order.version).unwrap_or(0);
        if !self.await_event(&order.order_id, newest, READ_TIMEOUT).await? {
            return Err(refuse(view, &QueryError::TimedOut(READ_TIMEOUT)));
        }
        let range = views::timeline(&order.order_id, after);
        let entries = self.range(view, &order.order_id, range, limit).await?;
        decode_all(view, &entries, views::timeline_item)
    }

    /// Waits for an event of an order; whether it was there within the time.
    pub async fn await_event(&self, order_id: &str, seq: u64, timeout: Duration) -> Result<bool, Problem> {
        let (view, key) = (views::TIMELINE, views::timeline_key(order_id, seq));
        let at = address(view, order_id.as_bytes());
        let seen = self.views.wait(at, &key, timeout, &|value| value.is_some()).await;
        Ok(seen.map_err(|error| refuse(view, &error))?.is_some())
    }

    async fn range(&self, view: View, owner: &str, range: ViewRange, limit: usize) -> Result<Entries, Problem> {
        let range = EntryRange {
            from: range.from,
            to: range.to,
            reverse: false,
            limit,
        };
        let at = address(view, owner.as_bytes());
        let entries = self.views.range(at, &range, &Freshness::Committed, READ_TIMEOUT).await;
        entries.map_err(|error| refuse(view, &error))
    }
}

/// The first key behind `key`.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn text_cursor(cursor: &str) -> Result<String, Problem> {
    String::from_utf8(cursor::decode(cursor)?)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(cursor::invalid)
}

fn decode_all<T>(view: View, entries: &Entries, decode: Decode<T>) -> Result<Vec<T>, Problem> {
    entries.iter().map(|(_, value)| decoded(view, value, decode)).collect()
}

/// The first `size` of `items`; if there are more, with the cursor of the last that is in.
fn page<T>(mut items: Vec<T>, size: usize, cursor_of: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > size;
    items.truncate(size);
    let next_cursor = items.last().filter(|_| more).map(cursor_of);
    Page { items, next_cursor }
}

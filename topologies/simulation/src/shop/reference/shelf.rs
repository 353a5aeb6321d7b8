//! The shelf, told again by hand: what each command about a product has to lead to.

use std::collections::{BTreeMap, BTreeSet};

use schemas::wire::product::{CreateProduct, Product, ProductCommandPayload};
use schemas::wire::stock::{
    ProductRefusal, ProductRefused, ReserveStock, StockChangeKind, StockChanged, StockCommandPayload, StockConfirmed,
    StockEventPayload as Event, StockRejected, StockRejection, StockReleased, StockReplyPayload as Reply,
    StockReserved, StockRestocked, StockReturned,
};

/// One product and everything that is held of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    id: String,
    product: Option<Offered>,
    holds: BTreeMap<(String, i32), Hold>,
    adjustments: BTreeSet<String>,
}

/// A command of either topic.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    BySeller(ProductCommandPayload),
    ByOrder(StockCommandPayload),
}

/// What a command leads to.
pub(super) type Told = (Option<Event>, Option<Reply>);

#[derive(Debug, Clone)]
struct Offered {
    /// As it was created, with the name and the price of now.
    entry: CreateProduct,
    on_hand: i64,
    reserved: i64,
}

#[derive(Debug, Clone)]
struct Hold {
    stands: Stands,
    quantity: i64,
    /// Pieces that were free when it was refused.
    free: i64,
    /// The product when it was reserved.
    entry: CreateProduct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Reserved,
    Sold,
    Released,
    Restocked,
    Returned,
    Rejected,
}

impl Shelf {
    pub(super) fn of(product: &str) -> Self {
        Self {
            id: product.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn take(&mut self, asked: &Asked) -> Told {
        match asked {
            Asked::BySeller(command) => (self.change(command), None),
            Asked::ByOrder(command) => self.hold(command),
        }
    }

    /// What is wrong with what was published of it last.
    pub(super) fn differs(&self, published: Option<&Product>) -> Option<String> {
        let offered = self.product.as_ref();
        let own = offered.map(|offered| {
            let entry = &offered.entry;
            (&entry.name, &entry.price, offered.on_hand, offered.reserved)
        });
        let other = published.map(|product| (&product.name, &product.price, product.on_hand, product.reserved));
        (own != other).then(|| format!("published is {other:?}, and it should be {own:?}"))
    }

    fn change(&mut self, command: &ProductCommandPayload) -> Option<Event> {
        let Some(offered) = &mut self.product else {
            let ProductCommandPayload::CreateProduct(entry) = command else {
                return Some(refused(ProductRefusal::UnknownProduct));
            };
            self.product = Some(Offered {
                entry: entry.clone(),
                on_hand: 0,
                reserved: 0,
            });
            return self.book(StockChangeKind::Created, None, entry.stock, 0);
        };
        match command {
            // Sellers of the simulation offer a product once, in the same words each time.
            ProductCommandPayload::CreateProduct(_) => None,
            ProductCommandPayload::ChangeProduct(change) => {
                if let Some(name) = &change.name {
                    offered.entry.name.clone_from(name);
                }
                if let Some(price) = &change.price {
                    offered.entry.price.clone_from(price);
                }
                None
            }
            ProductCommandPayload::AdjustStock(adjust) => {
                if self.adjustments.contains(&adjust.adjustment_id) {
                    return None;
                }
                if offered.on_hand + adjust.delta < offered.reserved {
                    return Some(refused(ProductRefusal::StockWouldBeNegative));
                }
                self.adjustments.insert(adjust.adjustment_id.clone());
                self.book(StockChangeKind::Adjusted, None, adjust.delta, 0)
            }
        }
    }

    fn hold(&mut self, command: &StockCommandPayload) -> Told {
        let (order, line) = match command {
            StockCommandPayload::ReserveStock(asked) => return self.reserve(asked),
            StockCommandPayload::ConfirmStock(asked) => (&asked.order_id, asked.line),
            StockCommandPayload::ReleaseStock(asked) => (&asked.order_id, asked.line),
            StockCommandPayload::RestockStock(asked) => (&asked.order_id, asked.line),
            StockCommandPayload::ReturnStock(asked) => (&asked.order_id, asked.line),
        };
        let Some(offered) = &self.product else {
            return (None, Some(self.released(line)));
        };
        let place = (order.clone(), line);
        let Some(hold) = self.holds.get_mut(&place) else {
            let hold = Hold::new(Stands::Released, 0, 0, &offered.entry);
            self.holds.insert(place, hold);
            return (None, Some(self.released(line)));
        };
        let pieces = hold.quantity;
        let (stands, change) = match (hold.stands, command) {
            (Stands::Reserved, StockCommandPayload::ConfirmStock(_)) => {
                (Stands::Sold, Some((StockChangeKind::Confirmed, -pieces, -pieces)))
            }
            (Stands::Reserved, _) => (Stands::Released, Some((StockChangeKind::Released, 0, -pieces))),
            (Stands::Sold, StockCommandPayload::RestockStock(_)) => {
                (Stands::Restocked, Some((StockChangeKind::Restocked, pieces, 0)))
            }
            (Stands::Sold, StockCommandPayload::ReturnStock(_)) => {
                (Stands::Returned, Some((StockChangeKind::Returned, pieces, 0)))
            }
            (stands, _) => (stands, None),
        };
        hold.stands = stands;
        let mut hold = hold.clone();
        // Who does not ask for the goods back hears that they were sold.
        let asks_back = matches!(
            command,
            StockCommandPayload::ReturnStock(_) | StockCommandPayload::RestockStock(_)
        );
        if stands == Stands::Returned && !asks_back {
            hold.stands = Stands::Sold;
        }
        let event = change.and_then(|(kind, on_hand, reserved)| self.book(kind, Some(&place), on_hand, reserved));
        (event, Some(self.answer(&hold, line, 1)))
    }

    fn reserve(&mut self, asked: &ReserveStock) -> Told {
        let Some(offered) = &self.product else {
            let rejected = self.rejected(
                asked.line,
                asked.attempt,
                StockRejection::UnknownProduct,
                (asked.quantity, 0),
            );
            return (None, Some(rejected));
        };
        let place = (asked.order_id.clone(), asked.line);
        let free = offered.on_hand - offered.reserved;
        if let Some(hold) = self.holds.get(&place) {
            let is_open = !matches!(hold.stands, Stands::Released | Stands::Restocked);
            if is_open && hold.quantity != asked.quantity {
                return (Some(refused(ProductRefusal::Conflict)), None);
            }
            return (None, Some(self.reserved(hold, asked.line, asked.attempt)));
        }
        let is_there = asked.quantity <= free;
        let stands = if is_there { Stands::Reserved } else { Stands::Rejected };
        let hold = Hold::new(stands, asked.quantity, free, &offered.entry);
        self.holds.insert(place.clone(), hold.clone());
        let event = is_there
            .then(|| self.book(StockChangeKind::Reserved, Some(&place), 0, asked.quantity))
            .flatten();
        (event, Some(self.reserved(&hold, asked.line, asked.attempt)))
    }

    fn book(
        &mut self,
        kind: StockChangeKind,
        hold: Option<&(String, i32)>,
        delta_on_hand: i64,
        delta_reserved: i64,
    ) -> Option<Event> {
        let offered = self.product.as_mut()?;
        offered.on_hand += delta_on_hand;
        offered.reserved += delta_reserved;
        Some(Event::StockChanged(StockChanged {
            kind,
            order_id: hold.map(|(order, _)| order.clone()),
            line: hold.map(|(_, line)| *line),
            delta_on_hand,
            delta_reserved,
            on_hand: offered.on_hand,
            reserved: offered.reserved,
        }))
    }

    /// The answer to a reservation: goods that were sold are held from the order's point of view.
    fn reserved(&self, hold: &Hold, line: i32, attempt: i32) -> Reply {
        let stands = if matches!(hold.stands, Stands::Sold | Stands::Returned) {
            Stands::Reserved
        } else {
            hold.stands
        };
        self.answer(&Hold { stands, ..hold.clone() }, line, attempt)
    }

    fn answer(&self, hold: &Hold, line: i32, attempt: i32) -> Reply {
        let product_id = self.id.clone();
        match hold.stands {
            Stands::Reserved => Reply::StockReserved(StockReserved {
                line,
                attempt,
                product_id,
                seller_id: hold.entry.seller_id.clone(),
                product_name: hold.entry.name.clone(),
                quantity: hold.quantity,
                unit_price: hold.entry.price.clone(),
            }),
            Stands::Sold => Reply::StockConfirmed(StockConfirmed { line, product_id }),
            Stands::Released => self.released(line),
            Stands::Restocked => Reply::StockRestocked(StockRestocked { line, product_id }),
            Stands::Returned => Reply::StockReturned(StockReturned { line, product_id }),
            Stands::Rejected => self.rejected(line, attempt, StockRejection::OutOfStock, (hold.quantity, hold.free)),
        }
    }

    fn released(&self, line: i32) -> Reply {
        let product_id = self.id.clone();
        Reply::StockReleased(StockReleased { line, product_id })
    }

    fn rejected(&self, line: i32, attempt: i32, reason: StockRejection, (requested, available): (i64, i64)) -> Reply {
        Reply::StockRejected(StockRejected {
            line,
            attempt,
            product_id: self.id.clone(),
            reason,
            requested,
            available,
        })
    }
}

impl Hold {
    fn new(stands: Stands, quantity: i64, free: i64, entry: &CreateProduct) -> Self {
        Self {
            stands,
            quantity,
            free,
            entry: entry.clone(),
        }
    }
}

fn refused(reason: ProductRefusal) -> Event {
    Event::ProductRefused(ProductRefused { reason })
}

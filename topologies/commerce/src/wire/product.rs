//! Records of the catalogue.

use schemas::wire::product as wire;

use crate::ids::RecordId;
use crate::product::{Product, ProductCommand};
use crate::wire::{WireError, count, id, money, money_to_wire, number};

/// Reads a command with its envelope id.
pub fn command(payload: wire::ProductCommandPayload, command_id: RecordId) -> Result<ProductCommand, WireError> {
    Ok(match payload {
        wire::ProductCommandPayload::CreateProduct(create) => ProductCommand::Create {
            seller_id: id(create.seller_id, "seller id")?,
            name: create.name,
            price: money(&create.price)?,
            stock: create.stock,
        },
        wire::ProductCommandPayload::ChangeProduct(change) => ProductCommand::Change {
            name: change.name,
            price: change.price.as_ref().map(money).transpose()?,
            if_version: change.if_version.map(count).transpose()?,
            command_id,
        },
        wire::ProductCommandPayload::AdjustStock(adjust) => ProductCommand::Adjust {
            delta: adjust.delta,
            adjustment_id: id(adjust.adjustment_id, "adjustment id")?,
        },
    })
}

/// A product as it is published.
#[must_use]
pub fn snapshot(product: &Product) -> wire::Product {
    wire::Product {
        product_id: product.product_id.0.clone(),
        seller_id: product.seller_id.0.clone(),
        name: product.name.clone(),
        price: money_to_wire(product.price),
        on_hand: product.on_hand,
        reserved: product.reserved,
        version: number(product.version),
        updated_at: product.updated_at,
    }
}

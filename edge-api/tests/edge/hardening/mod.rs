//! What holds for every operation at once, and for the text of what is shipped: the proofs that ASVS.md names and no other test has.

mod answers;
mod description;
mod kept;
mod listeners;
mod requests;
mod shipped;

use edge_api::auth::access::{Operation, Who};
use serde_json::Value;

use crate::support::people::Person;
use crate::support::{Client, Shop};

/// Somebody of each kind.
struct Cast {
    shop: Shop,
    buyer: Person,
    seller: Person,
}

impl Cast {
    async fn gather() -> Self {
        let shop = Shop::open().await;
        let (buyer, seller) = (shop.buyer().await, shop.seller().await);
        Self { shop, buyer, seller }
    }

    /// Somebody whom the operation lets in.
    fn caller(&self, operation: &Operation) -> Client {
        match operation.who {
            Who::Public => self.shop.anonymous(),
            Who::Account | Who::Buyer => self.buyer.client.clone(),
            Who::Seller => self.seller.client.clone(),
        }
    }
}

fn path(operation: &Operation) -> String {
    operation.path.replace("{id}", "none")
}

async fn description(shop: &Shop) -> Value {
    shop.anonymous().get("/openapi.json").await.expect(200).body
}

fn described<'d>(description: &'d Value, operation: &Operation) -> &'d Value {
    &description["paths"][operation.path][operation.method.to_lowercase()]
}

/// The names of an operation's parameters of this kind.
fn parameters(description: &Value, operation: &Operation, kind: &str) -> Vec<String> {
    let parameters = described(description, operation)["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    let of_kind = parameters.filter(|parameter| parameter["in"] == kind);
    of_kind
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

//! What buyers and sellers do with the lines of a paid order.

use schemas::wire::fulfilment as wire;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::checks::Checks;
use super::shown::shown;
use super::whole;
use crate::limits::{ORDER_LINES_MAX, REASON_CHARS_MAX};
use crate::problem::Problem;

/// The number of a line within its order, at most.
const LINE_NUMBER_MAX: i64 = 65_535;

/// The number of a line, from 1 to [`LINE_NUMBER_MAX`] once it is checked.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LineNumber(#[serde(deserialize_with = "whole::deserialize")] i64);

impl ToSchema for LineNumber {}

impl PartialSchema for LineNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(LINE_NUMBER_MAX))
            .description(Some("The number of a line within its order."))
            .into()
    }
}

/// Ships own lines.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipment {
    /// Numbers of the lines; without any, all own lines that are not shipped.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Option<Vec<LineNumber>>,
    /// Who carries the parcel.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub carrier: Option<String>,
    /// Number of the parcel at the carrier.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub tracking_number: Option<String>,
}

/// Confirms that lines have arrived and are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Numbers of the lines; without any, all that are shipped.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Option<Vec<LineNumber>>,
}

/// Asks for something about lines, with a reason.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesWithReason {
    /// Numbers of the lines; without any, all that this can be about.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Option<Vec<LineNumber>>,
    /// Words of who asks.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub reason: Option<String>,
}

shown! {
    /// Where a paid line is on its way to the buyer.
    Fulfilment {
        /// With the seller.
        Unshipped,
        /// On its way, or with a buyer who has not said so. After 14 days it counts as delivered.
        Shipped,
        /// The buyer wants to give it back. A seller who says nothing for 14 days agrees.
        ReturnRequested,
        /// The buyer has it and keeps it.
        Delivered,
    }
}

shown! {
    /// Where the money of a line goes once the order is paid.
    LineMoney {
        /// It shares the fate of the order's money.
        WithOrder,
        /// On its way back to the buyer.
        Refunding,
        /// Back with the buyer.
        Refunded,
        /// On its way to the seller.
        Settling,
        /// With the seller.
        Settled,
    }
}

impl Shipment {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        lines(&mut checks, self.lines.as_deref());
        checks.optional_text("/carrier", self.carrier.as_deref(), REASON_CHARS_MAX);
        checks.optional_text("/tracking_number", self.tracking_number.as_deref(), REASON_CHARS_MAX);
        checks.finish()
    }
}

impl Delivery {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        lines(&mut checks, self.lines.as_deref());
        checks.finish()
    }
}

impl LinesWithReason {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        lines(&mut checks, self.lines.as_deref());
        checks.optional_text("/reason", self.reason.as_deref(), REASON_CHARS_MAX);
        checks.finish()
    }
}

/// Lines that were checked, as a command has them; none where it is about all.
#[must_use]
pub fn numbers(lines: Option<Vec<LineNumber>>) -> Vec<i32> {
    let number = |LineNumber(line)| i32::try_from(line).unwrap_or(i32::MAX);
    lines.into_iter().flatten().map(number).collect()
}

fn lines(checks: &mut Checks, lines: Option<&[LineNumber]>) {
    let Some(lines) = lines else { return };
    if !(1..=ORDER_LINES_MAX).contains(&lines.len()) {
        checks.report(
            "/lines",
            "LENGTH",
            format!("1 to {ORDER_LINES_MAX} lines, or no field at all."),
        );
    }
    for (index, LineNumber(line)) in lines.iter().enumerate() {
        checks.number(&format!("/lines/{index}"), *line, 1, LINE_NUMBER_MAX);
    }
}

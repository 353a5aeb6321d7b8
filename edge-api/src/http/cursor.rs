//! Where the next page of a list begins, as an opaque word for the client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::{CURSOR_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX};
use crate::problem::{Code, Problem};

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// The cursor that stands for a key of a store.
#[must_use]
pub fn encode(key: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// The key that a cursor stands for.
pub fn decode(cursor: &str) -> Result<Vec<u8>, Problem> {
    let bytes = (cursor.len() <= CURSOR_BYTES_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten();
    bytes.ok_or_else(invalid)
}

/// The answer to a cursor that is none of ours.
#[must_use]
pub fn invalid() -> Problem {
    Problem::field(
        Code::InvalidField,
        "/cursor",
        "INVALID_CURSOR",
        "Use the `next_cursor` of the page before.",
    )
}

/// The number of entries that a page has: `limit` within 1 and [`PAGE_MAX`], [`PAGE_DEFAULT`] without it.
pub fn page_size(limit: Option<u32>) -> Result<usize, Problem> {
    let size = limit.map_or(Some(PAGE_DEFAULT), |limit| usize::try_from(limit).ok());
    size.filter(|size| (1..=PAGE_MAX).contains(size)).ok_or_else(|| {
        Problem::field(
            Code::OutOfBounds,
            "/limit",
            "OUT_OF_RANGE",
            format!("A page has 1 to {PAGE_MAX} entries."),
        )
    })
}

impl<T> Page<T> {
    /// The same page with its entries in another form.
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(form).collect(),
            next_cursor: self.next_cursor,
        }
    }
}

//! The bounds of request fields. Every field at fault is reported, not only the first.

use commerce::money::Currency;
use commerce::payment::CardToken;

use super::money::MoneyBody;
use crate::http::parameters::is_id;
use crate::problem::{Code, FieldError, Problem};

/// Collects what is out of bounds in one request.
#[derive(Debug, Default)]
pub struct Checks(Vec<FieldError>);

impl Checks {
    /// Nothing is checked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports a field.
    pub fn report(&mut self, pointer: impl Into<String>, code: &str, detail: impl Into<String>) {
        self.0.push(FieldError {
            pointer: pointer.into(),
            code: code.to_owned(),
            detail: detail.into(),
        });
    }

    /// A number within inclusive bounds.
    pub fn number(&mut self, pointer: &str, value: i64, from: i64, to: i64) {
        if !(from..=to).contains(&value) {
            self.report(pointer, "OUT_OF_RANGE", format!("Between {from} and {to}."));
        }
    }

    /// A text of 1 to `chars_max` characters that is not only space and has no control characters.
    pub fn text(&mut self, pointer: &str, value: &str, chars_max: usize) {
        if value.trim().is_empty() || value.chars().count() > chars_max {
            self.report(pointer, "LENGTH", format!("1 to {chars_max} characters."));
        } else if value.chars().any(char::is_control) {
            self.report(pointer, "CONTROL_CHARACTER", "No control characters.");
        }
    }

    /// A text that may be left out.
    pub fn optional_text(&mut self, pointer: &str, value: Option<&str>, chars_max: usize) {
        if let Some(value) = value {
            self.text(pointer, value, chars_max);
        }
    }

    /// An id.
    pub fn id(&mut self, pointer: &str, value: &str) {
        if !is_id(value) {
            self.report(
                pointer,
                "INVALID_ID",
                "An id has letters, digits, `-`, `_` and `.` only.",
            );
        }
    }

    /// An amount of 1 to `amount_max` minor units in a currency of three capital letters.
    pub fn money(&mut self, pointer: &str, value: &MoneyBody, amount_max: i64) {
        self.number(&format!("{pointer}/amount"), value.amount, 1, amount_max);
        if Currency::parse(&value.currency).is_err() {
            self.report(
                format!("{pointer}/currency"),
                "INVALID_CURRENCY",
                "An ISO 4217 code such as KRW.",
            );
        }
    }

    /// The token of a card, which may be left out, and has to be where no card is taken. What was sent is never repeated: it could be
    /// the number of a card.
    pub fn card(&mut self, pointer: &str, card: Option<&str>, takes_cards: bool) {
        match card.map(CardToken::parse) {
            None => {}
            Some(_) if !takes_cards => {
                self.report(pointer, "CARDS_NOT_TAKEN", "This shop takes no cards: leave it out.");
            }
            Some(Err(reason)) => self.report(pointer, "INVALID_CARD", reason.to_string()),
            Some(Ok(_)) => {}
        }
    }

    /// Refuses the request if anything was reported.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(Code::OutOfBounds, self.0))
        }
    }
}

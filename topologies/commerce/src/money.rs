//! Money in minor units of one currency, with checked arithmetic only.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An ISO-4217 code: three ASCII capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// An amount in minor units (cents, won) of one currency. It may be negative where a posting is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units of [`Money::currency`].
    pub amount: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

/// Why two amounts have no sum, or an amount no multiple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The code is not three ASCII capital letters.
    #[error("a currency is three capital letters")]
    NotACurrency,
    /// The two amounts are of different currencies.
    #[error("the amounts are of different currencies")]
    CurrencyMismatch,
    /// The result does not fit 64 bits.
    #[error("the amount is out of range")]
    OutOfRange,
    /// The parts of a split are none, or weigh nothing together.
    #[error("nothing to split between")]
    NoParts,
}

impl Currency {
    /// Reads a code such as `KRW`.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| MoneyError::NotACurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(letters))
        } else {
            Err(MoneyError::NotACurrency)
        }
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        // Three ASCII letters by construction, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl Money {
    /// An amount of minor units.
    #[must_use]
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount: 0, currency }
    }

    /// The sum of two amounts of one currency.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// The total of a line: this unit price times a quantity.
    pub fn times(self, quantity: i64) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(quantity).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// Splits the amount by weights without losing a unit: each part gets its rounded-down share,
    /// and the units left over go to the largest remainders (to the earlier part when equal).
    pub fn split(self, weights: &[u32]) -> Result<Vec<Self>, MoneyError> {
        let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
        if whole == 0 {
            return Err(MoneyError::NoParts);
        }
        let exact = weights
            .iter()
            .map(|weight| i128::from(self.amount) * i128::from(*weight));
        let mut shares: Vec<(i128, i128)> = exact
            .map(|share| (share.div_euclid(whole), share.rem_euclid(whole)))
            .collect();
        let left_over = i128::from(self.amount) - shares.iter().map(|share| share.0).sum::<i128>();
        for index in largest_remainders(&shares, left_over) {
            if let Some(share) = shares.get_mut(index) {
                share.0 += 1;
            }
        }
        shares.into_iter().map(|(units, _)| self.with_units(units)).collect()
    }

    fn with_units(self, units: i128) -> Result<Self, MoneyError> {
        let amount = i64::try_from(units).map_err(|_| MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch)
        }
    }
}

/// The indexes of the `count` largest remainders, the earlier first when equal.
fn largest_remainders(shares: &[(i128, i128)], count: i128) -> impl Iterator<Item = usize> + use<> {
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(shares.get(*index).map_or(0, |share| share.1)));
    order.into_iter().take(usize::try_from(count).unwrap_or(0))
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn krw(amount: i64) -> Money {
        Money::new(amount, Currency::parse("KRW").unwrap())
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        let won = Currency::parse("KRW").unwrap();
        assert_eq!((won.code(), format!("{won:?}").as_str()), ("KRW", "KRW"));
        for wrong in ["", "KR", "KRWW", "krw", "K1W", "€"] {
            assert_eq!(Currency::parse(wrong), Err(MoneyError::NotACurrency), "{wrong}");
        }
    }

    #[test]
    fn amounts_of_one_currency_add_up() {
        assert_eq!(krw(2).plus(krw(3)), Ok(krw(5)));
        assert_eq!(krw(2).times(3), Ok(krw(6)));
    }

    #[test]
    fn different_currencies_have_no_sum() {
        let dollars = Money::new(1, Currency::parse("USD").unwrap());
        assert_eq!(krw(1).plus(dollars), Err(MoneyError::CurrencyMismatch));
    }

    #[test]
    fn overflow_is_an_error_not_a_wrong_amount() {
        assert_eq!(krw(i64::MAX).plus(krw(1)), Err(MoneyError::OutOfRange));
        assert_eq!(krw(i64::MAX).times(2), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn the_units_left_over_go_to_the_largest_remainders() {
        let parts = krw(100).split(&[1, 1, 1]).unwrap();
        assert_eq!(parts, [krw(34), krw(33), krw(33)]);
        assert_eq!(krw(10).split(&[1, 5]).unwrap(), [krw(2), krw(8)]);
        assert_eq!(krw(10).split(&[0, 0]), Err(MoneyError::NoParts));
    }

    proptest! {
        #[test]
        fn a_split_loses_and_invents_nothing(amount: i64, weights in proptest::collection::vec(0u32.., 1..20)) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let parts = krw(amount).split(&weights).unwrap();
            let sum: i128 = parts.iter().map(|part| i128::from(part.amount)).sum();
            prop_assert_eq!(sum, i128::from(amount));
            let whole: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(amount) * i128::from(*weight);
                prop_assert!((i128::from(part.amount) * whole - exact).abs() < whole);
            }
        }
    }
}

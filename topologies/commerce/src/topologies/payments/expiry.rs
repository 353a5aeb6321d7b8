//! What the timers of the payments topology are for.

use streams::ProcessError;

/// What a timer is to forget, or to ask again.
pub(super) enum Expiry {
    Payment(Vec<u8>),
    Transfer(Vec<u8>),
    Credit(Vec<u8>),
    /// Nothing is forgotten: the provider is asked again about the payment.
    Call(Vec<u8>),
    /// Nor here: it is asked again about the payout.
    Payout(Vec<u8>),
}

impl Expiry {
    pub(super) fn tag(self) -> Vec<u8> {
        let (tag, mut key) = match self {
            Self::Payment(key) => (b'p', key),
            Self::Transfer(key) => (b't', key),
            Self::Credit(key) => (b'c', key),
            Self::Call(key) => (b'a', key),
            Self::Payout(key) => (b'o', key),
        };
        key.push(tag);
        key
    }

    pub(super) fn untag(mut tagged: Vec<u8>) -> Result<Self, ProcessError> {
        match tagged.pop() {
            Some(b'p') => Ok(Self::Payment(tagged)),
            Some(b't') => Ok(Self::Transfer(tagged)),
            Some(b'c') => Ok(Self::Credit(tagged)),
            Some(b'a') => Ok(Self::Call(tagged)),
            Some(b'o') => Ok(Self::Payout(tagged)),
            Some(_) | None => Err(ProcessError::refused("a timer of an unknown kind")),
        }
    }
}

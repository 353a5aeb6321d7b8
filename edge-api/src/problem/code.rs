//! The kinds of problem: one row each.

use axum::http::StatusCode;
use axum::http::header::HeaderValue;

/// What kind of problem it is. The names are stable; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request line, a header, a parameter or the body cannot be read.
    Malformed,
    /// The body has a field that the operation does not know, or lacks one, or one has another type.
    InvalidField,
    /// The operation needs an `Idempotency-Key` header.
    IdempotencyKeyMissing,
    /// No access token was sent.
    Unauthenticated,
    /// The access token is not valid.
    InvalidToken,
    /// The session is over: log in again.
    SessionEnded,
    /// A token of this session was used twice; the session is over for everybody who holds it.
    TokenReused,
    /// E-mail address or password are wrong.
    WrongCredentials,
    /// The password is right, and the account needs a code too.
    SecondFactorRequired,
    /// The password that was to confirm the request is wrong.
    WrongPassword,
    /// The code that was to confirm a second factor is wrong.
    WrongCode,
    /// The account has to take a second factor before it does anything else.
    EnrolmentRequired,
    /// The account's role may not do this.
    Forbidden,
    /// There is no such resource, or the caller may not see it.
    NotFound,
    /// The resource does not have this method.
    MethodNotAllowed,
    /// The representation that was asked for is not on offer.
    NotAcceptable,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The e-mail address has an account.
    EmailTaken,
    /// The account has a second factor.
    SecondFactorEnrolled,
    /// The order has gone too far for this.
    OrderTooLate,
    /// The lines of the order do not stand where this needs them.
    LinesNotReady,
    /// It is in another version than the one that the request is to change.
    PreconditionFailed,
    /// More pieces were to be taken away than are free.
    StockTooLow,
    /// More money was to be taken out than is free.
    BalanceTooLow,
    /// As many payouts of the wallet are on their way as may be at once.
    TooManyPayouts,
    /// The body is longer than allowed.
    BodyTooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// A value is outside its bounds.
    OutOfBounds,
    /// The password is too weak.
    WeakPassword,
    /// The `Idempotency-Key` came before with another request.
    IdempotencyKeyReused,
    /// Too many requests of this kind wait already.
    TooManyRequests,
    /// The caller's quota of requests is used up for now.
    QuotaExceeded,
    /// Too many passwords were wrong; the next is looked at later.
    TooManyAttempts,
    /// A part that the operation needs is away for now.
    Unavailable,
    /// The command is stored, but its outcome does not show yet.
    OutcomePending,
    /// The operation took longer than it may.
    TimedOut,
    /// The gateway failed.
    Internal,
}

impl Code {
    /// Every kind, for the documentation.
    pub const ALL: [Self; 37] = [
        Self::Malformed,
        Self::InvalidField,
        Self::IdempotencyKeyMissing,
        Self::Unauthenticated,
        Self::InvalidToken,
        Self::SessionEnded,
        Self::TokenReused,
        Self::WrongCredentials,
        Self::SecondFactorRequired,
        Self::WrongPassword,
        Self::WrongCode,
        Self::EnrolmentRequired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestTimeout,
        Self::EmailTaken,
        Self::SecondFactorEnrolled,
        Self::OrderTooLate,
        Self::LinesNotReady,
        Self::PreconditionFailed,
        Self::StockTooLow,
        Self::BalanceTooLow,
        Self::TooManyPayouts,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::OutOfBounds,
        Self::WeakPassword,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::QuotaExceeded,
        Self::TooManyAttempts,
        Self::Unavailable,
        Self::OutcomePending,
        Self::TimedOut,
        Self::Internal,
    ];

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The kind for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().2
    }

    /// The kind that stands for a status that no handler made.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::NOT_ACCEPTABLE => Self::NotAcceptable,
            StatusCode::REQUEST_TIMEOUT => Self::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::OutOfBounds,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::Malformed,
            _ => Self::Internal,
        }
    }

    /// What `WWW-Authenticate` says with a 401 (RFC 6750).
    #[must_use]
    pub fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::InvalidToken | Self::SessionEnded | Self::TokenReused => {
                "Bearer realm=\"sluice\", error=\"invalid_token\""
            }
            _ => "Bearer realm=\"sluice\"",
        })
    }

    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed => (S::BAD_REQUEST, "MALFORMED_REQUEST", "The request cannot be read"),
            Self::InvalidField => (
                S::BAD_REQUEST,
                "INVALID_FIELD",
                "A field is unknown, missing or of another type",
            ),
            Self::IdempotencyKeyMissing => (
                S::BAD_REQUEST,
                "IDEMPOTENCY_KEY_MISSING",
                "An Idempotency-Key header is needed",
            ),
            Self::Unauthenticated => (S::UNAUTHORIZED, "UNAUTHENTICATED", "An access token is needed"),
            Self::InvalidToken => (S::UNAUTHORIZED, "INVALID_TOKEN", "The token is not valid"),
            Self::SessionEnded => (S::UNAUTHORIZED, "SESSION_ENDED", "The session is over"),
            Self::TokenReused => (S::UNAUTHORIZED, "TOKEN_REUSED", "The token was used before"),
            Self::WrongCredentials => (
                S::UNAUTHORIZED,
                "WRONG_CREDENTIALS",
                "E-mail address or password are wrong",
            ),
            Self::SecondFactorRequired => (
                S::UNAUTHORIZED,
                "SECOND_FACTOR_REQUIRED",
                "A code of the second factor is needed",
            ),
            Self::WrongPassword => (S::FORBIDDEN, "WRONG_PASSWORD", "The password is wrong"),
            Self::WrongCode => (S::FORBIDDEN, "WRONG_CODE", "The code is wrong"),
            Self::EnrolmentRequired => (
                S::FORBIDDEN,
                "SECOND_FACTOR_ENROLMENT_REQUIRED",
                "The account has to take a second factor first",
            ),
            Self::Forbidden => (S::FORBIDDEN, "FORBIDDEN", "The role of the account may not do this"),
            Self::NotFound => (S::NOT_FOUND, "NOT_FOUND", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "The method is not allowed here",
            ),
            Self::NotAcceptable => (
                S::NOT_ACCEPTABLE,
                "NOT_ACCEPTABLE",
                "The representation is not on offer",
            ),
            Self::RequestTimeout => (
                S::REQUEST_TIMEOUT,
                "REQUEST_TIMEOUT",
                "The request did not arrive in time",
            ),
            Self::EmailTaken => (S::CONFLICT, "EMAIL_TAKEN", "The e-mail address has an account"),
            Self::SecondFactorEnrolled => (S::CONFLICT, "SECOND_FACTOR_ENROLLED", "The account has a second factor"),
            Self::OrderTooLate => (S::CONFLICT, "ORDER_TOO_LATE", "The order has gone too far"),
            Self::LinesNotReady => (
                S::CONFLICT,
                "LINES_NOT_READY",
                "The lines do not stand where this needs them",
            ),
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "PRECONDITION_FAILED",
                "It is in another version",
            ),
            Self::StockTooLow => (S::CONFLICT, "STOCK_TOO_LOW", "Fewer pieces are free"),
            Self::BalanceTooLow => (S::CONFLICT, "BALANCE_TOO_LOW", "Less money is free"),
            Self::TooManyPayouts => (S::CONFLICT, "TOO_MANY_PAYOUTS", "Too many payouts are on their way"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "The body is too large"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body has to be JSON",
            ),
            Self::OutOfBounds => (
                S::UNPROCESSABLE_ENTITY,
                "OUT_OF_BOUNDS",
                "A value is outside its bounds",
            ),
            Self::WeakPassword => (S::UNPROCESSABLE_ENTITY, "WEAK_PASSWORD", "The password is too weak"),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "The Idempotency-Key belongs to another request",
            ),
            Self::TooManyRequests => (S::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests"),
            Self::QuotaExceeded => (
                S::TOO_MANY_REQUESTS,
                "QUOTA_EXCEEDED",
                "The quota of requests is used up",
            ),
            Self::TooManyAttempts => (
                S::TOO_MANY_REQUESTS,
                "TOO_MANY_ATTEMPTS",
                "Too many passwords were wrong",
            ),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Not available now"),
            Self::OutcomePending => (S::SERVICE_UNAVAILABLE, "OUTCOME_PENDING", "Stored, but not visible yet"),
            Self::TimedOut => (S::SERVICE_UNAVAILABLE, "TIMED_OUT", "The operation took too long"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "INTERNAL", "The gateway failed"),
        }
    }
}

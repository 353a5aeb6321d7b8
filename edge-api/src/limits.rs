//! Every bound of the gateway, in one place.

use std::time::Duration;

/// Bytes of a request body, at most.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long the body of a request may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take beyond the wait that it asked for.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Seconds that `Prefer: wait=N` waits, at most; a larger N is shortened to this.
pub const WAIT_SECONDS_MAX: u64 = 30;

/// Long polls under way at the same time; beyond it a read answers at once.
pub const LONG_POLLS_MAX: usize = 2_000;

/// Streams of events under way at the same time; one more is refused.
pub const STREAMS_MAX: usize = 2_000;

/// How long a stream lasts, at most: as long as an access token. This and the following times are shortened a little for each stream
/// by a share of its own: streams that began together would otherwise do everything together, and all others would wait for it.
pub const STREAM_TIME_MAX: Duration = Duration::from_mins(5);

/// How long one question for the next event of a stream waits at the order's owner.
pub const STREAM_WAIT: Duration = Duration::from_mins(1);

/// How often a stream looks whether its session is over.
pub const STREAM_LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long a stream is silent, so that nobody between takes the connection for dead.
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(25);

/// How long a read waits for the state that it has to see; a write also waits so long for its own outcome.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a new order waits to learn whether it came before.
pub const REPEAT_CHECK_TIMEOUT: Duration = Duration::from_millis(250);

/// Time between the beginnings of two such questions. Orders that come in between are asked about together, which costs less than
/// one question for each; an order on its own does not wait.
pub const REPEAT_CHECK_SPACING: Duration = Duration::from_millis(5);

/// How long nobody waits for that after the state did not answer in time, but for one request that looks whether it is back.
pub const REPEAT_CHECK_PAUSE: Duration = Duration::from_secs(1);

/// Connections to one listener at the same time; more wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 10_000;

/// How long a client may take for the TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request, and how long a connection may be idle.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of the head of a request, at most.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// How long to wait after the operating system refused a connection, for example for want of file descriptors.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long a graceful shutdown waits for accepted requests.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Seconds after which a client may try again when something is away for now.
pub const RETRY_AFTER_SECONDS: u64 = 1;

/// Bytes of an access token, at most.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 2_048;

/// Access tokens of which this process remembers that they are genuine, at most.
pub const GENUINE_TOKENS_MAX: usize = 20_000;

/// How long an access token lives, in milliseconds.
pub const ACCESS_TOKEN_TTL_MS: i64 = 5 * 60 * 1_000;

/// How far in the future a token may have been issued: the clocks of two gateways differ.
pub const CLOCK_SKEW_MS: i64 = 60 * 1_000;

/// How long the predecessor of a token still gets the same successor, in milliseconds.
pub const ROTATION_GRACE_MS: i64 = 30 * 1_000;

/// A session that is not used for this long is over, in milliseconds.
pub const SESSION_IDLE_MS: i64 = 24 * 60 * 60 * 1_000;

/// A session is over this long after its login, in milliseconds.
pub const SESSION_ABSOLUTE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Sessions that the in-process store holds, at most.
pub const MEMORY_SESSIONS_MAX: usize = 100_000;

/// Sessions and accounts of which this process knows that they are over, at most.
pub const REVOCATIONS_MAX: usize = 500_000;

/// Records of sessions that could not live any more which a gateway removes with each session that it ends, at most.
pub const REVOCATIONS_SWEPT: usize = 2;

/// Sessions of one account at the same time; the oldest makes room for one more.
pub const ACCOUNT_SESSIONS_MAX: usize = 10;

/// Tokens of which this process remembers that their first use is recorded, at most.
pub const SEEN_TOKENS_MAX: usize = 100_000;

/// Recordings of a token's first use under way at the same time; beyond it the next use records it.
pub const USE_RECORDINGS_MAX: usize = 64;

/// How long connecting to Redis may take.
pub const REDIS_CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// How long Redis may take to answer.
pub const REDIS_RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Password hashes that wait for their turn; one more is refused.
pub const HASHES_WAITING_MAX: usize = 8;

/// How long a wrong guess at a password counts, in milliseconds.
pub const GUESSES_WINDOW_MS: i64 = 60 * 60 * 1_000;

/// Wrong guesses at one account's password within [`GUESSES_WINDOW_MS`], at most: from everywhere together, and once more from each
/// device from which somebody has logged in to it, and in each of its sessions.
pub const ACCOUNT_GUESSES_MAX: usize = 10;

/// Wrong guesses from one address within [`GUESSES_WINDOW_MS`], at most, whatever the account.
pub const ADDRESS_GUESSES_MAX: usize = 100;

/// Guessers that the in-process store remembers, at most.
pub const GUESSERS_MAX: usize = 100_000;

/// How long a device from which somebody has logged in is known, in seconds. Browsers keep nothing for longer.
pub const DEVICE_SECONDS: i64 = 400 * 24 * 60 * 60;

/// How long a code of an authenticator app is the present one, in milliseconds.
pub const TOTP_STEP_MS: i64 = 30 * 1_000;

/// Bytes of the secret of a second factor: as many as the hash has (RFC 4226).
pub const TOTP_SECRET_LEN: usize = 20;

/// How long a secret waits for its first code, in milliseconds.
pub const ENROLMENT_TTL_MS: i64 = 10 * 60 * 1_000;

/// Recovery codes of an account when it takes a second factor.
pub const RECOVERY_CODES: usize = commerce::account::RECOVERY_CODES_MAX;

/// Random bytes of a recovery code, and of one for a forgotten password.
pub const RECOVERY_CODE_LEN: usize = 16;

/// How long a code for a forgotten password is good, in milliseconds.
pub const RESET_TTL_MS: i64 = 30 * 60 * 1_000;

/// Proxies in front of the gateway, at most.
pub const PROXIES_MAX: u8 = 16;

/// Within which time a quota of requests is counted, in milliseconds.
pub const QUOTA_WINDOW_MS: i64 = 10_000;

/// Requests of one account, or from one address without a good token, within [`QUOTA_WINDOW_MS`] unless the deployment says otherwise.
pub const QUOTA_DEFAULT: u32 = 5_000;

/// Callers whose requests this process counts, at most.
pub const CALLERS_MAX: usize = 100_000;

/// Characters of a password, at least.
pub const PASSWORD_CHARS_MIN: usize = 12;

/// Characters of a password, at most.
pub const PASSWORD_CHARS_MAX: usize = 128;

/// Characters that are left of a password without the words of its shop, its name and its address, at least.
pub const PASSWORD_REST_CHARS_MIN: usize = 8;

/// Characters of a name, at most.
pub const NAME_CHARS_MAX: usize = 200;

/// Characters of an e-mail address, at most (RFC 5321 has as many octets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// Characters of the words that a buyer gives with a cancellation, at most.
pub const REASON_CHARS_MAX: usize = 500;

/// Lines of one order, at most.
pub const ORDER_LINES_MAX: usize = 100;

/// Pieces on one line, or in one stock adjustment, at most.
pub const QUANTITY_MAX: i64 = 1_000_000;

/// Pieces that a product starts with, at most.
pub const STOCK_MAX: i64 = 1_000_000_000;

/// Minor units of one amount, at most.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// Characters of an `Idempotency-Key`, at most.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Requests with an `Idempotency-Key` that this process remembers, at most.
pub const RECENT_REQUESTS_MAX: usize = 50_000;

/// Keys of commands whose place in the log this process remembers, at most.
pub const ACCEPTED_MAX: usize = 50_000;

/// Bytes of an id in a path, at most.
pub const ID_BYTES_MAX: usize = 100;

/// Entries on one page, at most.
pub const PAGE_MAX: usize = 100;

/// Entries on one page unless the request says otherwise.
pub const PAGE_DEFAULT: usize = 20;

/// Entries that one filtered list looks at before it hands over a cursor.
pub const FILTER_SCAN_MAX: usize = 1_000;

/// Bytes of a cursor, at most.
pub const CURSOR_BYTES_MAX: usize = 1_024;

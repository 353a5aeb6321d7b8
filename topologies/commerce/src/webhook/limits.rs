//! How long a delivery waits, and how often it is tried.

use crate::ids;

/// How often an event is offered to an endpoint that does not take it, before it is given up: over about a day.
pub const TRIES_MAX: u32 = 10;

/// Rest after the first try that was refused, in milliseconds. Each further one is four times as long.
pub const REST_FIRST_MS: i64 = 10_000;

/// The longest rest between two tries, in milliseconds.
pub const REST_MAX_MS: i64 = 6 * 60 * 60 * 1000;

/// A rest is longer than that by up to this part of it, so that what failed together is not tried again together.
pub const JITTER_PERCENT: i64 = 20;

/// How long a call waits for its answer before it is sent again, in milliseconds. It doubles with each time: nobody answers while
/// the worker has more to do than it can.
pub const ANSWER_WAIT_MS: i64 = 20_000;

/// The longest wait for an answer, in milliseconds.
pub const ANSWER_WAIT_MAX_MS: i64 = 32 * ANSWER_WAIT_MS;

/// How long what was given up can be delivered again, in milliseconds.
pub const GIVEN_UP_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The wait for the answer to a call that was sent so often.
pub(super) fn answer_wait_ms(sends: u32) -> i64 {
    doubled(ANSWER_WAIT_MS, sends.saturating_sub(1)).min(ANSWER_WAIT_MAX_MS)
}

/// The rest after so many tries. It differs from delivery to delivery, and is the same whenever it is computed.
pub(super) fn rest_ms(delivery_id: &str, tries: u32) -> i64 {
    let rest = doubled(REST_FIRST_MS, 2 * tries.saturating_sub(1)).min(REST_MAX_MS);
    let digest = ids::derive("webhook-rest", &[delivery_id, &tries.to_string()]);
    // Ids are hexadecimal digits, so it always is a number.
    let chance = digest
        .get(..4)
        .and_then(|digits| i64::from_str_radix(digits, 16).ok())
        .unwrap_or(0);
    rest + rest * JITTER_PERCENT / 100 * chance / 0xffff
}

fn doubled(ms: i64, times: u32) -> i64 {
    ms.checked_mul(1_i64.checked_shl(times.min(32)).unwrap_or(i64::MAX))
        .unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_to_their_bound_and_ten_tries_take_about_a_day() {
        let rests: Vec<i64> = (1..TRIES_MAX).map(|tries| rest_ms("order.1", tries)).collect();
        let within = |rest: &i64, least: i64| (least..=least + least * JITTER_PERCENT / 100).contains(rest);
        let least = [10, 40, 160, 640, 2_560, 10_240, 21_600, 21_600, 21_600].map(|seconds| seconds * 1000);
        assert!(
            rests.iter().zip(least).all(|(rest, least)| within(rest, least)),
            "{rests:?}"
        );
        let hours = rests.iter().sum::<i64>() / 3_600_000;
        assert!((21..=27).contains(&hours), "{hours}");
    }

    #[test]
    fn what_failed_together_is_not_tried_again_together() {
        let rests: std::collections::BTreeSet<i64> = (1..100).map(|seq| rest_ms(&format!("order.{seq}"), 3)).collect();
        assert!(rests.len() > 90, "{}", rests.len());
        assert_eq!(rest_ms("order.1", 3), rest_ms("order.1", 3));
    }

    #[test]
    fn a_call_without_an_answer_is_sent_again_ever_later() {
        let waits = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|sends| answer_wait_ms(sends) / ANSWER_WAIT_MS);
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
    }
}

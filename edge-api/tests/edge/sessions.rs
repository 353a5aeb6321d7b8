//! What every session store promises, checked on both of them.

use std::sync::Arc;

use crate::support::redis_server::RedisServer;
use crate::support::unique;
use edge_api::limits::{ACCOUNT_GUESSES_MAX, ACCOUNT_SESSIONS_MAX, GUESSES_WINDOW_MS};
use edge_api::sessions::{Admission, Exchange, Exchanged, Guess, Guesser, Handle, NewSession};
use edge_api::{MemorySessions, RedisSessions, SessionStore, SessionTimes};

const NOW: i64 = 1_700_000_000_000;
const GRACE: i64 = edge_api::limits::ROTATION_GRACE_MS;
const TTL: i64 = edge_api::limits::ACCESS_TOKEN_TTL_MS;
const IDLE: i64 = edge_api::limits::SESSION_IDLE_MS;
const ABSOLUTE: i64 = edge_api::limits::SESSION_ABSOLUTE_MS;

/// One started session in a store.
#[derive(Clone)]
struct Started {
    store: Arc<dyn SessionStore>,
    id: String,
}

impl Started {
    async fn access(&self, token: &str, new: &str, now_ms: i64) -> Exchanged {
        self.exchange(Handle::Access { token_id: token.into() }, new, now_ms)
            .await
    }

    async fn refresh(&self, generation: u32, new: &str, now_ms: i64) -> Exchanged {
        let fingerprint = |generation: u32| format!("fingerprint-{generation}");
        let handle = Handle::Refresh {
            generation,
            fingerprint: fingerprint(generation),
            next_fingerprint: fingerprint(generation + 1),
        };
        self.exchange(handle, new, now_ms).await
    }

    async fn exchange(&self, handle: Handle, new: &str, now_ms: i64) -> Exchanged {
        let exchange = Exchange {
            session_id: self.id.clone(),
            handle,
            new_token_id: new.into(),
            now_ms,
        };
        self.store.exchange(exchange).await.unwrap()
    }
}

fn current(token_id: &str, issued_at_ms: i64) -> Exchanged {
    Exchanged::Current {
        token_id: token_id.into(),
        issued_at_ms,
    }
}

/// Runs `check` with a fresh session in each store. Its first access token is `t1`, its first refresh token number 1.
async fn on_each_store<F: Future<Output = ()>>(check: impl Fn(Started) -> F) {
    let redis = RedisServer::start().await;
    let stores: [Arc<dyn SessionStore>; 2] = [
        Arc::new(MemorySessions::default()),
        Arc::new(RedisSessions::connect(&redis.url().as_str().into(), "test:", SessionTimes::default()).unwrap()),
    ];
    for store in stores {
        let id = unique("session");
        let session = NewSession {
            session_id: id.clone(),
            account_id: "ann".into(),
            login_key: "key".into(),
            credential_version: 3,
            has_second_factor: true,
            token_id: "t1".into(),
            refresh_fingerprint: "fingerprint-1".into(),
            now_ms: NOW,
        };
        store.create(session).await.unwrap();
        check(Started { store, id }).await;
    }
}

#[tokio::test]
async fn a_session_knows_its_owner_until_it_ends() {
    on_each_store(|session| async move {
        let owner = session.store.owner(&session.id, NOW).await.unwrap().unwrap();
        assert_eq!((owner.account_id.as_str(), owner.login_key.as_str()), ("ann", "key"));
        assert_eq!((owner.credential_version, owner.has_second_factor), (3, true));
        session.store.end(&session.id).await.unwrap();
        session.store.end(&session.id).await.unwrap();
        assert_eq!(session.store.owner(&session.id, NOW).await.unwrap(), None);
        assert_eq!(session.access("t1", "t2", NOW).await, Exchanged::Ended);
        assert_eq!(session.refresh(1, "t2", NOW).await, Exchanged::Ended);
    })
    .await;
}

#[tokio::test]
async fn fifty_parallel_exchanges_of_one_token_have_one_successor() {
    on_each_store(|session| async move {
        let mut exchanges = tokio::task::JoinSet::new();
        for number in 0..50 {
            let session = session.clone();
            exchanges.spawn(async move { session.access("t1", &format!("t2-{number}"), NOW + TTL).await });
        }
        let answers = exchanges.join_all().await;
        assert!(matches!(answers[0], Exchanged::Current { .. }));
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    })
    .await;
}

#[tokio::test]
async fn a_predecessor_gets_the_same_successor_within_the_grace_even_if_that_is_used() {
    on_each_store(|session| async move {
        let rotated = NOW + TTL;
        assert_eq!(session.access("t1", "t2", rotated).await, current("t2", rotated));
        session.store.mark_used(&session.id, "t2").await.unwrap();
        assert_eq!(
            session.access("t1", "t3", rotated + GRACE).await,
            current("t2", rotated)
        );
    })
    .await;
}

#[tokio::test]
async fn a_predecessor_after_the_grace_ends_the_session_if_its_successor_is_used() {
    on_each_store(|session| async move {
        session.access("t1", "t2", NOW + TTL).await;
        session.store.mark_used(&session.id, "t2").await.unwrap();
        assert_eq!(
            session.access("t1", "t3", NOW + TTL + GRACE + 1).await,
            Exchanged::Reused
        );
        assert_eq!(
            session.access("t2", "t3", NOW + TTL + GRACE + 2).await,
            Exchanged::Ended
        );
        assert_eq!(session.refresh(1, "t3", NOW + TTL + GRACE + 2).await, Exchanged::Ended);
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_made_anew_when_it_has_run_out() {
    on_each_store(|session| async move {
        let rotated = NOW + TTL;
        session.access("t1", "t2", rotated).await;
        // Marking another token than the current one changes nothing.
        session.store.mark_used(&session.id, "t1").await.unwrap();
        assert_eq!(
            session.access("t1", "t3", rotated + GRACE + 1).await,
            current("t2", rotated)
        );
        let later = rotated + TTL;
        assert_eq!(session.access("t1", "t4", later).await, current("t4", later));
        assert_eq!(session.access("t1", "t5", later + 1).await, current("t4", later));
        assert_eq!(
            session.access("t4", "t6", later + TTL).await,
            current("t6", later + TTL)
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_before_the_last_but_one_ends_the_session_at_once() {
    on_each_store(|session| async move {
        session.access("t1", "t2", NOW + TTL).await;
        session.access("t2", "t3", NOW + 2 * TTL).await;
        assert_eq!(session.access("t1", "t4", NOW + 2 * TTL + 1).await, Exchanged::Reused);
        assert_eq!(session.access("t3", "t4", NOW + 3 * TTL).await, Exchanged::Ended);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_retry_gets_the_same_answer() {
    on_each_store(|session| async move {
        assert_eq!(session.refresh(1, "t2", NOW + 1).await, current("t2", NOW + 1));
        assert_eq!(session.refresh(1, "t3", NOW + 1 + GRACE).await, current("t2", NOW + 1));
        assert_eq!(
            session.refresh(2, "t3", NOW + 9 + GRACE).await,
            current("t3", NOW + 9 + GRACE)
        );
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_later_ends_the_session_if_its_successor_is_used() {
    on_each_store(|session| async move {
        session.refresh(1, "t2", NOW + 1).await;
        session.store.mark_used(&session.id, "t2").await.unwrap();
        assert_eq!(session.refresh(1, "t3", NOW + 1 + GRACE).await, current("t2", NOW + 1));
        assert_eq!(session.refresh(1, "t3", NOW + 2 + GRACE).await, Exchanged::Reused);
        assert_eq!(session.refresh(2, "t3", NOW + 2 + GRACE).await, Exchanged::Ended);
    })
    .await;
    // An expired token that is handed in is one that has arrived, too.
    on_each_store(|session| async move {
        session.refresh(1, "t2", NOW + 1).await;
        session.access("t2", "t3", NOW + 1 + TTL).await;
        assert_eq!(session.refresh(1, "t4", NOW + 2 + TTL).await, Exchanged::Reused);
    })
    .await;
}

#[tokio::test]
async fn the_lost_answer_to_a_refresh_is_given_again_and_made_anew_when_it_has_run_out() {
    on_each_store(|session| async move {
        session.refresh(1, "t2", NOW).await;
        session.store.mark_used(&session.id, "t1").await.unwrap();
        assert_eq!(session.refresh(1, "t3", NOW + GRACE + 1).await, current("t2", NOW));
        let later = NOW + TTL;
        assert_eq!(session.refresh(1, "t4", later).await, current("t4", later));
        assert_eq!(session.refresh(1, "t5", later + 1).await, current("t4", later));
        assert_eq!(session.refresh(2, "t6", later + 2).await, current("t6", later + 2));
    })
    .await;
}

#[tokio::test]
async fn a_retry_that_arrives_twice_is_answered_twice_even_if_the_first_answer_is_used_by_then() {
    on_each_store(|session| async move {
        let retried = NOW + GRACE + 1_000;
        session.refresh(1, "t2", NOW).await;
        assert_eq!(session.refresh(1, "t3", retried).await, current("t2", NOW));
        session.store.mark_used(&session.id, "t2").await.unwrap();
        assert_eq!(session.refresh(1, "t4", retried + GRACE).await, current("t2", NOW));
        assert_eq!(session.refresh(1, "t5", retried + GRACE + 1).await, Exchanged::Reused);
    })
    .await;
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session_at_once() {
    on_each_store(|session| async move {
        session.refresh(1, "t2", NOW + 1).await;
        session.refresh(2, "t3", NOW + 2).await;
        assert_eq!(session.refresh(1, "t4", NOW + 3).await, Exchanged::Reused);
        assert_eq!(session.access("t3", "t4", NOW + 4).await, Exchanged::Ended);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    on_each_store(|session| async move {
        assert_eq!(session.store.owner(&session.id, NOW + IDLE).await.unwrap(), None);
        assert_eq!(session.access("t1", "t2", NOW + IDLE).await, Exchanged::Ended);
    })
    .await;
    on_each_store(|session| async move {
        let (mut now, mut token) = (NOW, "t1".to_owned());
        while now + IDLE / 2 < NOW + ABSOLUTE {
            now += IDLE / 2;
            let next = format!("{token}+");
            assert_eq!(session.access(&token, &next, now).await, current(&next, now));
            token = next;
        }
        assert_eq!(session.access(&token, "t", NOW + ABSOLUTE).await, Exchanged::Ended);
    })
    .await;
}

#[tokio::test]
async fn a_logout_beats_every_exchange_that_comes_after_it() {
    on_each_store(|session| async move {
        let mut race = tokio::task::JoinSet::new();
        for number in 0..20 {
            let session = session.clone();
            race.spawn(async move { drop(session.refresh(1, &format!("t2-{number}"), NOW + 1).await) });
        }
        session.store.end(&session.id).await.unwrap();
        assert_eq!(session.refresh(1, "after", NOW + 1).await, Exchanged::Ended);
        race.join_all().await;
        assert_eq!(session.refresh(2, "after", NOW + 1).await, Exchanged::Ended);
        assert_eq!(session.store.owner(&session.id, NOW).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_account_has_a_few_sessions_and_the_oldest_makes_room() {
    on_each_store(|first| async move {
        let started = |number: i64| NewSession {
            session_id: format!("{}-{number:02}", first.id),
            account_id: "bob".into(),
            login_key: "key".into(),
            credential_version: number,
            has_second_factor: false,
            token_id: "t1".into(),
            refresh_fingerprint: "fingerprint-1".into(),
            now_ms: NOW + number,
        };
        let most = i64::try_from(ACCOUNT_SESSIONS_MAX).unwrap();
        for number in 0..=most {
            first.store.create(started(number)).await.unwrap();
        }
        let open = first.store.list("bob", NOW + most).await.unwrap();
        let began: Vec<_> = open.iter().map(|session| session.began_at_ms - NOW).collect();
        assert_eq!(began, (1..=most).collect::<Vec<_>>());
        assert_eq!(open[0].credential_version, 1);
        let oldest = first.store.owner(&started(0).session_id, NOW + most).await.unwrap();
        assert_eq!(oldest, None);
        assert_eq!(first.store.list("ann", NOW).await.unwrap().len(), 1);
        assert_eq!(first.store.list("nobody", NOW).await.unwrap(), []);
        assert_eq!(first.store.list("bob", NOW + IDLE * 2).await.unwrap(), []);

        first.store.end(&started(5).session_id).await.unwrap();
        first.store.create(started(most + 1)).await.unwrap();
        let open = first.store.list("bob", NOW + most + 1).await.unwrap();
        assert_eq!(
            (open.len(), open[0].began_at_ms),
            (ACCOUNT_SESSIONS_MAX, NOW + 1),
            "what is over makes room first"
        );
    })
    .await;
}

/// A guess at the password of the session's account, from nowhere in particular and with the session.
fn guess(session: &Started, number: usize, now_ms: i64) -> Guess {
    Guess {
        id: format!("guess-{number}"),
        guessers: vec![
            Guesser::Account(session.id.clone()),
            Guesser::Session(session.id.clone()),
        ],
        now_ms,
    }
}

#[tokio::test]
async fn a_guesser_waits_until_the_first_of_its_wrong_guesses_is_too_old_to_count() {
    on_each_store(|session| async move {
        let begin = async |number: usize, now_ms: i64| {
            let guess = guess(&session, number, now_ms);
            session.store.begin_guess(&guess).await.unwrap()
        };
        let steps: Vec<i64> = (NOW..).step_by(1_000).take(ACCOUNT_GUESSES_MAX).collect();
        for (number, now_ms) in steps.iter().enumerate() {
            assert_eq!(begin(number, *now_ms).await, Admission::Admitted);
        }
        let wait_ms = GUESSES_WINDOW_MS - 60_000;
        assert_eq!(begin(90, NOW + 60_000).await, Admission::Refused { wait_ms });
        assert_eq!(
            begin(91, NOW + GUESSES_WINDOW_MS - 1).await,
            Admission::Refused { wait_ms: 1 }
        );
        // What was refused has not made anybody wait for longer, and only one guess has grown too old.
        assert_eq!(begin(92, NOW + GUESSES_WINDOW_MS).await, Admission::Admitted);
        assert_eq!(
            begin(93, NOW + GUESSES_WINDOW_MS).await,
            Admission::Refused { wait_ms: 1_000 }
        );
    })
    .await;
}

#[tokio::test]
async fn a_guess_counts_for_all_its_guessers_or_for_none_and_not_once_it_is_forgiven() {
    on_each_store(|session| async move {
        let store = &session.store;
        for number in 0..ACCOUNT_GUESSES_MAX {
            let guess = guess(&session, number, NOW);
            assert_eq!(store.begin_guess(&guess).await.unwrap(), Admission::Admitted);
        }
        let alone = |guesser: Guesser, number: usize| Guess {
            guessers: vec![guesser],
            ..guess(&session, number, NOW)
        };
        let refused = Admission::Refused {
            wait_ms: GUESSES_WINDOW_MS,
        };
        for guesser in [
            Guesser::Account(session.id.clone()),
            Guesser::Session(session.id.clone()),
        ] {
            assert_eq!(store.begin_guess(&alone(guesser, 50)).await.unwrap(), refused);
        }
        let device = Guesser::Device(session.id.clone());
        let both = Guess {
            guessers: vec![device.clone(), Guesser::Account(session.id.clone())],
            ..guess(&session, 51, NOW)
        };
        assert_eq!(store.begin_guess(&both).await.unwrap(), refused);
        for number in 0..ACCOUNT_GUESSES_MAX {
            let guess = alone(device.clone(), 60 + number);
            assert_eq!(store.begin_guess(&guess).await.unwrap(), Admission::Admitted);
        }
        store.forgive(&guess(&session, 4, NOW)).await.unwrap();
        assert_eq!(
            store.begin_guess(&guess(&session, 80, NOW)).await.unwrap(),
            Admission::Admitted
        );
        assert_eq!(store.begin_guess(&guess(&session, 81, NOW)).await.unwrap(), refused);
    })
    .await;
}

use commerce::{ids, views};
use schemas::wire::account::{
    Account, AccountCommandPayload, AccountEvent, AccountEventPayload, AccountStatus, ChangePassword, DisableAccount,
    RegisterAccount,
};
use schemas::wire::envelope::Role;
use schemas::wire::revocation::{Revocation, RevocationReason};

use crate::shop::{Shop, actor};

fn register(shop: &mut Shop, account: &str) {
    let register = RegisterAccount {
        account_id: account.to_owned(),
        display_name: "Ann".to_owned(),
        role: Role::Buyer,
        password_hash: "hash".to_owned(),
    };
    let key = ids::login_key("ann@example.org");
    let payload = AccountCommandPayload::RegisterAccount(register);
    shop.send(
        key.as_str(),
        actor(account, Role::Buyer),
        &format!("register-{account}"),
        payload,
    );
}

#[test]
fn the_first_registration_of_an_address_wins() {
    let mut shop = Shop::open();
    register(&mut shop, "a1");
    register(&mut shop, "a2");
    register(&mut shop, "a1");
    let key = ids::login_key("ann@example.org");
    let credential = views::credential(&shop.get(views::CREDENTIALS, key.as_str()).unwrap()).unwrap();
    assert_eq!(
        (credential.account_id.as_str(), credential.status),
        ("a1", AccountStatus::Active)
    );
    let account = views::account(&shop.get(views::ACCOUNTS, "a1").unwrap()).unwrap();
    assert_eq!((account.display_name.as_str(), account.version), ("Ann", 1));
    assert!(shop.get(views::ACCOUNTS, "a2").is_none());
    let events = shop.records::<AccountEvent>();
    assert_eq!(events.len(), 2);
    assert_eq!(
        shop.records::<Account>().len(),
        1,
        "what changes nothing publishes nothing"
    );
    let refused = events.iter().find(|event| event.key == "a2").unwrap();
    assert!(matches!(
        refused.value.payload,
        AccountEventPayload::RegistrationRefused(_)
    ));
    shop.check_books();
}

#[test]
fn a_password_changes_and_a_disabled_account_is_seen_everywhere() {
    let mut shop = Shop::open();
    register(&mut shop, "a1");
    let key = ids::login_key("ann@example.org");
    let change = AccountCommandPayload::ChangePassword(ChangePassword {
        password_hash: "new".to_owned(),
    });
    shop.send(key.as_str(), actor("a1", Role::Buyer), "change", change);
    shop.send(
        key.as_str(),
        actor("a1", Role::Buyer),
        "disable",
        AccountCommandPayload::DisableAccount(DisableAccount {}),
    );
    let credential = views::credential(&shop.get(views::CREDENTIALS, key.as_str()).unwrap()).unwrap();
    assert_eq!(
        (credential.password_hash.as_str(), credential.status),
        ("new", AccountStatus::Disabled)
    );
    let account = views::account(&shop.get(views::ACCOUNTS, "a1").unwrap()).unwrap();
    assert_eq!((account.status, account.version), (AccountStatus::Disabled, 3));
    let revoked: Vec<_> = shop
        .records::<Revocation>()
        .into_iter()
        .map(|record| (record.key, record.value.reason, record.value.version))
        .collect();
    let of = |reason, version| ("a1".to_owned(), reason, Some(version));
    assert_eq!(
        revoked,
        [
            of(RevocationReason::PasswordChanged, 2),
            of(RevocationReason::AccountDisabled, 3)
        ]
    );
}

#[test]
fn a_stranger_who_changes_a_password_is_put_aside() {
    let mut shop = Shop::open();
    register(&mut shop, "a1");
    let key = ids::login_key("ann@example.org");
    let change = AccountCommandPayload::ChangePassword(ChangePassword {
        password_hash: "new".to_owned(),
    });
    shop.send(key.as_str(), actor("bob", Role::Buyer), "change", change);
    assert_eq!(shop.dead_letters("accounts"), ["the actor may not change this account"]);
    let credential = views::credential(&shop.get(views::CREDENTIALS, key.as_str()).unwrap()).unwrap();
    assert_eq!(credential.password_hash, "hash");
}

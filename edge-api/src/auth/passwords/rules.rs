//! Which passwords are refused because they are guessed first.

use super::common::is_common;
use crate::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORD_REST_CHARS_MIN};

/// Words that stand for this shop to anybody who guesses: its name, its parts, its roles. The deployment adds its own.
const WORDS: [&str; 28] = [
    "sluice",
    "shop",
    "store",
    "market",
    "buyer",
    "seller",
    "customer",
    "merchant",
    "operator",
    "admin",
    "order",
    "product",
    "stock",
    "wallet",
    "payment",
    "account",
    "console",
    "gateway",
    "구매자",
    "판매자",
    "운영자",
    "관리자",
    "상점",
    "주문",
    "상품",
    "결제",
    "지갑",
    "계정",
];

/// Characters of a word out of an address or a name, at least: shorter ones are in everything.
const WORD_CHARS_MIN: usize = 3;

/// What is known of whoever chooses a password, and of the deployment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// What the password may not be as a whole: the address, or the password before.
    pub known: &'a str,
    /// Texts whose words anybody would try: the address, the name.
    pub texts: &'a [&'a str],
    /// Words of the deployment: its company, its brands.
    pub words: &'a [String],
}

/// What is wrong with a password, in a sentence for whoever has chosen it.
#[must_use]
pub fn weakness(password: &str, context: Context<'_>) -> Option<String> {
    let length = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length) {
        return Some(format!("{PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."));
    }
    let lower = password.to_lowercase();
    let detail = if lower == context.known.trim().to_lowercase() {
        "Neither the e-mail address nor the password before."
    } else if is_common(&lower) {
        "Not one of the most common passwords."
    } else if (1..=length / 3).any(|period| is_periodic(&lower, period)) || is_run(&lower) {
        "Not the same characters again and again, nor a run of neighbours."
    } else if is_made_of_words(&lower, context) {
        "Not made of the words of this shop, of your name and of your address: add something that has nothing to do with them."
    } else {
        return None;
    };
    Some(detail.to_owned())
}

/// `abcabcabcabc` has the period 3.
fn is_periodic(text: &str, period: usize) -> bool {
    text.chars()
        .skip(period)
        .eq(text.chars().take(text.chars().count() - period))
}

/// `abcdefghijkl` or `987654321098`.
fn is_run(text: &str) -> bool {
    let steps: Vec<i64> = text
        .chars()
        .zip(text.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)))
        .collect();
    steps.iter().all(|step| matches!(step, 1 | -9)) || steps.iter().all(|step| matches!(step, -1 | 9))
}

/// Whether too little is left of a password without the words that anybody would try.
fn is_made_of_words(lower: &str, context: Context<'_>) -> bool {
    let password: Vec<char> = lower.chars().map(plain).collect();
    let mut is_word = vec![false; password.len()];
    for word in words(context) {
        for (at, part) in password.windows(word.len().max(1)).enumerate() {
            if part == word {
                is_word
                    .iter_mut()
                    .skip(at)
                    .take(word.len())
                    .for_each(|covered| *covered = true);
            }
        }
    }
    let rest = is_word.iter().filter(|covered| !**covered).count();
    rest < PASSWORD_REST_CHARS_MIN.min(password.len())
}

fn words(context: Context<'_>) -> impl Iterator<Item = Vec<char>> {
    let shop = WORDS.iter().copied().chain(context.words.iter().map(String::as_str));
    let of_texts = context
        .texts
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let of_texts = of_texts.filter(|word| word.chars().count() >= WORD_CHARS_MIN);
    shop.chain(of_texts)
        .map(|word| word.to_lowercase().chars().map(plain).collect())
}

/// The letter that a digit, a sign or a letter with a mark is written for. What looks alike is one.
fn plain(character: char) -> char {
    match character {
        '0' | 'ö' | 'ó' | 'ò' | 'ô' | 'ø' => 'o',
        '1' | '!' | '|' | 'l' | 'í' | 'ì' | 'î' => 'i',
        '3' | 'é' | 'è' | 'ê' | 'ë' => 'e',
        '4' | '@' | 'ä' | 'á' | 'à' | 'â' | 'å' => 'a',
        '5' | '$' | 'ß' => 's',
        'ü' | 'ú' | 'ù' | 'û' => 'u',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_weak(password: &str) -> bool {
        let context = Context {
            known: "ann.smith@example.org",
            texts: &["ann.smith@example.org", "Ann Müller"],
            words: &["Hammerfest".to_owned()],
        };
        weakness(password, context).is_some()
    }

    #[test]
    fn weak_passwords_are_told_from_strong_ones() {
        for password in [
            "short",
            "aaaaaaaaaaaaaa",
            "abcabcabcabc",
            "1234567890123",
            "Ann.Smith@example.org",
            "zyxwvutsrqponm",
        ] {
            assert!(is_weak(password), "{password}");
        }
        for password in [
            "correct horse battery",
            "비밀번호는열두글자이상입니다",
            "p a s s w o r d s",
            "123456789012x",
        ] {
            assert!(!is_weak(password), "{password}");
        }
    }

    #[test]
    fn a_common_password_is_refused_in_any_letter_case() {
        for password in ["password1234", "PassWord1234", "Administrator"] {
            assert!(is_weak(password), "{password}");
        }
    }

    #[test]
    fn a_password_is_not_made_of_the_words_of_the_shop_its_deployment_and_its_account() {
        for password in [
            "sluice-seller-1",
            "S1u1ce-S3ller!!",
            "shopshop-wallet",
            "hammerfest-2026",
            "annsmith-muller1",
            "판매자판매자판매자판매자판매1",
        ] {
            assert!(is_weak(password), "{password}");
        }
        for password in [
            "sluice under seven lamps",
            "hammerfest nobody goes",
            "violet order of bees",
        ] {
            assert!(!is_weak(password), "{password}");
        }
    }
}

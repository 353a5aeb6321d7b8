//! The gate that a changed schema has to pass: topologies of two versions run side by side during a
//! deployment, and events are kept for ever.

use std::error::Error;

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use thiserror::Error;

use crate::inline::inline;
use crate::topics::TopicSpec;

/// Characters of a refusal that are shown; the cause of a type mismatch would print whole schemas.
pub const CAUSE_CHARS_MAX: usize = 400;

/// What a new version of a schema has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Readers of the new version read what any earlier version wrote.
    BackwardTransitive,
    /// Besides, readers of any earlier version read what the new one writes.
    Full,
}

impl Level {
    /// The level as a schema registry spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Full => "FULL",
        }
    }
}

/// Why a version of a schema is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{subject}: {cause}")]
pub struct Incompatible {
    /// The subject whose schema is refused.
    pub subject: String,
    /// What would go wrong, as a sentence.
    pub cause: String,
}

/// Checks that version `new` of a schema may follow version `old`.
///
/// Both are judged by Avro's rules of resolution, and resolution has to succeed for every record, not
/// only for some.
pub fn check(subject: &str, old: &str, new: &str, level: Level) -> Result<(), Incompatible> {
    let refused = |cause: String| Incompatible {
        subject: subject.to_owned(),
        cause,
    };
    let old = parse(old).map_err(|cause| refused(format!("the earlier version is no Avro schema: {cause}")))?;
    let new = parse(new).map_err(|cause| refused(format!("the new version is no Avro schema: {cause}")))?;
    can_read(&old, &new).map_err(|cause| {
        refused(format!(
            "the new version cannot read what the earlier one wrote: {cause}"
        ))
    })?;
    match level {
        Level::BackwardTransitive => Ok(()),
        Level::Full => can_read(&new, &old).map_err(|cause| {
            refused(format!(
                "the earlier version cannot read what the new one writes: {cause}"
            ))
        }),
    }
}

/// Checks the current schema of a topic against every recorded version, and that it is itself recorded
/// as the newest one: a change that nobody recorded is refused.
pub fn check_topic(topic: &TopicSpec) -> Result<(), Incompatible> {
    if topic.history.last() != Some(&topic.schema) {
        return Err(Incompatible {
            subject: topic.subject.to_owned(),
            cause: format!(
                "the current schema is not its newest recorded version: copy it to avro/history/{}/v{}.avsc and list that",
                topic.name,
                topic.history.len() + 1
            ),
        });
    }
    check_history(topic.subject, topic.history, topic.schema, topic.level())
}

/// Checks that version `new` of a schema may follow all of `history`.
pub fn check_history(subject: &str, history: &[&str], new: &str, level: Level) -> Result<(), Incompatible> {
    history.iter().try_for_each(|old| check(subject, old, new, level))
}

fn parse(text: &str) -> Result<Schema, String> {
    let schema = Schema::parse_str(text).map_err(|error| chain(&error))?;
    inline(&schema)
}

fn can_read(writer: &Schema, reader: &Schema) -> Result<(), String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => Ok(()),
        Ok(Compatibility::Partial) => {
            Err("some records of a union or symbols of an enum have no place on the other side".to_owned())
        }
        Err(error) => Err(chain(&error)),
    }
}

/// An error with its sources, cut to [`CAUSE_CHARS_MAX`].
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    text.chars().take(CAUSE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::topics::{self, topics};

    /// A record with these fields, as JSON.
    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
    }

    fn verdict(old: &str, new: &str, level: Level) -> Result<(), String> {
        check("r-value", old, new, level).map_err(|refused| refused.to_string())
    }

    #[test]
    fn every_topic_passes_the_gate() {
        for topic in topics() {
            assert_eq!(check_topic(topic), Ok(()), "{}", topic.name);
        }
    }

    #[test]
    fn a_field_without_default_is_refused_because_old_records_lack_it() {
        let old = record(r#"{"name": "a", "type": "long"}"#);
        let new = record(r#"{"name": "a", "type": "long"}, {"name": "b", "type": "long"}"#);
        let cause = verdict(&old, &new, Level::BackwardTransitive).unwrap_err();
        assert!(cause.starts_with("r-value: the new version cannot read"), "{cause}");
        assert!(cause.contains("'b'"), "{cause}");
        let with_default = new.replace(r#""b", "type": "long""#, r#""b", "type": "long", "default": 0"#);
        assert_eq!(verdict(&old, &with_default, Level::Full), Ok(()));
    }

    #[test]
    fn a_removed_field_passes_backward_and_fails_full_because_old_readers_need_it() {
        let old = record(r#"{"name": "a", "type": "long"}, {"name": "b", "type": "long"}"#);
        let new = record(r#"{"name": "a", "type": "long"}"#);
        assert_eq!(verdict(&old, &new, Level::BackwardTransitive), Ok(()));
        let cause = verdict(&old, &new, Level::Full).unwrap_err();
        assert!(cause.contains("the earlier version cannot read"), "{cause}");
    }

    #[test]
    fn a_payload_that_left_the_union_is_refused_although_the_others_still_fit() {
        let payload = |name: &str| format!(r#"{{"type": "record", "name": "{name}", "fields": []}}"#);
        let union = |names: &[&str]| {
            let payloads: Vec<_> = names.iter().map(|name| payload(name)).collect();
            record(&format!(r#"{{"name": "payload", "type": [{}]}}"#, payloads.join(", ")))
        };
        let level = Level::BackwardTransitive;
        assert!(verdict(&union(&["A", "B"]), &union(&["A"]), level).is_err());
        assert_eq!(verdict(&union(&["A"]), &union(&["A", "B"]), level), Ok(()));
    }

    #[test]
    fn a_changed_type_is_found_behind_a_reference_too() {
        let money = |field: &str| format!(r#"{{"type": "record", "name": "Money", "fields": [{field}]}}"#);
        let long = money(r#"{"name": "amount", "type": "long"}"#);
        let text = money(r#"{"name": "amount", "type": "string"}"#);
        let of = |first: &str, second: &str| {
            record(&format!(
                r#"{{"name": "a", "type": {first}}}, {{"name": "b", "type": {second}}}"#
            ))
        };
        let old = of(&long, r#""Money""#);
        assert!(verdict(&old, &of(&text, r#""Money""#), Level::BackwardTransitive).is_err());
        // The definition moved to `b`; by name alone the reference in `a` would look unchanged.
        let only_b = |money: &str| {
            record(&format!(
                r#"{{"name": "b", "type": {money}}}, {{"name": "c", "type": ["null", "Money"], "default": null}}"#
            ))
        };
        assert!(verdict(&old, &only_b(&text), Level::BackwardTransitive).is_err());
        assert_eq!(verdict(&old, &only_b(&long), Level::BackwardTransitive), Ok(()));
    }

    #[test]
    fn a_change_that_nobody_recorded_is_refused() {
        let fields = r#""fields": ["#;
        let added = r#""fields": [{"name": "nickname", "type": "string", "default": ""}, "#;
        let changed: &'static str = topics::ACCOUNTS.schema.replacen(fields, added, 1).leak();
        assert_ne!(changed, topics::ACCOUNTS.schema);
        let history = topics::ACCOUNTS.history;
        assert_eq!(check_history("accounts-value", history, changed, Level::Full), Ok(()));
        let topic = topics::ACCOUNTS.with_schema(changed);
        let cause = check_topic(&topic).unwrap_err().to_string();
        assert!(cause.contains("avro/history/accounts/v2.avsc"), "{cause}");
    }

    #[test]
    fn what_is_no_schema_is_refused_with_a_sentence() {
        let cause = verdict("{", &record(""), Level::Full).unwrap_err();
        assert!(cause.contains("the earlier version is no Avro schema"), "{cause}");
    }
}

//! The audit log's words, for the server that writes it and for those who ask for parts of it.

/// What actions are about. Each is a topic, a dot and a verb, such as `member.invite`.
pub const TOPICS: [&str; 10] = [
    "agent",
    "call",
    "control",
    "enrollment",
    "ingest",
    "insight",
    "invitation",
    "member",
    "operator",
    "standard",
];

/// The topic of an action.
#[must_use]
pub fn topic(action: &str) -> Option<&'static str> {
    let (before, verb) = action.split_once('.')?;
    let topic = TOPICS.into_iter().find(|topic| *topic == before);
    topic.filter(|_| !verb.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_a_topic_and_a_verb() {
        assert_eq!(topic("member.invite"), Some("member"));
        for none in ["member", "member.", "members.invite", ".invite", ""] {
            assert_eq!(topic(none), None, "{none}");
        }
    }
}

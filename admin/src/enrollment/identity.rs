//! Who STS says a caller is, and whether that is who the member should be.

use muster_common::account::AccountId;
use serde::Deserialize;

use crate::enrollment::Error;
use crate::membership::Member;

/// The answer of GetCallerIdentity, in the fields that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    account: AccountId,
    arn: String,
    user_id: String,
}

/// STS named somebody, but not the role of the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the credentials are those of {arn}; {account} enrolls with the role {role} (an assumed role, no user)"
)]
pub struct NotWelcome {
    pub arn: String,
    pub account: AccountId,
    pub role: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "GetCallerIdentityResponse")]
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Named,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    account: AccountId,
    arn: String,
    user_id: String,
}

impl CallerIdentity {
    /// Reads the JSON answer of STS. One document, no duplicate members, an account of twelve digits that is also the
    /// ARN's; `None` for anything else.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let Named {
            account,
            arn,
            user_id,
        } = answer.response.result;
        let in_arn = arn.split(':').nth(4)?;
        (in_arn == account.as_str()).then_some(Self {
            account,
            arn,
            user_id,
        })
    }

    /// The unique id of the role, if this is the member's role in the member's account.
    pub(super) fn role_id_for(&self, member: &Member) -> Result<String, Error> {
        let not_welcome = || NotWelcome {
            arn: self.arn.chars().take(256).collect(),
            account: member.account,
            role: member.role_name.clone(),
        };
        let prefix = format!(
            "arn:{}:sts::{}:assumed-role/",
            member.partition, member.account
        );
        let rest = self.arn.strip_prefix(&prefix).ok_or_else(not_welcome)?;
        let (role, session) = rest.split_once('/').ok_or_else(not_welcome)?;
        let (role_id, session_too) = self.user_id.split_once(':').ok_or_else(not_welcome)?;
        let unique =
            role_id.starts_with("AROA") && role_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.account != member.account
            || role != member.role_name
            || session.is_empty()
            || session.contains('/')
            || session != session_too
            || !unique
        {
            return Err(not_welcome().into());
        }
        match &member.role_id {
            Some(pinned) if pinned != role_id => Err(Error::RoleRecreated {
                account: member.account,
            }),
            Some(_) | None => Ok(role_id.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_common::timestamp::Timestamp;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::membership::MemberStatus;

    fn answer(account: &str, arn: &str, user_id: &str) -> Json {
        json!({ "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": { "Account": account, "Arn": arn, "UserId": user_id },
            "ResponseMetadata": { "RequestId": "r" },
        } })
    }

    fn member() -> Member {
        Member {
            account: "111122223333".parse().unwrap(),
            partition: muster_common::account::Partition::Aws,
            role_name: "MusterAgent".into(),
            role_id: None,
            email: String::new(),
            name: String::new(),
            status: MemberStatus::Invited,
            epoch: 0,
            invitation: None,
            created_at: Timestamp::default(),
            invited_at: None,
            updated_at: Timestamp::default(),
        }
    }

    const ARN: &str = "arn:aws:sts::111122223333:assumed-role/MusterAgent/agent";

    fn judged(account: &str, arn: &str, user_id: &str) -> Option<Result<String, Error>> {
        let caller = CallerIdentity::read(answer(account, arn, user_id).to_string().as_bytes())?;
        Some(caller.role_id_for(&member()))
    }

    #[test]
    fn the_role_of_the_member_is_welcome() {
        assert_eq!(
            judged("111122223333", ARN, "AROAEXAMPLE:agent")
                .unwrap()
                .unwrap(),
            "AROAEXAMPLE"
        );
    }

    /// E03, E14: other accounts, other kinds of principals and names that merely look right.
    #[test]
    fn nobody_else_is() {
        for (account, arn, user_id) in [
            (
                "444455556666",
                "arn:aws:sts::444455556666:assumed-role/MusterAgent/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:iam::111122223333:root",
                "111122223333",
            ),
            (
                "111122223333",
                "arn:aws:iam::111122223333:user/MusterAgent",
                "AIDAEXAMPLE",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:federated-user/MusterAgent",
                "111122223333:MusterAgent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/MusterAgent2/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/XMusterAgent/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/musteragent/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/x/MusterAgent/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/../MusterAgent/agent",
                "AROAEXAMPLE:agent",
            ),
            (
                "111122223333",
                "arn:aws:sts::111122223333:assumed-role/MusterAgent/",
                "AROAEXAMPLE:",
            ),
            (
                "111122223333",
                "arn:aws-cn:sts::111122223333:assumed-role/MusterAgent/agent",
                "AROAEXAMPLE:agent",
            ),
            ("111122223333", ARN, "AIDAEXAMPLE:agent"),
            ("111122223333", ARN, "AROAEXAMPLE:other"),
        ] {
            assert!(
                matches!(judged(account, arn, user_id), Some(Err(Error::Identity(_)))),
                "{arn} {user_id}"
            );
        }
    }

    /// E11, E13: answers that are not exactly one well-formed document.
    #[test]
    fn malformed_answers_are_no_identity() {
        let good = answer("111122223333", ARN, "AROAEXAMPLE:agent").to_string();
        assert!(CallerIdentity::read(good.as_bytes()).is_some());
        for wrong in [
            answer("11112222333", "arn:aws:sts::11112222333:assumed-role/MusterAgent/agent", "A:a").to_string(),
            answer("1111222233334", ARN, "A:a").to_string(),
            answer("١١١١٢٢٢٢٣٣٣٣", ARN, "A:a").to_string(),
            answer("444455556666", ARN, "A:a").to_string(),
            good.replace("\"111122223333\"", "111122223333"),
            good.replace("\"111122223333\"", "null"),
            format!("{good}{good}"),
            format!("{good} trailing"),
            good.replacen("\"Account\"", "\"Account\":\"111122223333\",\"Account\"", 1),
            "<GetCallerIdentityResponse><Account>111122223333</Account></GetCallerIdentityResponse>".to_owned(),
            format!("{{\"x\":\"{}\"}}", "<GetCallerIdentityResponse>"),
            String::new(),
        ] {
            assert!(CallerIdentity::read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    /// E16: a role of the same name with another unique id is another role.
    #[test]
    fn a_recreated_role_is_refused() {
        let caller = CallerIdentity::read(
            answer("111122223333", ARN, "AROANEW:agent")
                .to_string()
                .as_bytes(),
        );
        let member = Member {
            role_id: Some("AROAOLD".into()),
            ..member()
        };
        assert!(matches!(
            caller.unwrap().role_id_for(&member),
            Err(Error::RoleRecreated { .. })
        ));
    }
}

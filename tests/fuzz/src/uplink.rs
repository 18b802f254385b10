//! What agents and strangers send over a call: messages in any order and of any content reach the server's handlers as
//! they would behind TLS, and nothing but what the protocol promises comes back.

mod observing;
mod server;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use muster_proto::v1 as wire;
use muster_proto::v1::uplink_request::Message as Ask;
use muster_proto::v1::uplink_response::Message as Answer;
use prost::Message;
use tonic::Code;

use server::{ACCOUNT, Answered, Server, with_server};

const BATCH_FINDINGS_MAX: usize = 500;
const SEQUENCE_MAX: u64 = 1 << 48;

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    with_server(|server| match (choice, choice % 6) {
        (250..=251, _) => drop(raw(server, "/muster.v1.Agent/Observe", true, rest)),
        (252.., _) => drop(observing::observation(server, &mut Unstructured::new(rest))),
        (_, 0) => drop(raw(server, "/muster.v1.Agent/Uplink", true, rest)),
        (_, 1) => drop(raw(server, "/muster.v1.Agent/Renew", true, rest)),
        (_, 2) => drop(raw(server, "/muster.v1.Enrollment/Enroll", false, rest)),
        (_, 3) => drop(enrollment(server, &mut Unstructured::new(rest))),
        (_, 4) => drop(renewal(server, &mut Unstructured::new(rest))),
        (_, _) => drop(uplink(server, &mut Unstructured::new(rest))),
    });
}

/// Bytes in place of a whole stream of messages, frames and all.
fn raw(server: &Server, method: &str, certified: bool, body: &[u8]) -> Answered {
    server.let_numbers_be_reused();
    let answered = server.call(method, certified, body.to_vec());
    assert!(server.is_alone(), "an uplink is counted that has ended");
    if method.ends_with("Enroll") {
        nobody_enrolled(&answered);
    }
    answered
}

fn framed<M: Message>(messages: &[M]) -> Vec<u8> {
    let mut body = Vec::new();
    for message in messages {
        let bytes = message.encode_to_vec();
        body.push(0);
        body.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        body.extend_from_slice(&bytes);
    }
    body
}

/// A finding on its way up, and whether it can be stored.
fn finding(dice: &mut Unstructured<'_>) -> Result<(Bytes, bool)> {
    let number = dice.int_in_range(0..=7)?;
    let text = server::WORLD.version(number, dice.int_in_range(0..=2)?);
    Ok(match dice.int_in_range(0..=5)? {
        0 => (Bytes::from(text.replace(ACCOUNT, "444455556666")), false),
        1 => {
            let mut bytes = text.into_bytes();
            let at = dice.choose_index(bytes.len())?;
            bytes.truncate(at);
            (Bytes::from(bytes), false)
        }
        2 => {
            let bytes: Vec<u8> = dice.arbitrary()?;
            (Bytes::from(bytes), false)
        }
        _ => (Bytes::from(text), true),
    })
}

/// What is expected of an uplink.
#[derive(Default)]
struct Expected {
    /// The first and last sequence of each batch, and which of its findings are refused.
    batches: Vec<(u64, Vec<u64>)>,
    /// The uplink ends with an error.
    refused: bool,
}

fn uplink(server: &Server, dice: &mut Unstructured<'_>) -> Result<()> {
    let mut messages = Vec::new();
    let mut expected = Expected::default();
    let spool = server.fresh_spool();
    let mut next = None;
    let mut greeted = false;
    for _ in 0..dice.int_in_range(0..=8)? {
        let message = match dice.int_in_range(0..=9)? {
            _ if messages.is_empty() && dice.ratio(9, 10)? => {
                greeted = true;
                Ask::Hello(wire::UplinkHello {
                    agent_version: dice.arbitrary()?,
                    spool_id: spool.clone(),
                    region: dice.arbitrary()?,
                })
            }
            0 => {
                expected.refused = true;
                Ask::Hello(wire::UplinkHello {
                    spool_id: "no spool".to_owned(),
                    ..Default::default()
                })
            }
            1 | 2 => {
                expected.refused |= !greeted;
                Ask::Report(report(dice)?)
            }
            _ => {
                let batch = batch(dice, next.unwrap_or(1))?;
                let refused = take(&mut expected, &mut next, &batch);
                expected.refused |= refused || !greeted;
                Ask::Batch(batch.0)
            }
        };
        messages.push(wire::UplinkRequest {
            message: Some(message),
        });
        if expected.refused {
            break;
        }
    }
    let answered = server.call("/muster.v1.Agent/Uplink", true, framed(&messages));
    held_to(server, &answered, &expected, greeted);
    assert!(server.is_alone(), "an uplink is counted that has ended");
    Ok(())
}

type Batch = (wire::Batch, Vec<bool>);

fn batch(dice: &mut Unstructured<'_>, next: u64) -> Result<Batch> {
    let first = match dice.int_in_range(0..=11)? {
        0 => dice.arbitrary()?,
        1 => next.wrapping_add(1),
        2 => SEQUENCE_MAX,
        _ => next,
    };
    let mut findings = Vec::new();
    for _ in 0..dice.int_in_range(0..=4)? {
        findings.push(finding(dice)?);
    }
    if dice.ratio(1, 40)? {
        findings = vec![(Bytes::new(), false); BATCH_FINDINGS_MAX + 1];
    }
    let (findings, good) = findings.into_iter().unzip();
    Ok((
        wire::Batch {
            first_sequence: first,
            findings,
        },
        good,
    ))
}

/// What the protocol says of a batch; the answer is whether it ends the uplink.
fn take(expected: &mut Expected, next: &mut Option<u64>, (batch, good): &Batch) -> bool {
    let first = batch.first_sequence;
    let bounds = (1..=BATCH_FINDINGS_MAX).contains(&batch.findings.len());
    let follows = next.is_none_or(|next| next == first);
    if !bounds || first == 0 || first > SEQUENCE_MAX || !follows {
        return true;
    }
    let last = first + batch.findings.len() as u64 - 1;
    let refused = (first..)
        .zip(good)
        .filter(|(_, good)| !**good)
        .map(|(sequence, _)| sequence);
    expected.batches.push((last, refused.collect()));
    *next = Some(last + 1);
    false
}

fn report(dice: &mut Unstructured<'_>) -> Result<wire::Report> {
    let mut collectors = Vec::new();
    for _ in 0..dice.int_in_range(0..=2)? {
        collectors.push(wire::CollectorHealth {
            collector: dice.arbitrary()?,
            region: dice.arbitrary()?,
            state: dice.arbitrary()?,
            message: dice.arbitrary()?,
            last_success: Some(prost_types::Timestamp {
                seconds: dice.arbitrary()?,
                nanos: dice.arbitrary()?,
            }),
            findings: dice.arbitrary()?,
        });
    }
    Ok(wire::Report {
        collectors,
        spool_bytes: dice.arbitrary()?,
        spool_bytes_max: dice.arbitrary()?,
        last_sequence: dice.arbitrary()?,
        dead_letters: dice.arbitrary()?,
    })
}

/// A welcome, then an acknowledgement per batch in order, with every refusal and no other; and the books agree.
fn held_to(server: &Server, answered: &Answered, expected: &Expected, greeted: bool) {
    let answers: Vec<Answer> = answered
        .messages
        .iter()
        .map(|bytes| {
            let response = wire::UplinkResponse::decode(bytes.clone());
            let message = response.expect("the server writes messages").message;
            message.expect("an answer says something")
        })
        .collect();
    let ended_well = greeted && !expected.refused;
    assert_eq!(answered.code == Code::Ok, ended_well, "{answered:?}");
    assert!(
        ended_well || answered.code == Code::InvalidArgument,
        "{answered:?}"
    );
    let Some((first, acknowledged)) = answers.split_first() else {
        assert!(!greeted, "no welcome");
        return;
    };
    let Answer::Welcome(welcome) = first else {
        panic!("{first:?} in place of a welcome");
    };
    assert_eq!(welcome.acknowledged_sequence, 0, "a spool that nobody sent");
    assert!(acknowledged.len() <= expected.batches.len());
    assert!(!ended_well || acknowledged.len() == expected.batches.len());
    for (answer, (last, refused)) in acknowledged.iter().zip(&expected.batches) {
        let Answer::Acknowledgement(answer) = answer else {
            panic!("{answer:?} in place of an acknowledgement");
        };
        assert_eq!(answer.through_sequence, *last);
        let told: Vec<u64> = answer
            .refused
            .iter()
            .map(|refused| refused.sequence)
            .collect();
        assert_eq!(&told, refused, "{answer:?}");
        for refused in &answer.refused {
            assert!(["InvalidInput", "InvalidAccess"].contains(&refused.code.as_str()));
            assert!(!refused.message.is_empty() && refused.message.len() < 4_096);
        }
    }
    server.books_agree();
}

fn enrollment(server: &Server, dice: &mut Unstructured<'_>) -> Result<()> {
    use wire::enroll_request::Message as Ask;
    let mut messages = Vec::new();
    for at in 0..dice.int_in_range(0..=3)? {
        let hello = at == 0 && dice.ratio(7, 8)? || dice.ratio(1, 8)?;
        let message = if hello {
            Ask::Hello(wire::EnrollHello {
                invitation_id: server.invitation(dice.arbitrary()?),
                account_id: one_of(dice, &[ACCOUNT, "444455556666", "", "x"])?,
                region: one_of(dice, &["us-east-1", "", "us-east-1.evil.example/"])?,
                csr: if dice.ratio(2, 3)? {
                    server.request()
                } else {
                    Bytes::from(Vec::<u8>::arbitrary(dice)?)
                },
                agent_version: dice.arbitrary()?,
            })
        } else {
            Ask::Proof(wire::EnrollProof {
                invitation_secret: if dice.ratio(2, 3)? {
                    Bytes::copy_from_slice(&<[u8; 32]>::arbitrary(dice)?)
                } else {
                    Bytes::from(Vec::<u8>::arbitrary(dice)?)
                },
                proof: Some(proof(server, dice)?),
            })
        };
        messages.push(wire::EnrollRequest {
            message: Some(message),
        });
    }
    let answered = server.call("/muster.v1.Enrollment/Enroll", false, framed(&messages));
    nobody_enrolled(&answered);
    assert!(
        [
            Code::InvalidArgument,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::NotFound,
            Code::FailedPrecondition,
            Code::ResourceExhausted,
        ]
        .contains(&answered.code),
        "{answered:?}"
    );
    Ok(())
}

/// Nobody who does not know the secret gets a certificate.
fn nobody_enrolled(answered: &Answered) {
    use wire::enroll_response::Message as Answer;
    for bytes in &answered.messages {
        let response =
            wire::EnrollResponse::decode(bytes.clone()).expect("the server writes messages");
        assert!(matches!(response.message, Some(Answer::Challenge(_))));
    }
    assert!(answered.messages.len() <= 1 && answered.code != Code::Ok);
}

fn renewal(server: &Server, dice: &mut Unstructured<'_>) -> Result<()> {
    use wire::renew_request::Message as Ask;
    use wire::renew_response::Message as Answer;
    let good = dice.ratio(1, 2)?;
    let csr = if good {
        server.request()
    } else {
        Bytes::from(Vec::<u8>::arbitrary(dice)?)
    };
    let mut messages = vec![Ask::Hello(wire::RenewHello { csr })];
    if dice.ratio(1, 4)? {
        messages.push(Ask::Proof(proof(server, dice)?));
    }
    if dice.ratio(1, 8)? {
        messages.reverse();
    }
    let begins = matches!(messages[0], Ask::Hello(_));
    let messages: Vec<_> = messages
        .into_iter()
        .map(|message| wire::RenewRequest {
            message: Some(message),
        })
        .collect();
    let answered = server.call("/muster.v1.Agent/Renew", true, framed(&messages));
    let expected: &[Code] = if good && begins {
        // Not too often.
        &[Code::Ok, Code::Unavailable]
    } else {
        &[Code::InvalidArgument, Code::Unavailable]
    };
    assert!(expected.contains(&answered.code), "{answered:?}");
    for bytes in &answered.messages {
        let response =
            wire::RenewResponse::decode(bytes.clone()).expect("the server writes messages");
        let Some(Answer::Certificate(certificate)) = response.message else {
            panic!("{response:?} in place of a certificate");
        };
        server.is_same_agent(&certificate.chain[0]);
    }
    Ok(())
}

fn one_of(dice: &mut Unstructured<'_>, texts: &[&str]) -> Result<String> {
    if dice.ratio(1, 4)? {
        return dice.arbitrary();
    }
    dice.choose(texts).map(|text| (*text).to_owned())
}

fn proof(server: &Server, dice: &mut Unstructured<'_>) -> Result<wire::AccountProof> {
    Ok(wire::AccountProof {
        region: one_of(dice, &["us-east-1", "cn-north-1"])?,
        access_key_id: one_of(dice, &["ASIAIOSFODNN7EXAMPLE"])?,
        session_token: one_of(dice, &["", "token"])?,
        amz_date: one_of(dice, &[&server.date(), "20261123T101530Z"])?,
        signature: one_of(dice, &[&"0".repeat(64)])?,
    })
}

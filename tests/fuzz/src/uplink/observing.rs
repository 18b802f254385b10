//! Observations: portions in any order and of any content, against a naive reading of the protocol. What is answered is what it
//! says, and what is known in the end is what was told.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use muster_proto::v1 as wire;
use muster_proto::v1::observe_request::End;
use muster_proto::v1::observe_response::Outcome;
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;

use super::framed;
use super::server::{ACCOUNT, Server};

const PLACES: [&str; 2] = ["eu-west-1", "aws-global"];
const FOREIGN: &str = "444455556666";

/// What the protocol says of one place.
#[derive(Default)]
struct Naive {
    /// Of the last complete epoch.
    epoch: Option<i64>,
    known: BTreeMap<String, u8>,
    open: Option<Open>,
}

struct Open {
    epoch: i64,
    base: Option<i64>,
    next: u32,
    seen: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    /// With so many refused.
    Taken(usize),
    BaseUnknown,
}

/// A resource on its way up: what is told of it, if it can be stored.
type Told = (Bytes, Option<(String, u8)>);

pub(super) fn observation(server: &Server, dice: &mut Unstructured<'_>) -> Result<()> {
    // Of its own, so that nothing is known of it.
    let kind = format!("Fuzz::Of{}", server.next());
    let mut naive: BTreeMap<&str, Naive> = BTreeMap::new();
    let (mut asks, mut expected) = (Vec::new(), Vec::new());
    let mut is_refused = false;
    for at in 0..dice.int_in_range(0..=9)? {
        if dice.ratio(1, 12)? {
            let reads = reads(dice, &kind)?;
            let places: BTreeSet<&str> = reads.iter().map(|read| read.region.as_str()).collect();
            is_refused = places.len() < reads.len();
            if !is_refused {
                naive.retain(|place, _| places.contains(place));
                expected.push(Expected::Taken(0));
            }
            asks.push(wire::ObserveRequest {
                reads: Some(wire::ReadPlaces { places: reads }),
                ..Default::default()
            });
        } else {
            let place = *dice.choose(&PLACES)?;
            let state = naive.entry(place).or_default();
            let (ask, told) = portion(dice, &kind, place, at, state)?;
            is_refused =
                ask.resource_type != kind || seconds(&ask.base_epoch) >= seconds(&ask.epoch);
            if !is_refused {
                expected.push(state.take(&ask, &told));
            }
            asks.push(ask);
        }
        if is_refused {
            break;
        }
    }
    let answered = server.call("/muster.v1.Agent/Observe", true, framed(&asks));
    let code = if is_refused {
        Code::InvalidArgument
    } else {
        Code::Ok
    };
    assert_eq!(answered.code, code, "{answered:?}");
    let answers = answered.messages.iter().map(|bytes| {
        let response = wire::ObserveResponse::decode(bytes.clone());
        match response.expect("the server writes messages").outcome {
            Some(Outcome::Taken(taken)) => Expected::Taken(taken.refused.len()),
            Some(Outcome::BaseUnknown(_)) => Expected::BaseUnknown,
            None => panic!("an answer says something"),
        }
    });
    assert_eq!(answers.collect::<Vec<_>>(), expected);
    let known = naive.iter().flat_map(|(place, state)| {
        let known = state.known.iter();
        known.map(|(id, version)| ((*place).to_owned(), id.clone(), *version))
    });
    let known: BTreeSet<(String, String, u8)> = known.collect();
    assert_eq!(server.resources(&kind), known);
    Ok(())
}

/// A portion; mostly the next of its epoch, told against what is known.
fn portion(
    dice: &mut Unstructured<'_>,
    kind: &str,
    place: &str,
    at: i64,
    state: &Naive,
) -> Result<(wire::ObserveRequest, Vec<Told>)> {
    let open = state.open.as_ref();
    let (mut epoch, mut base, mut number) = match open {
        Some(open) if dice.ratio(5, 6)? => (open.epoch, open.base, open.next),
        Some(_) | None => (
            100 + at,
            if dice.arbitrary()? { state.epoch } else { None },
            0,
        ),
    };
    match dice.int_in_range(0..=15)? {
        0 => epoch = dice.int_in_range(0..=200)?,
        1 => base = Some(dice.int_in_range(0..=200)?),
        2 => number = dice.int_in_range(0..=3)?,
        _ => {}
    }
    let mut told = Vec::new();
    for _ in 0..dice.int_in_range(0..=3)? {
        told.push(resource(dice, kind)?);
    }
    let gone = (0..dice.int_in_range(0..=2)?).map(|_| Ok(id(dice.int_in_range(0..=5)?, ACCOUNT)));
    let gone: Vec<String> = gone.collect::<Result<_>>()?;
    let end = match dice.int_in_range(0..=3)? {
        0 => None,
        1 => Some(End::Unavailable(wire::EpochUnavailable {
            code: dice.arbitrary()?,
            call: dice.arbitrary()?,
            message: dice.arbitrary()?,
        })),
        _ => Some(End::Complete(wire::EpochComplete {
            count: dice.arbitrary()?,
        })),
    };
    let other = dice.ratio(1, 40)?;
    let request = wire::ObserveRequest {
        resource_type: if other {
            "no type".to_owned()
        } else {
            kind.to_owned()
        },
        region: place.to_owned(),
        epoch: Some(time(epoch)),
        base_epoch: base.map(time),
        changed: told.iter().map(|(bytes, _)| bytes.clone()).collect(),
        gone,
        end,
        number,
        reads: None,
    };
    Ok((request, told))
}

fn resource(dice: &mut Unstructured<'_>, kind: &str) -> Result<Told> {
    let (number, version) = (dice.int_in_range(0..=5)?, dice.int_in_range(0..=3)?);
    let text = |kind: &str, id: &str| {
        format!(r#"{{"id":"{id}","region":"eu-west-1","state":{{"V":{version}}},"type":"{kind}"}}"#)
    };
    let own = id(number, ACCOUNT);
    Ok(match dice.int_in_range(0..=9)? {
        0 => (Bytes::from(text(kind, &id(number, FOREIGN))), None),
        1 => (Bytes::from(text("Fuzz::Other", &own)), None),
        2 => {
            let mut bytes = text(kind, &own).into_bytes();
            bytes.truncate(dice.choose_index(bytes.len())?);
            (Bytes::from(bytes), None)
        }
        3 => (Bytes::from([b"\xff", dice.bytes(4)?].concat()), None),
        _ => (Bytes::from(text(kind, &own)), Some((own, version))),
    })
}

fn reads(dice: &mut Unstructured<'_>, kind: &str) -> Result<Vec<wire::ReadPlace>> {
    let mut reads = Vec::new();
    for _ in 0..dice.int_in_range(0..=2)? {
        reads.push(wire::ReadPlace {
            region: (*dice.choose(&PLACES)?).to_owned(),
            resource_types: vec![kind.to_owned()],
        });
    }
    Ok(reads)
}

fn id(number: u8, account: &str) -> String {
    format!("arn:aws:fuzz:eu-west-1:{account}:r{number}")
}

const fn time(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn seconds(time: &Option<Timestamp>) -> Option<i64> {
    time.as_ref().map(|time| time.seconds)
}

impl Naive {
    fn take(&mut self, ask: &wire::ObserveRequest, told: &[Told]) -> Expected {
        let (epoch, base) = (
            seconds(&ask.epoch).unwrap_or_default(),
            seconds(&ask.base_epoch),
        );
        let mut open = match self.open.take() {
            Some(open) if ask.number > 0 => open,
            Some(_) | None if ask.number > 0 || base.is_some() && base != self.epoch => {
                return Expected::BaseUnknown;
            }
            Some(_) | None => Open {
                epoch,
                base,
                next: 0,
                seen: BTreeSet::new(),
            },
        };
        if (open.epoch, open.base, open.next) != (epoch, base, ask.number) {
            return Expected::BaseUnknown;
        }
        open.next += 1;
        let good: BTreeMap<String, u8> = told.iter().filter_map(|(_, told)| told.clone()).collect();
        for gone in ask.gone.iter().filter(|id| !good.contains_key(*id)) {
            self.known.remove(gone);
        }
        open.seen.extend(good.keys().cloned());
        self.known.extend(good);
        match &ask.end {
            None => self.open = Some(open),
            Some(End::Unavailable(_)) => {}
            Some(End::Complete(_)) => {
                if base.is_none() {
                    self.known.retain(|id, _| open.seen.contains(id));
                }
                self.epoch = Some(epoch);
            }
        }
        Expected::Taken(told.iter().filter(|(_, told)| told.is_none()).count())
    }
}

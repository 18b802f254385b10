//! The room over a real store.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::clock::Clock;
use muster_common::identity::AgentId;
use muster_common::timestamp::{DAY, Timestamp};
use muster_store::Embedded;

use super::*;

mod readers;

const KIND: &str = "AWS::SNS::Topic";
const PLACE: &str = "eu-west-1";

struct World {
    folder: tempfile::TempDir,
    clock: Clock,
    inventory: Inventory,
    account: AccountId,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::standing_at(Timestamp::from_seconds(1_000_000));
        Self {
            inventory: open(folder.path(), &clock).await,
            clock,
            folder,
            account: "111122223333".parse().unwrap(),
        }
    }

    /// The server ends, something happens to its folder, and it starts again.
    async fn reopened(self, meanwhile: impl FnOnce(&std::path::Path)) -> Self {
        let Self {
            folder,
            clock,
            inventory,
            account,
        } = self;
        drop(inventory);
        meanwhile(folder.path());
        Self {
            inventory: open(folder.path(), &clock).await,
            clock,
            folder,
            account,
        }
    }

    fn observer(&self) -> Observer {
        self.inventory.observer(self.account, Arc::from("agent"))
    }

    /// Present topics, with their states.
    async fn present(&self) -> String {
        let mut held = self
            .inventory
            .of_account(self.account, vec![KIND.to_owned()], None)
            .await
            .unwrap();
        held.sort_by(|left, right| left.id.cmp(&right.id));
        let shown = held.iter().map(|held| {
            let document: serde_json::Value = serde_json::from_slice(&held.document).unwrap();
            let name = held.id.rsplit(':').next().unwrap();
            format!("{name}={}", document["state"]["A"])
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    async fn listing(&self) -> Listing {
        let coverage = self.inventory.coverage(self.account).await.unwrap();
        assert_eq!(coverage.len(), 1);
        assert_eq!((&*coverage[0].kind, &*coverage[0].place), (KIND, PLACE));
        coverage[0].listing.clone()
    }

    fn changes(&self, after: u64) -> (usize, u64) {
        let (changes, reached) = self.inventory.changes(after, 100);
        (changes.len(), reached)
    }
}

async fn open(folder: &std::path::Path, clock: &Clock) -> Inventory {
    let config = muster_store::Config {
        path: folder.to_owned(),
        cache_bytes: 1 << 20,
    };
    let store = Arc::new(Embedded::open(&config).unwrap());
    let records = Records::new(store.clone());
    Inventory::open(store.clone(), store, records, clock.clone())
        .await
        .unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:sns:eu-west-1:111122223333:{name}")
}

fn topic(name: &str, state: u32) -> Bytes {
    let id = arn(name);
    Bytes::from(format!(
        r#"{{"id":"{id}","region":"eu-west-1","state":{{"A":{state}}},"type":"{KIND}"}}"#
    ))
}

fn portion(epoch: i64, base: Option<i64>, changed: Vec<Bytes>) -> Portion {
    Portion {
        kind: KIND.to_owned(),
        place: PLACE.to_owned(),
        epoch: Timestamp::from_seconds(epoch),
        base: base.map(Timestamp::from_seconds),
        number: 0,
        changed,
        gone: Vec::new(),
        end: None,
    }
}

fn second(portion: Portion) -> Portion {
    Portion {
        number: 1,
        ..portion
    }
}

fn complete(portion: Portion, count: u64) -> Portion {
    Portion {
        end: Some(PortionEnd::Complete { count }),
        ..portion
    }
}

fn reads(places: &[&str]) -> Reads {
    let kinds = BTreeSet::from([KIND.to_owned()]);
    let places = places.iter().map(|place| (*place).to_owned());
    Reads(places.map(|place| (place, kinds.clone())).collect())
}

fn nothing_refused() -> Taken {
    Taken::Taken { refused: vec![] }
}

#[tokio::test]
async fn what_a_whole_epoch_does_not_name_is_gone() {
    let world = World::new().await;
    let mut observer = world.observer();
    let first = complete(portion(1, None, vec![topic("a", 1), topic("b", 1)]), 2);
    assert_eq!(observer.take(first).await.unwrap(), nothing_refused());
    assert_eq!(world.present().await, "a=1 b=1");
    world.clock.advance(1_000);
    // In two portions; only the end counts.
    observer
        .take(portion(2, None, vec![topic("b", 2)]))
        .await
        .unwrap();
    assert_eq!(world.present().await, "a=1 b=2");
    let rest = complete(second(portion(2, None, vec![topic("c", 1)])), 2);
    observer.take(rest).await.unwrap();
    assert_eq!(world.present().await, "b=2 c=1");
    let listing = world.listing().await;
    assert_eq!(listing.epoch, Some(Timestamp::from_seconds(2)));
    assert_eq!(listing.complete_at, Some(world.clock.now()));
    assert_eq!((listing.count, listing.trouble), (2, None));
    // What was there is remembered.
    let key = world.inventory.resolve(&arn("a")).await.unwrap();
    let (history, next) = world.inventory.history(key, None, 10).await.unwrap();
    assert_eq!(
        history.iter().map(|held| held.presence).collect::<Vec<_>>(),
        [Presence::Gone, Presence::Present]
    );
    assert_eq!(next, None);
}

#[tokio::test]
async fn a_listing_that_broke_off_deletes_nothing() {
    let world = World::new().await;
    let mut observer = world.observer();
    let first = complete(portion(1, None, vec![topic("a", 1), topic("b", 1)]), 2);
    observer.take(first).await.unwrap();
    let complete_at = world.clock.now();
    world.clock.advance(1_000);
    observer
        .take(portion(2, None, vec![topic("b", 2)]))
        .await
        .unwrap();
    let trouble = Trouble {
        code: "AccessDenied".to_owned(),
        call: "sns:ListTopics".to_owned(),
        message: "not allowed".to_owned(),
    };
    let broken = Portion {
        end: Some(PortionEnd::Unavailable(trouble.clone())),
        ..second(portion(2, None, vec![]))
    };
    observer.take(broken).await.unwrap();
    assert_eq!(world.present().await, "a=1 b=2");
    let listing = world.listing().await;
    assert_eq!(listing.trouble, Some(trouble));
    assert_eq!(listing.epoch, Some(Timestamp::from_seconds(1)));
    assert_eq!(listing.complete_at, Some(complete_at));
    assert_eq!(listing.tried_at, world.clock.now());
    // Nor does one whose agent went away.
    let mut other = world.observer();
    other
        .take(portion(3, None, vec![topic("c", 1)]))
        .await
        .unwrap();
    drop(other);
    assert_eq!(world.present().await, "a=1 b=2 c=1");
    // What it told before is not known to its next connection, and so nothing is missing.
    let rest = || complete(second(portion(3, None, vec![topic("c", 1)])), 1);
    let mut again = world.observer();
    assert_eq!(again.take(rest()).await.unwrap(), Taken::BaseUnknown);
    again.take(portion(4, None, vec![])).await.unwrap();
    assert_eq!(again.take(rest()).await.unwrap(), Taken::BaseUnknown);
    assert_eq!(world.present().await, "a=1 b=2 c=1");
}

#[tokio::test]
async fn changes_are_told_against_what_is_known() {
    let world = World::new().await;
    let mut observer = world.observer();
    let against = |base| complete(portion(5, Some(base), vec![topic("a", 5)]), 1);
    assert_eq!(observer.take(against(1)).await.unwrap(), Taken::BaseUnknown);
    let first = complete(portion(1, None, vec![topic("a", 1), topic("b", 1)]), 2);
    observer.take(first).await.unwrap();
    assert_eq!(observer.take(against(2)).await.unwrap(), Taken::BaseUnknown);
    assert_eq!(world.present().await, "a=1 b=1");
    let second = Portion {
        gone: vec![arn("b"), arn("never-was")],
        ..against(1)
    };
    observer.take(second).await.unwrap();
    assert_eq!(world.present().await, "a=5");
    // The next one is told against that, and what comes back is there again.
    let third = complete(portion(6, Some(5), vec![topic("b", 7)]), 2);
    observer.take(third).await.unwrap();
    assert_eq!(world.present().await, "a=5 b=7");
}

#[tokio::test]
async fn what_did_not_change_writes_nothing_and_marks_nothing() {
    let world = World::new().await;
    let mut observer = world.observer();
    let whole = |epoch| complete(portion(epoch, None, vec![topic("a", 1)]), 1);
    let (_, start) = world.changes(0);
    observer.take(whole(1)).await.unwrap();
    let (marked, reached) = world.changes(start);
    assert_eq!(marked, 1);
    let key = world.inventory.resolve(&arn("a")).await.unwrap();
    let first = world.inventory.get(key, None).await.unwrap();
    world.clock.advance(60_000);
    observer.take(whole(2)).await.unwrap();
    assert_eq!(world.changes(reached), (0, reached));
    let second = world.inventory.get(key, None).await.unwrap();
    assert_eq!(first.observed_at, second.observed_at);
    // A trouble is a change, and its end is one.
    let trouble = || Trouble {
        code: "Throttling".to_owned(),
        call: "sns:ListTopics".to_owned(),
        message: String::new(),
    };
    let broken = |epoch| Portion {
        end: Some(PortionEnd::Unavailable(trouble())),
        ..portion(epoch, None, vec![])
    };
    let mut after = reached;
    for (portion, marks) in [(broken(3), 1), (broken(4), 0), (whole(5), 1)] {
        observer.take(portion).await.unwrap();
        let (marked, reached) = world.changes(after);
        assert_eq!(marked, marks);
        after = reached;
    }
    // So is that it is known again after it was too old.
    world.clock.advance(STALE_AFTER + 1);
    observer.take(whole(6)).await.unwrap();
    assert_eq!(world.changes(after).0, 1);
}

#[tokio::test]
async fn states_are_known_as_of_a_time_even_if_the_clock_went_back() {
    let world = World::new().await;
    let mut observer = world.observer();
    let start = world.clock.now();
    for (epoch, step) in [(1, 0), (2, 10_000), (3, -7_000)] {
        world.clock.advance(step);
        let changed = vec![topic("a", u32::try_from(epoch).unwrap())];
        observer
            .take(complete(portion(epoch, None, changed), 1))
            .await
            .unwrap();
    }
    assert_eq!(world.present().await, "a=3");
    let key = world.inventory.resolve(&arn("a")).await.unwrap();
    let mut seen = Vec::new();
    for millis in [-1, 0, 9_999, 10_000, 10_001] {
        let held = world.inventory.get(key, Some(start.plus(millis))).await;
        seen.push(held.map_or(0, |held| {
            let document: serde_json::Value = serde_json::from_slice(&held.document).unwrap();
            document["state"]["A"].as_u64().unwrap()
        }));
    }
    assert_eq!(seen, [0, 1, 1, 2, 3]);
    let of = |time| {
        world
            .inventory
            .of_account(world.account, vec![], Some(time))
    };
    assert_eq!(of(start.plus(-1)).await.unwrap().len(), 0);
    assert_eq!(of(start).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_told_outlives_the_server() {
    let world = World::new().await;
    let first = complete(portion(1, None, vec![topic("a", 1)]), 1);
    world.observer().take(first).await.unwrap();
    let (_, reached) = world.changes(0);
    world.clock.advance(1_000);
    let world = world.reopened(|_| {}).await;
    let accounts = world.inventory.accounts().await.unwrap();
    assert_eq!(accounts, [world.account]);
    assert_eq!(world.present().await, "a=1");
    // Whoever follows looks at everything once.
    assert_eq!(world.changes(reached).0, 1);
    let against = complete(portion(2, Some(1), vec![]), 1);
    assert_eq!(
        world.observer().take(against).await.unwrap(),
        nothing_refused()
    );
}

/// The file that the store writes to.
fn log(folder: &std::path::Path) -> std::path::PathBuf {
    folder.join("log/00000001.log")
}

#[tokio::test]
async fn what_the_store_lost_has_to_be_told_anew() {
    let world = World::new().await;
    let written = || log(world.folder.path()).metadata().unwrap().len();
    let mut observer = world.observer();
    let before = written();
    let part = portion(1, None, vec![topic("a", 1)]);
    observer.take(part).await.unwrap();
    let middle = usize::try_from(u64::midpoint(before, written())).unwrap();
    let rest = complete(second(portion(1, None, vec![topic("b", 1)])), 2);
    observer.take(rest).await.unwrap();
    drop(observer);
    let damage = |folder: &std::path::Path| {
        let mut bytes = std::fs::read(log(folder)).unwrap();
        bytes[middle] ^= 0x55;
        std::fs::write(log(folder), bytes).unwrap();
    };
    let world = world.reopened(damage).await;
    // Damage that only shows when it is read is refused once, and known from then on.
    let topics = async || {
        let kinds = vec![KIND.to_owned()];
        world.inventory.of_account(world.account, kinds, None).await
    };
    if topics().await.is_err() {
        assert_eq!(topics().await.unwrap().len(), 1);
    }
    assert_eq!(world.listing().await.complete_at, None);
    let mut observer = world.observer();
    let against = complete(portion(2, Some(1), vec![]), 2);
    assert_eq!(observer.take(against).await.unwrap(), Taken::BaseUnknown);
    let whole = complete(portion(3, None, vec![topic("a", 1), topic("b", 1)]), 2);
    observer.take(whole).await.unwrap();
    assert_eq!(world.present().await, "a=1 b=1");
    assert!(world.listing().await.complete_at.is_some());
}

#[tokio::test]
async fn what_is_long_gone_goes() {
    let world = World::new().await;
    let mut observer = world.observer();
    let first = complete(portion(1, None, vec![topic("a", 1), topic("b", 1)]), 2);
    observer.take(first).await.unwrap();
    let second = complete(portion(2, None, vec![topic("b", 1)]), 1);
    observer.take(second).await.unwrap();
    let retention = Retention {
        inventory: world.inventory.clone(),
        history_days: Some(30),
        actor: Arc::from("admin"),
    };
    let mut removed = Vec::new();
    for days in [29, 2] {
        world.clock.advance(days * DAY);
        removed.push(retention.run(world.clock.now()).await.unwrap());
    }
    assert_eq!(removed, [0, 1]);
    assert!(matches!(
        world.inventory.resolve(&arn("a")).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(world.present().await, "b=1");
}

#[tokio::test]
async fn what_no_agent_sends_is_refused() {
    let world = World::new().await;
    let mut observer = world.observer();
    let bad = |change: fn(&mut Portion)| {
        let mut bad = complete(portion(2, None, vec![]), 0);
        change(&mut bad);
        bad
    };
    let mut told = Vec::new();
    for portion in [
        bad(|portion| portion.kind = "bucket".to_owned()),
        bad(|portion| portion.place = "Atlantis/2".to_owned()),
        bad(|portion| portion.base = Some(portion.epoch)),
        bad(|portion| portion.gone = vec![String::new(); 501]),
        bad(|portion| portion.changed = vec![Bytes::from(vec![b' '; 3 << 20]); 2]),
    ] {
        told.push(observer.take(portion).await.unwrap_err().to_string());
    }
    let agent = AgentId::random();
    let many = (0..129).map(|number| (format!("xx-north-{number}"), BTreeSet::new()));
    let kinds = (0..257).map(|number| format!("A::B{number}")).collect();
    for reads in [
        reads(&["Atlantis/2"]),
        Reads(many.collect()),
        Reads(BTreeMap::from([(PLACE.to_owned(), kinds)])),
    ] {
        let said = observer.reads(agent, &reads, &[agent]).await;
        told.push(said.unwrap_err().to_string());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    resource_type: "bucket" is no type, such as AWS::S3::Bucket
    region: "Atlantis/2" is no Region, and not aws-global
    epoch: "1970-01-01T00:00:02.000Z" is not later than its base
    gone: 501 were given, at most 500 are allowed
    bytes of a portion: 6291456 were given, at most 4194304 are allowed
    region: "Atlantis/2" is no Region, and not aws-global
    places that are read: 129 were given, at most 128 are allowed
    types that are read in a place: 257 were given, at most 256 are allowed
    "#);
    let foreign = topic("a", 1).to_vec();
    let foreign = String::from_utf8(foreign)
        .unwrap()
        .replace("111122223333", "999999999999");
    let taken = observer
        .take(complete(portion(2, None, vec![Bytes::from(foreign)]), 1))
        .await;
    let Ok(Taken::Taken { refused }) = taken else {
        panic!("{taken:?}");
    };
    assert_eq!(refused[0].code, "InvalidAccess");
    assert_eq!(world.present().await, "");
}

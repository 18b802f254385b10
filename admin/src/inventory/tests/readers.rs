//! What agents say that they read, and what nobody reads any more.

use super::*;

/// A topic that is listed in a place, completely.
fn only(place: &str, epoch: i64, base: Option<i64>) -> Portion {
    Portion {
        place: place.to_owned(),
        ..complete(portion(epoch, base, vec![topic("a", 1)]), 1)
    }
}

#[tokio::test]
async fn what_no_agent_reads_any_more_is_kept_as_such_and_not_waited_for() {
    let world = World::new().await;
    let mut observer = world.observer();
    let agent = AgentId::random();
    let both = reads(&[PLACE, "us-east-1"]);
    let read = async |observer: &mut Observer, reads: &Reads| {
        let given_up = observer.reads(agent, reads, &[agent]).await.unwrap();
        let places = given_up.into_iter().map(|(_, place)| place);
        places.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(read(&mut observer, &both).await, "");
    // Who reads nothing yet is nobody to judge.
    assert_eq!(world.inventory.accounts().await.unwrap(), []);
    observer.take(only(PLACE, 1, None)).await.unwrap();
    observer.take(only("us-east-1", 1, None)).await.unwrap();
    // Told and not to its end, so that no listing stands of it.
    let part = Portion {
        place: "eu-north-1".to_owned(),
        ..portion(1, None, vec![topic("a", 1)])
    };
    observer.take(part).await.unwrap();
    assert_eq!(world.present().await, "a=1 a=1 a=1");
    let (_, reached) = world.changes(0);
    world.clock.advance(1_000);
    assert_eq!(
        read(&mut observer, &reads(&[PLACE])).await,
        "eu-north-1 us-east-1"
    );
    assert_eq!(world.present().await, "a=1");
    assert_eq!(world.listing().await.count, 1);
    assert_eq!(world.changes(reached).0, 1);
    let asked = Asked {
        places: vec!["us-east-1".to_owned()],
        gone: true,
        ..Asked::default()
    };
    let (held, _) = world.inventory.list(&asked, None, 10).await.unwrap();
    let (history, _) = world
        .inventory
        .history(held[0].key, None, 10)
        .await
        .unwrap();
    let presence: Vec<Presence> = history.iter().map(|held| held.presence).collect();
    assert_eq!(presence, [Presence::Unread, Presence::Present]);
    // Said again, it writes nothing.
    let (_, reached) = world.changes(0);
    assert_eq!(read(&mut observer, &reads(&[PLACE])).await, "");
    assert_eq!(world.changes(reached), (0, reached));
    // What is read again is there again, and told as a whole.
    assert_eq!(read(&mut observer, &both).await, "");
    let against = only("us-east-1", 2, Some(1));
    assert_eq!(observer.take(against).await.unwrap(), Taken::BaseUnknown);
    observer.take(only("us-east-1", 3, None)).await.unwrap();
    assert_eq!(world.present().await, "a=1 a=1");
    let whole = read(&mut observer, &Reads::default()).await;
    assert_eq!(whole, "eu-west-1 us-east-1");
    assert_eq!(world.inventory.accounts().await.unwrap(), [world.account]);
}

#[tokio::test]
async fn what_an_agent_will_read_is_expected() {
    let world = World::new().await;
    let mut observer = world.observer();
    let agent = AgentId::random();
    let (_, start) = world.changes(0);
    let both = reads(&[PLACE, "us-east-1"]);
    observer.reads(agent, &both, &[agent]).await.unwrap();
    assert_eq!(world.changes(start).0, 1);
    observer.take(only(PLACE, 1, None)).await.unwrap();
    let rows = world.inventory.expected(world.account).await.unwrap();
    let told = rows
        .iter()
        .map(|row| (row.place.as_str(), row.listing.complete_at.is_some()));
    assert!(told.eq([(PLACE, true), ("us-east-1", false)]));
    let coverage = world.inventory.coverage(world.account).await.unwrap();
    assert_eq!(coverage.len(), 1);
}

#[tokio::test]
async fn a_place_that_some_agent_may_still_read_is_not_given_up() {
    let world = World::new().await;
    let mut observer = world.observer();
    let (one, other, stopped) = (AgentId::random(), AgentId::random(), AgentId::random());
    observer.take(only(PLACE, 1, None)).await.unwrap();
    observer.take(only("us-east-1", 1, None)).await.unwrap();
    let mut said = Vec::new();
    let near = reads(&[PLACE]);
    let far = reads(&["us-east-1"]);
    for (agent, reads, agents) in [
        // The other one was not heard yet, and may read everything.
        (one, &near, &[one, other][..]),
        (other, &far, &[one, other]),
        (one, &near, &[one, other]),
        // Whoever was stopped says nothing.
        (stopped, &near, &[one, other]),
        (other, &far, &[other]),
    ] {
        said.push(observer.reads(agent, reads, agents).await.unwrap().len());
    }
    assert_eq!(said, [0, 0, 0, 0, 1]);
    let coverage = world.inventory.coverage(world.account).await.unwrap();
    assert_eq!(coverage.len(), 1);
    assert_eq!(coverage[0].place, "us-east-1");
    // It was forgotten; if it comes back, it has to say it again.
    let readers = world.inventory.readers(world.account).await.unwrap();
    assert_eq!(readers.into_keys().collect::<Vec<_>>(), [other]);
}

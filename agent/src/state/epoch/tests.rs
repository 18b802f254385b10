use futures::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use super::*;
use crate::cloud::{CallError, Problem};
use crate::state::{Reads, RefusedResource};

/// Keeps what it is told, and answers as it was set up to, then with "taken".
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<Portion>>,
    answers: Mutex<Vec<Result<Taken, Lost>>>,
}

impl Admin for Listener {
    fn read(&self, _: Reads) -> BoxFuture<'_, Result<(), Lost>> {
        std::future::ready(Ok(())).boxed()
    }

    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
        self.heard.lock().push(portion);
        let answer = self.answers.lock().pop();
        let taken = Taken::Taken {
            refused: Vec::new(),
        };
        std::future::ready(answer.unwrap_or(Ok(taken))).boxed()
    }
}

struct Scene {
    listener: Arc<Listener>,
    memory: Memory,
}

impl Scene {
    fn new() -> Self {
        Self {
            listener: Arc::default(),
            memory: Memory::default(),
        }
    }

    fn begin(&mut self) -> Telling {
        let admin: Arc<dyn Admin> = self.listener.clone();
        let now = Timestamp::from_seconds(1_000);
        self.memory
            .begin("AWS::EC2::Volume", "eu-west-1", &admin, now)
    }

    /// An epoch with these resources; the last portion of it.
    async fn tell(&mut self, resources: &[(&str, Json)]) -> Portion {
        let mut telling = self.begin();
        for (id, size) in resources {
            telling.add(resource(id, size)).await.unwrap();
        }
        self.memory.keep(telling.complete().await.unwrap());
        self.heard().pop().unwrap()
    }

    fn answer(&self, answer: Result<Taken, Lost>) {
        self.listener.answers.lock().push(answer);
    }

    fn heard(&self) -> Vec<Portion> {
        std::mem::take(&mut *self.listener.heard.lock())
    }
}

fn resource(id: &str, size: &Json) -> Resource {
    Resource {
        id: id.to_owned(),
        region: "eu-west-1".to_owned(),
        state: [("Size".to_owned(), size.clone())].into_iter().collect(),
    }
}

fn refused() -> Refused {
    Refused {
        call: "ec2:DescribeVolumes",
        error: CallError {
            problem: Problem::Denied,
            code: "UnauthorizedOperation".to_owned(),
            message: "no".to_owned(),
        },
    }
}

fn ids(portion: &Portion) -> Vec<String> {
    let documents = portion.changed.iter();
    documents
        .map(|text| {
            let read: Json = serde_json::from_slice(text).unwrap();
            read["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

const fn complete(count: u64) -> Option<EpochEnd> {
    Some(EpochEnd::Complete { count })
}

#[tokio::test]
async fn first_everything_then_what_changed() {
    let mut scene = Scene::new();
    let first = scene
        .tell(&[("a", json!(1)), ("b", json!(1)), ("c", json!(1))])
        .await;
    assert_eq!((first.base, first.end.clone()), (None, complete(3)));
    assert_eq!(ids(&first), ["a", "b", "c"]);
    let second = scene
        .tell(&[("a", json!(1)), ("b", json!(2)), ("d", json!(1))])
        .await;
    assert_eq!(
        (second.base, second.end.clone()),
        (Some(first.epoch), complete(3))
    );
    assert!(second.epoch > first.epoch);
    assert_eq!(ids(&second), ["b", "d"]);
    assert_eq!(second.gone, ["c"]);
    let third = scene
        .tell(&[("a", json!(1)), ("b", json!(2)), ("d", json!(1))])
        .await;
    assert_eq!(third.base, Some(second.epoch));
    assert!(third.changed.is_empty() && third.gone.is_empty());
}

#[tokio::test]
async fn a_listing_that_breaks_off_deletes_nothing() {
    let mut scene = Scene::new();
    let first = scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    let mut telling = scene.begin();
    telling.add(resource("a", &json!(2))).await.unwrap();
    telling.give_up(&refused()).await.unwrap();
    let heard = scene.heard();
    let end = EpochEnd::Unavailable {
        code: "UnauthorizedOperation".to_owned(),
        call: "ec2:DescribeVolumes".to_owned(),
        message: "no".to_owned(),
    };
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].end, Some(end));
    assert!(heard[0].gone.is_empty());
    let next = scene.tell(&[("a", json!(2)), ("b", json!(1))]).await;
    assert_eq!(next.base, Some(first.epoch));
    assert_eq!(ids(&next), ["a"]);
}

#[tokio::test]
async fn after_changes_that_came_to_no_end_everything_is_told() {
    let mut scene = Scene::new();
    scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    scene.answer(Err(Lost));
    let mut telling = scene.begin();
    telling.add(resource("a", &json!(2))).await.unwrap();
    telling.add(resource("b", &json!(1))).await.unwrap();
    assert_eq!(telling.complete().await.unwrap_err(), Broken::Lost);
    scene.heard();
    // As it was before, but the admin may have it as it was in between.
    let again = scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    assert_eq!(
        (again.base, ids(&again)),
        (None, vec!["a".to_owned(), "b".to_owned()])
    );
    // What told nothing new leaves everything as it is.
    scene.answer(Err(Lost));
    let mut telling = scene.begin();
    telling.add(resource("a", &json!(1))).await.unwrap();
    telling.add(resource("b", &json!(1))).await.unwrap();
    assert_eq!(telling.complete().await.unwrap_err(), Broken::Lost);
    scene.heard();
    let next = scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    assert_eq!((next.base, ids(&next)), (Some(again.epoch), vec![]));
}

#[tokio::test]
async fn an_unknown_base_is_forgotten() {
    let mut scene = Scene::new();
    scene.tell(&[("a", json!(1))]).await;
    scene.answer(Ok(Taken::BaseUnknown));
    let telling = scene.begin();
    assert_eq!(telling.complete().await.unwrap_err(), Broken::BaseUnknown);
    assert!(scene.memory.forget());
    assert!(!scene.memory.forget());
    let all = scene.tell(&[("a", json!(1))]).await;
    assert_eq!((all.base, ids(&all)), (None, vec!["a".to_owned()]));
}

#[tokio::test]
async fn what_the_admin_refused_is_told_again_and_told_gone() {
    let mut scene = Scene::new();
    let refused = RefusedResource {
        id: "a".to_owned(),
        code: "InvalidInput".to_owned(),
        message: "no".to_owned(),
    };
    scene.answer(Ok(Taken::Taken {
        refused: vec![refused],
    }));
    scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    let second = scene.tell(&[("a", json!(1)), ("b", json!(1))]).await;
    assert_eq!(ids(&second), ["a"]);
    let third = scene.tell(&[("b", json!(1))]).await;
    assert_eq!(third.gone, ["a"]);
}

#[tokio::test]
async fn ten_thousand_resources_travel_in_portions() {
    let mut scene = Scene::new();
    let mut telling = scene.begin();
    let large = json!("x".repeat(8 << 10));
    for number in 0..10_000 {
        let size = if number < 1_000 { &large } else { &Json::Null };
        telling
            .add(resource(&number.to_string(), size))
            .await
            .unwrap();
        assert!(telling.waiting.len() <= portion_max());
    }
    scene.memory.keep(telling.complete().await.unwrap());
    let heard = scene.heard();
    let (last, others) = heard.split_last().unwrap();
    assert_eq!(last.end, complete(10_000));
    assert!(others.iter().all(|portion| portion.end.is_none()));
    assert_eq!(
        heard
            .iter()
            .map(|portion| portion.changed.len())
            .sum::<usize>(),
        10_000
    );
    for portion in &heard {
        let bytes: usize = portion.changed.iter().map(Bytes::len).sum();
        assert!(bytes <= PORTION_BYTES_MAX && portion.changed.len() <= portion_max());
    }
    let telling = scene.begin();
    telling.complete().await.unwrap();
    let heard = scene.heard();
    assert_eq!(heard.len(), 20);
    assert_eq!(
        heard
            .iter()
            .map(|portion| portion.gone.len())
            .sum::<usize>(),
        10_000
    );
}

#[tokio::test]
async fn portions_are_numbered_in_their_epoch_whoever_carries_them() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        let mut telling = scene.begin();
        for number in 0..501 {
            let resource = resource(&number.to_string(), &json!(1));
            telling.add(resource).await.unwrap();
        }
        telling.complete().await.unwrap();
    }
    let heard = scene.listener.heard.lock();
    let numbers: Vec<u32> = heard.iter().map(|portion| portion.number).collect();
    assert_eq!(numbers, [0, 1, 0, 1]);
}

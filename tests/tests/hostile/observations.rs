//! D05, D07 of configuration: what an enrolled agent may have under way, and what its observations may hold.

use bytes::Bytes;
use muster_proto::v1 as wire;
use muster_proto::v1::agent_client::AgentClient;
use muster_proto::v1::observe_request::End;
use muster_proto::v1::observe_response::Outcome;
use muster_proto::v1::resources_client::ResourcesClient;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::world::{ACCOUNT, OTHER, World};

struct Observation {
    asks: mpsc::Sender<wire::ObserveRequest>,
    answers: Streaming<wire::ObserveResponse>,
}

impl Observation {
    async fn open(channel: Channel) -> Self {
        let (asks, outgoing) = mpsc::channel(1);
        let mut client = AgentClient::new(channel);
        let answers = client.observe(ReceiverStream::new(outgoing)).await;
        Self {
            asks,
            answers: answers.unwrap().into_inner(),
        }
    }

    async fn tell(&mut self, portion: wire::ObserveRequest) -> Result<Outcome, Status> {
        // Who was cut off cannot send; the answer tells.
        let _ = self.asks.send(portion).await;
        let answer = self.answers.message().await?;
        let outcome = answer.and_then(|answer| answer.outcome);
        outcome.ok_or_else(|| Status::unavailable("the observation ended"))
    }
}

/// A topic of an account, as the first portion of a whole epoch.
fn portion(account: &str, kind: &str) -> wire::ObserveRequest {
    let document = format!(
        r#"{{"type":"{kind}","id":"arn:aws:sns:eu-west-1:{account}:{kind}","region":"eu-west-1","state":{{}}}}"#
    );
    wire::ObserveRequest {
        resource_type: kind.to_owned(),
        region: "eu-west-1".to_owned(),
        epoch: Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 0,
        }),
        changed: vec![Bytes::from(document)],
        ..Default::default()
    }
}

fn complete(portion: wire::ObserveRequest) -> wire::ObserveRequest {
    wire::ObserveRequest {
        end: Some(End::Complete(wire::EpochComplete { count: 1 })),
        ..portion
    }
}

/// How many resources there are of each account.
async fn known(world: &World) -> u64 {
    let mut client = ResourcesClient::new(world.operator(None).await);
    let counted = client.count_resources(wire::CountResourcesRequest::default());
    counted.await.unwrap().into_inner().total
}

#[tokio::test]
async fn d05_a_second_observation_of_an_agent_ends_its_first() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut first = Observation::open(channel.clone()).await;
    let topic = || portion(ACCOUNT, "AWS::SNS::Topic");
    first.tell(topic()).await.unwrap();
    let mut second = Observation::open(channel).await;
    second.tell(complete(topic())).await.unwrap();
    // It may not go on with what it began.
    let rest = wire::ObserveRequest {
        number: 1,
        changed: Vec::new(),
        ..complete(topic())
    };
    let status = first.tell(rest).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted, "{status}");
    assert_eq!(known(&world).await, 1);
}

#[tokio::test]
async fn d07_a_seventeenth_epoch_under_way_ends_the_observation() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let other = world.join(OTHER).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut flood = Observation::open(channel.clone()).await;
    for number in 0..16 {
        let kind = format!("AWS::Kind::Of{number}");
        flood.tell(portion(ACCOUNT, &kind)).await.unwrap();
    }
    // One that ends makes room for another one.
    let end = wire::ObserveRequest {
        number: 1,
        ..complete(portion(ACCOUNT, "AWS::Kind::Of0"))
    };
    flood.tell(end).await.unwrap();
    flood
        .tell(portion(ACCOUNT, "AWS::Kind::Of16"))
        .await
        .unwrap();
    let refused = flood.tell(portion(ACCOUNT, "AWS::Kind::Of17")).await;
    let status = refused.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("at most 16"), "{status}");
    // It costs nobody else anything, and itself what was not told to its end.
    let channel = world.agent(&other.credential).await.unwrap();
    let mut bystander = Observation::open(channel).await;
    bystander
        .tell(complete(portion(OTHER, "AWS::SNS::Topic")))
        .await
        .unwrap();
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut again = Observation::open(channel).await;
    let rest = wire::ObserveRequest {
        number: 1,
        ..complete(portion(ACCOUNT, "AWS::Kind::Of1"))
    };
    let outcome = again.tell(rest).await.unwrap();
    assert!(matches!(outcome, Outcome::BaseUnknown(_)), "{outcome:?}");
    assert_eq!(known(&world).await, 19);
}

#[tokio::test]
async fn z01_resources_of_another_account_are_refused_alone() {
    let world = World::start().await;
    let joined = world.join(ACCOUNT).await;
    let channel = world.agent(&joined.credential).await.unwrap();
    let mut observation = Observation::open(channel).await;
    let kind = "AWS::SNS::Topic";
    let mut mixed = complete(portion(ACCOUNT, kind));
    mixed.changed.extend(portion(OTHER, kind).changed);
    let outcome = observation.tell(mixed).await.unwrap();
    let Outcome::Taken(wire::ObservationTaken { refused }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].code, "InvalidAccess");
    assert_eq!(known(&world).await, 1);
}

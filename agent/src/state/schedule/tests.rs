use futures::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use muster_common::timestamp::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::cloud::{CallError, Problem};
use crate::state::document::Resource;
use crate::state::site::state;
use crate::state::survey::List;
use crate::state::{EpochEnd, Lost, Portion, Taken};

#[derive(Default)]
struct Listener {
    said: watch::Sender<Option<Reads>>,
    heard: Mutex<Vec<Portion>>,
    answers: Mutex<Vec<Taken>>,
}

impl Admin for Listener {
    fn read(&self, reads: Reads) -> BoxFuture<'_, Result<(), Lost>> {
        self.said.send_replace(Some(reads));
        std::future::ready(Ok(())).boxed()
    }

    fn tell(&self, portion: Portion) -> BoxFuture<'_, Result<Taken, Lost>> {
        self.heard.lock().push(portion);
        let answer = self.answers.lock().pop();
        let taken = Taken::Taken {
            refused: Vec::new(),
        };
        std::future::ready(Ok(answer.unwrap_or(taken))).boxed()
    }
}

fn error(problem: Problem, code: &str) -> CallError {
    CallError {
        problem,
        code: code.to_owned(),
        message: "no".to_owned(),
    }
}

fn refused(call: &'static str, problem: Problem, code: &str) -> Refused {
    let error = error(problem, code);
    Refused { call, error }
}

fn bucket<'a>(site: &'a Site, out: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    async move {
        let denied = refused("s3:GetBucketAcl", Problem::Denied, "AccessDenied");
        let none = refused("s3:GetBucketPolicy", Problem::Failed, "NoSuchBucketPolicy");
        let parts = [
            ("Acl", site.part(Err(denied), &[])?),
            ("Policy", site.part(Err(none), &["NoSuchBucketPolicy"])?),
            ("Logging", site.part(Ok(json!({})), &[])?),
        ];
        out.add(Resource {
            id: "arn:aws:s3:::b".to_owned(),
            region: "eu-west-1".to_owned(),
            state: state(parts),
        })
        .await
    }
    .boxed()
}

fn denied<'a>(_: &'a Site, _: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    let refused = refused(
        "ec2:DescribeVolumes",
        Problem::Denied,
        "UnauthorizedOperation",
    );
    std::future::ready(Err(Broken::Refused(refused))).boxed()
}

fn slow<'a>(site: &'a Site, _: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    let refused = refused(
        "ec2:DescribeSubnets",
        Problem::Throttled,
        "RequestLimitExceeded",
    );
    // Not a part that is unavailable: the listing breaks off.
    let part = site.part(Err(refused), &[]);
    std::future::ready(part.map(|_| ()).map_err(Broken::Refused)).boxed()
}

static BUCKETS: Survey = Survey {
    name: "config-s3",
    listings: &[Listing {
        kind: "AWS::S3::Bucket",
        list: List::Own(bucket),
    }],
    check: |_| std::future::ready(Ok(())).boxed(),
};

static NETWORKS: Survey = Survey {
    name: "config-ec2",
    listings: &[
        Listing {
            kind: "AWS::EC2::Volume",
            list: List::Own(denied),
        },
        Listing {
            kind: "AWS::EC2::Subnet",
            list: List::Own(slow),
        },
    ],
    check: |_| std::future::ready(Ok(())).boxed(),
};

fn unreachable<'a>(_: &'a Site, _: &'a mut Telling) -> BoxFuture<'a, Result<(), Broken>> {
    let refused = refused("ec2:DescribeVolumes", Problem::Unreachable, "");
    std::future::ready(Err(Broken::Refused(refused))).boxed()
}

static FAR: Survey = Survey {
    name: "config-ec2",
    listings: &[
        Listing {
            kind: "AWS::EC2::Volume",
            list: List::Own(unreachable),
        },
        Listing {
            kind: "AWS::EC2::Subnet",
            list: List::Own(denied),
        },
    ],
    check: |_| std::future::ready(Ok(())).boxed(),
};

async fn post(survey: &'static Survey, listener: &Arc<Listener>) -> Post {
    let clock = Clock::standing_at(Timestamp::from_seconds(1_000));
    let home: Region = "eu-west-1".parse().unwrap();
    Post {
        survey,
        region: None,
        home: home.clone(),
        account: "111122223333".parse().unwrap(),
        cloud: Cloud::connect(Some(&home), &clock).await,
        every: Duration::from_secs(3_600),
        board: Board::default(),
        clock,
        admin: listener.clone(),
        memories: HashMap::new(),
        setbacks: BTreeMap::new(),
    }
}

async fn round(post: &mut Post) -> Vec<Outcome> {
    let listings: Vec<&'static Listing> = post.survey.listings.iter().collect();
    let site = post.site();
    let outcomes = post.round(&site, &listings).await;
    post.report(&site, &listings, &outcomes);
    outcomes
}

#[tokio::test]
async fn a_part_that_may_not_be_read_says_so_and_the_board_too() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&BUCKETS, &listener).await;
    round(&mut post).await;
    let heard = listener.heard.lock()[0].clone();
    assert_eq!(
        (heard.kind, heard.place.as_str()),
        ("AWS::S3::Bucket", GLOBAL)
    );
    let read: Json = serde_json::from_slice(&heard.changed[0]).unwrap();
    assert_eq!(
        read["state"],
        json!({
            "Acl": { "Unavailable": { "Code": "AccessDenied", "Call": "s3:GetBucketAcl" } },
            "Policy": null,
            "Logging": {},
        })
    );
    let health = &post.board.entries()[0];
    assert_eq!(health.state, CollectorState::Ok);
    assert!(health.message.contains("s3:GetBucketAcl (AccessDenied)"));
    assert!(health.last_success.is_some());
}

#[tokio::test]
async fn an_unknown_base_is_answered_with_everything_at_once() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&BUCKETS, &listener).await;
    round(&mut post).await;
    listener.answers.lock().push(Taken::BaseUnknown);
    round(&mut post).await;
    let heard = listener.heard.lock();
    let told: Vec<_> = heard
        .iter()
        .map(|portion| (portion.base.is_some(), portion.changed.len()))
        .collect();
    assert_eq!(told, [(false, 1), (true, 0), (false, 1)]);
}

#[tokio::test]
async fn what_is_slow_is_tried_again_and_what_is_denied_waits() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&NETWORKS, &listener).await;
    let outcomes = round(&mut post).await;
    let open: Vec<bool> = outcomes.iter().map(Outcome::is_open).collect();
    assert_eq!(open, [false, true]);
    let ends = listener
        .heard
        .lock()
        .iter()
        .filter(|portion| {
            matches!(portion.end, Some(EpochEnd::Unavailable { .. })) && portion.changed.is_empty()
        })
        .count();
    assert_eq!(ends, 2);
    let health = &post.board.entries()[0];
    assert_eq!(health.state, CollectorState::PermissionMissing);
    assert!(health.message.contains("AWS::EC2::Volume"), "{health:?}");
}

#[tokio::test]
async fn where_nothing_is_heard_the_rest_is_not_asked() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&FAR, &listener).await;
    round(&mut post).await;
    for portion in listener.heard.lock().iter() {
        let Some(EpochEnd::Unavailable { code, .. }) = &portion.end else {
            panic!("{portion:?}");
        };
        assert_eq!(code, "Unreachable");
    }
    let message = post.board.entries()[0].message.clone();
    assert!(
        message.starts_with("AWS::EC2::Subnet and 1 more: no answer from AWS"),
        "{message}"
    );
}

#[tokio::test]
async fn a_second_try_of_some_hides_no_setback_of_others() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&NETWORKS, &listener).await;
    round(&mut post).await;
    let site = post.site();
    let second = [&NETWORKS.listings[1]];
    post.report(&site, &second, &[Outcome::Told]);
    let health = &post.board.entries()[0];
    assert_eq!(health.state, CollectorState::PermissionMissing);
}

#[tokio::test]
async fn what_the_admin_does_not_have_hides_no_setback_of_others() {
    let listener = Arc::new(Listener::default());
    let mut post = post(&NETWORKS, &listener).await;
    let site = post.site();
    let [volumes, subnets] = NETWORKS.listings else {
        panic!("two are listed");
    };
    let denied = Outcome::Refused(Setback::Denied("no".to_owned()));
    post.report(&site, &[subnets, volumes], &[Outcome::Lost, denied]);
    let state = |post: &Post| post.board.entries()[0].state;
    assert_eq!(state(&post), CollectorState::PermissionMissing);
    post.report(&site, &[subnets], &[Outcome::Told]);
    assert_eq!(state(&post), CollectorState::PermissionMissing);
    post.report(&site, &[volumes, subnets], &[Outcome::Told, Outcome::Lost]);
    assert_eq!(state(&post), CollectorState::PermissionMissing);
    post.report(&site, &[subnets], &[Outcome::Told]);
    assert_eq!(state(&post), CollectorState::Ok);
}

#[test]
fn few_things_are_named() {
    let things = |count: usize| named((0..count).map(|number| number.to_string()));
    assert_eq!(things(2), "0; 1");
    assert_eq!(things(6), "0; 1; 2; 3; and 2 more");
}

#[test]
fn what_is_read_is_said_by_place() {
    let region: Region = "eu-west-1".parse().unwrap();
    let Reads(reads) = reads(&[None, Some(region)]);
    let has = |place: &str, kind: &str| reads[place].contains(kind);
    assert_eq!(reads.len(), 2);
    assert!(has(GLOBAL, "AWS::S3::Bucket") && has(GLOBAL, "AWS::::Account"));
    assert!(has("eu-west-1", "AWS::EC2::Volume") && has("eu-west-1", "AWS::::Account"));
    assert!(!has("eu-west-1", "AWS::S3::Bucket") && !has(GLOBAL, "AWS::EC2::Volume"));
}

#[tokio::test]
async fn a_task_that_broke_down_has_a_name() {
    let mut tasks = JoinSet::new();
    let place: Option<Region> = Some("eu-west-1".parse().unwrap());
    let handles = survey::REGIONAL.iter().map(|survey| {
        let broken = survey.name == "config-kms";
        tasks.spawn(async move {
            assert!(!broken, "it breaks down");
            std::future::pending().await
        })
    });
    let running = HashMap::from([(place.clone(), handles.collect())]);
    let other = tasks.spawn(async {});
    tokio::task::yield_now().await;
    assert_eq!(join(&mut tasks, &running).now_or_never(), None);
    assert_eq!(tasks.len(), survey::REGIONAL.len() - 1);
    let of = |task: &AbortHandle| named_task(task.id(), &running);
    let names: Vec<String> = running[&place].iter().map(of).collect();
    assert!(names.contains(&"config-kms eu-west-1".to_owned()));
    assert_eq!(of(&other), "what is read");
}

#[tokio::test]
async fn who_surveys_nothing_says_so() {
    let listener = Arc::new(Listener::default());
    let mut said = listener.said.subscribe();
    let clock = Clock::standing_at(Timestamp::from_seconds(1_000));
    let home: Region = "eu-west-1".parse().unwrap();
    let cloud = Cloud::connect(Some(&home), &clock).await;
    let config = crate::config::Config::default();
    let account = "111122223333".parse().unwrap();
    let surveying = Surveying {
        sources: Sources::new(&config, cloud, account, home),
        settings: crate::config::State {
            enabled: false,
            ..config.state
        },
        board: Board::default(),
        clock,
        admin: listener.clone(),
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(surveying, stop.clone()));
    let heard = said.wait_for(Option::is_some).await.unwrap().clone();
    assert_eq!(heard, Some(Reads::default()));
    stop.cancel();
    running.await.unwrap();
}

//! `collect`: the real agent reads the configuration of an account with ten thousand resources and tells the real server.
//!
//! AWS is played in this process: every answer comes after the time that one takes on the way to AWS and back, and is made
//! up as it is asked for. The clock runs from the start of the agent until the server has every resource. The memory is the
//! kernel's peak (`VmHWM`) of the agent's process. Then the same without that time, which is what the agent itself takes.

mod account;
mod call;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use crate::admin::{Engine, Server};
use crate::agent::{Agent, peak, stop};
use crate::cloud::{Cloud, identity};
use crate::machine;
use crate::report::{Budget, Report};
use call::Call;

const ACCOUNT: &str = "210000000007";
/// How long AWS takes.
const FAR: Duration = Duration::from_millis(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(600);
/// The budgets.
const SECONDS_MAX: f64 = 60.0;
const PEAK_MIB_MAX: f64 = 40.0;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let resources = account::resources();
    let what = format!(
        "One agent, and an account of {resources} resources ({} of them buckets) that AWS takes {} ms to answer about; and at once.",
        account::BUCKETS,
        FAR.as_millis()
    );
    report.section("collect", &what);
    let far = collected(report, FAR, "collect").await?;
    report.figure("collect.seconds", far, "s", Budget::AtMost(SECONDS_MAX));
    let near = collected(report, Duration::ZERO, "collect.near").await?;
    report.figure("collect.near.seconds", near, "s", Budget::None);
    let ratio = far / near;
    report.figure("collect.far_to_near", ratio, "times", Budget::None);
    Ok(())
}

/// Seconds until everything was told.
async fn collected(report: &mut Report, way: Duration, name: &str) -> anyhow::Result<f64> {
    let cloud = Cloud::serve(Router::new().fallback(answer).with_state(way)).await?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &cloud.endpoint, Engine::Embedded).await?;
    let account = ACCOUNT.parse()?;
    let agent = Agent {
        state: folder.path().join("agent"),
        endpoint: cloud.endpoint.clone(),
        account,
        surveys: true,
    };
    let invitation = server.operator.invite(account).await?;
    agent.accept(&invitation.to_string()).await?;
    let resources = account::resources() as u64;
    let started = Instant::now();
    let running = agent.start()?;
    loop {
        let told = server.operator.resources(account).await?;
        if told == resources {
            break;
        }
        anyhow::ensure!(
            told < resources,
            "{told} of {resources} resources were told"
        );
        anyhow::ensure!(
            started.elapsed() < PATIENCE,
            "{told} of {resources} resources were told in time"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = resources as f64 / seconds;
    report.figure(&format!("{name}.rate"), rate, "resources/s", Budget::None);
    let process = running.id().context("the agent runs")?;
    let busy = machine::busy(process).as_secs_f64();
    report.figure(&format!("{name}.busy"), busy, "s of a core", Budget::None);
    let budget = Budget::AtMost(PEAK_MIB_MAX);
    peak(report, &format!("{name}.peak"), &running, budget)?;
    let asked = Instant::now();
    stop(running).await?;
    let stopped = asked.elapsed().as_secs_f64();
    report.figure(&format!("{name}.stopped"), stopped, "s", Budget::None);
    server.stop().await?;
    Ok(seconds)
}

async fn answer(
    State(way): State<Duration>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let call = Call::read(&uri, &headers, &body);
    if call.service == "sts" {
        return identity(headers).await.into_response();
    }
    if !way.is_zero() {
        tokio::time::sleep(way).await;
    }
    let (status, text) = match call.service.as_str() {
        "account" if call.path == "/listRegions" => (200, REGIONS.to_owned()),
        _ => account::answer(&call),
    };
    let mut response = text.into_response();
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// One, or nobody could tell how much is to be read.
const REGIONS: &str =
    r#"{"Regions":[{"RegionName":"us-east-1","RegionOptStatus":"ENABLED_BY_DEFAULT"}]}"#;

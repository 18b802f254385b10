//! E10 to E14, E20, E21: an STS, or whoever poses as one, that answers anything.

use std::process::Stdio;
use std::time::{Duration, Instant};

use muster_mtls::PrivateKey;
use muster_proto::v1 as wire;
use tokio::net::TcpListener;
use tonic::{Code, Status};

use super::claim::Claim;
use super::sts::{ROLE, Reply, answer, error, identity};
use super::world::{ACCOUNT, OTHER, World, assert_untouched};

const JSON: &str = "content-type: application/json\r\n";

fn own() -> String {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/agent");
    identity(ACCOUNT, &arn, "AROAEXAMPLE:agent")
}

/// What an honest agent is told when STS answers so. Nobody has enrolled then.
async fn told(world: &World, reply: Reply) -> Status {
    let invitation = match world.sts.asked().len() {
        0 => world.invite(ACCOUNT).await,
        _ => world.invite_again(ACCOUNT).await,
    };
    world.sts.answer(reply);
    let claim = Claim::of(world, &invitation, &PrivateKey::generate());
    let status = claim.refused(world).await;
    assert_untouched(world, &invitation).await;
    status
}

#[tokio::test]
async fn e10_a_redirect_is_not_followed() {
    let world = World::start().await;
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}/", trap.local_addr().unwrap());
    for code in [301, 302, 303, 307, 308] {
        let headers = format!("{JSON}location: {elsewhere}\r\n");
        let status = told(&world, Reply::Raw(answer(code, &headers, &own()))).await;
        assert_eq!(status.code(), Code::Unavailable, "{code}");
    }
    // Nobody has called: a first connection is ours.
    let probe = tokio::net::TcpStream::connect(trap.local_addr().unwrap())
        .await
        .unwrap();
    let (_, first) = trap.accept().await.unwrap();
    assert_eq!(first, probe.local_addr().unwrap());
}

#[tokio::test]
async fn e11_only_one_plain_json_document_is_an_identity() {
    let world = World::start().await;
    let xml = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    let named = |headers: &str, body: &str| Reply::Raw(answer(200, headers, body));
    for (what, reply) in [
        ("XML", named("content-type: text/xml\r\n", &xml)),
        ("XML called JSON", named(JSON, &xml)),
        ("XML in JSON", named(JSON, &format!("{{\"x\":\"{xml}\"}}"))),
        (
            "JSON called XML",
            named("content-type: text/xml\r\n", &own()),
        ),
        ("JSON without a type", named("", &own())),
        (
            "almost JSON",
            named("content-type: application/json-seq\r\n", &own()),
        ),
        ("two documents", named(JSON, &format!("{0}{0}", own()))),
        ("trailing bytes", named(JSON, &format!("{}x", own()))),
        ("nothing", named(JSON, "")),
        ("null", named(JSON, "null")),
        ("a list", named(JSON, &format!("[{}]", own()))),
        (
            "a member twice",
            named(
                JSON,
                &own().replacen(
                    "\"Account\"",
                    &format!("\"Account\":\"{OTHER}\",\"Account\""),
                    1,
                ),
            ),
        ),
        (
            "compressed",
            named(&format!("{JSON}content-encoding: gzip\r\n"), "\u{1f}x"),
        ),
        ("no HTTP", Reply::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
    ] {
        world.clock.advance(1_000);
        let status = told(&world, reply).await;
        assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
    }
}

#[tokio::test]
async fn e12_an_endless_answer_is_cut_at_a_few_kilobytes() {
    let world = World::start().await;
    let chunked = format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    let since = Instant::now();
    let status = told(&world, Reply::Endless(chunked.into_bytes())).await;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(
        since.elapsed() < Duration::from_secs(4),
        "long before the deadline"
    );
    // What fits into the buffers between the two is all that was ever sent.
    assert!(world.sts.sent() < 16 << 20, "{}", world.sts.sent());
}

/// Five seconds for the whole answer, however alive it looks.
#[tokio::test]
async fn e12_a_slow_answer_is_given_up_in_time() {
    let world = World::start().await;
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 8000\r\n\r\n");
    let since = Instant::now();
    let status = told(&world, Reply::Drip(head.into_bytes())).await;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn e13_an_account_that_is_not_twelve_digits_of_the_arn_is_nobodys() {
    let world = World::start().await;
    let account = format!("\"{ACCOUNT}\"");
    for (what, wrong) in [
        ("11 digits", own().replace(ACCOUNT, "11112222333")),
        ("13 digits", own().replace(ACCOUNT, "1111222233334")),
        ("other digits", own().replace(ACCOUNT, "١١١١٢٢٢٢٣٣٣٣")),
        ("a number", own().replace(&account, ACCOUNT)),
        ("null", own().replace(&account, "null")),
        ("a list", own().replace(&account, &format!("[{account}]"))),
        (
            "another one than the ARN's",
            own().replace(&account, &format!("\"{OTHER}\"")),
        ),
        (
            "a space",
            own().replace(&account, &format!("\"{ACCOUNT} \"")),
        ),
    ] {
        let status = told(&world, Reply::Json(200, wrong)).await;
        assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
    }
}

#[tokio::test]
async fn e14_nobody_but_the_members_role_is_welcome() {
    let world = World::start().await;
    let sts = |rest: &str| format!("arn:aws:sts::{ACCOUNT}:{rest}");
    let iam = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    for (arn, user_id) in [
        (iam("root"), ACCOUNT.to_owned()),
        (iam("user/MusterAgent"), "AIDAEXAMPLE".to_owned()),
        (
            sts("federated-user/MusterAgent"),
            format!("{ACCOUNT}:MusterAgent"),
        ),
        (
            sts("assumed-role/../MusterAgent"),
            "AROAEXAMPLE:MusterAgent".to_owned(),
        ),
        (
            sts("assumed-role/x/MusterAgent/agent"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/Admin/MusterAgent"),
            "AROAEXAMPLE:MusterAgent".to_owned(),
        ),
        (
            sts("assumed-role/MusterAgent2/agent"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/XMusterAgent/agent"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/musteragent/agent"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/MusterAgent"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/MusterAgent/agent"),
            "AIDAEXAMPLE:agent".to_owned(),
        ),
        (
            sts("assumed-role/MusterAgent/agent").replace(":aws:", ":aws-cn:"),
            "AROAEXAMPLE:agent".to_owned(),
        ),
    ] {
        world.clock.advance(60_000);
        let status = told(&world, Reply::Json(200, identity(ACCOUNT, &arn, &user_id))).await;
        assert_eq!(
            status.code(),
            Code::PermissionDenied,
            "{arn} {user_id}: {status}"
        );
    }
}

#[tokio::test]
async fn e20_what_sts_refuses_is_denied_and_what_ails_it_may_be_tried_again() {
    let world = World::start().await;
    for (code, body, expected) in [
        (400, error("ValidationError"), Code::PermissionDenied),
        (403, error("InvalidClientTokenId"), Code::PermissionDenied),
        (403, error("ExpiredToken"), Code::PermissionDenied),
        (403, "no JSON".to_owned(), Code::PermissionDenied),
        (400, error("Throttling"), Code::Unavailable),
        (429, error("TooManyRequestsException"), Code::Unavailable),
        (500, error("InternalFailure"), Code::Unavailable),
        (503, String::new(), Code::Unavailable),
        (200, error("ExpiredToken"), Code::Unavailable),
    ] {
        let status = told(&world, Reply::Json(code, body.clone())).await;
        assert_eq!(status.code(), expected, "{code} {body}: {status}");
        let retry = tonic_types_retry(&status);
        assert_eq!(retry, expected == Code::Unavailable, "{code} {body}");
    }
    world.sts.answer(Reply::Honest);
    let invitation = world.invite_again(ACCOUNT).await;
    world.accept(&invitation).await;
}

/// Whether a status tells when to try again (`google.rpc.RetryInfo`).
fn tonic_types_retry(status: &Status) -> bool {
    let details = String::from_utf8_lossy(status.details()).into_owned();
    details.contains("google.rpc.RetryInfo")
}

/// An error code that is no code is not repeated to anybody.
#[tokio::test]
async fn e20_the_words_of_sts_are_not_passed_on() {
    let world = World::start().await;
    let status = told(&world, Reply::Json(403, error("<script>\u{1b}[2J"))).await;
    assert!(!status.message().contains('<'), "{status}");
    let audit = world.audit("enrollment.refuse").await;
    assert!(!audit[0].detail.contains('<'), "{audit:?}");
}

#[tokio::test]
async fn e21_an_sts_with_a_certificate_of_its_own_making_is_not_asked() {
    let key =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
            .unwrap();
    let (endpoint, served) = super::tls::https(&key).await;
    let world = World::with(|config| config.sts.endpoint = Some(endpoint)).await;
    let invitation = world.invite(ACCOUNT).await;
    let claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    assert_eq!(claim.refused(&world).await.code(), Code::Unavailable);
    assert_untouched(&world, &invitation).await;
    assert_eq!(
        served.load(std::sync::atomic::Ordering::SeqCst),
        0,
        "no request was sent"
    );
}

/// The proxy of the environment is set for a process of its own, which enrolls an agent.
#[tokio::test]
async fn e21_a_proxy_of_the_environment_sees_no_proof() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let mut inner = tokio::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "hostile::enrollment::an_honest_agent_enrolls_and_the_request_to_sts_is_exactly_the_rebuilt_one"]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        inner.env(name, &proxy);
    }
    let ended = inner
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdin(Stdio::null())
        .output();
    tokio::select! {
        ended = ended => {
            let ended = ended.unwrap();
            let said = String::from_utf8_lossy(&ended.stdout);
            assert!(ended.status.success() && said.contains("1 passed"), "{said}");
        }
        caught = trap.accept() => panic!("the proxy was asked: {caught:?}"),
    }
}

/// While STS is silent, the others wait for nothing but their own answer.
#[tokio::test]
async fn e20_a_silent_sts_holds_up_nobody_who_does_not_ask_it() {
    let world = World::start().await;
    let joined = world.join(OTHER).await;
    let invitation = world.invite(ACCOUNT).await;
    world.sts.answer(Reply::Silent);
    let claim = Claim::of(&world, &invitation, &PrivateKey::generate());
    let waiting = claim.send(&world);
    let others = async {
        let renewed = world.renew(&joined.credential).await;
        assert!(renewed.is_ok());
        assert_eq!(
            world.member_status(OTHER).await,
            wire::MemberStatus::Enabled
        );
    };
    tokio::select! {
        ended = waiting => panic!("before the others: {ended:?}"),
        () = others => {}
    }
}

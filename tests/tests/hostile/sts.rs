//! An STS on loopback: it checks that a request is exactly what the admin should rebuild, verifies its signature, and
//! answers as AWS does, or as the test says.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_common::proof::{ACCEPT, BINDING_HEADER, BODY, CONTENT_TYPE, signed_headers, sts_host};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The role that members' agents run under.
pub(super) const ROLE: &str = "MusterAgent";

/// Credentials, and who STS says they are.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub credentials: Credentials,
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How the next questions are answered.
#[derive(Clone, Debug, Default)]
pub(super) enum Reply {
    /// As AWS would.
    #[default]
    Honest,
    /// A status and a JSON body, whatever was asked.
    Json(u16, String),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// A body that does not end, as fast as it is read; what comes before it.
    Endless(Vec<u8>),
    /// A byte now and then, for ever.
    Drip(Vec<u8>),
    /// Nothing.
    Silent,
    /// As AWS would, once the test releases it.
    Held,
}

#[derive(Default)]
struct State {
    sessions: HashMap<String, Session>,
    asked: Vec<Asked>,
    faults: Vec<String>,
    reply: Reply,
    /// Bytes of endless answers.
    sent: usize,
    released: Arc<Notify>,
}

pub(super) struct Sts {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: DropGuard,
}

impl Sts {
    pub(super) async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(stopped.run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        }));
        Self {
            address,
            state,
            _stop: stop.drop_guard(),
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Credentials of a role of an account, known here from now on. The same role has the same unique id.
    pub(super) fn session(&self, account: &str, role: &str) -> Session {
        self.session_of(
            account,
            role,
            &format!("AROA{}", digest(&[account, role]).to_uppercase()),
        )
    }

    pub(super) fn session_of(&self, account: &str, role: &str, role_id: &str) -> Session {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/agent");
        self.known_as(account, &arn, &format!("{role_id}:agent"))
    }

    /// Credentials of whoever it shall be.
    pub(super) fn known_as(&self, account: &str, arn: &str, user_id: &str) -> Session {
        let number = self.state.lock().sessions.len().to_string();
        let unique = digest(&[account, arn, user_id, &number]);
        let session = Session {
            credentials: Credentials::new(
                format!("ASIA{}", unique.to_uppercase()),
                format!("secret-key-{unique}"),
                Some(format!("session-token-{unique}")),
                None,
                "test",
            ),
            account: account.to_owned(),
            arn: arn.to_owned(),
            user_id: user_id.to_owned(),
        };
        let key = session.credentials.access_key_id().to_owned();
        self.state.lock().sessions.insert(key, session.clone());
        session
    }

    pub(super) fn answer(&self, reply: Reply) {
        self.state.lock().reply = reply;
    }

    /// Every request so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.lock().asked.clone()
    }

    /// What was wrong with requests so far: anything that the admin should never send.
    pub(super) fn faults(&self) -> Vec<String> {
        self.state.lock().faults.clone()
    }

    /// Lets a question that is held go on.
    pub(super) fn release(&self) {
        self.state.lock().released.notify_one();
    }

    /// Bytes that went out in endless answers.
    pub(super) fn sent(&self) -> usize {
        self.state.lock().sent
    }
}

/// A JSON answer of GetCallerIdentity.
pub(super) fn identity(account: &str, arn: &str, user_id: &str) -> String {
    json!({ "GetCallerIdentityResponse": {
        "GetCallerIdentityResult": { "Account": account, "Arn": arn, "UserId": user_id },
        "ResponseMetadata": { "RequestId": "7f4ba1b6-0000-4000-8000-000000000000" },
    } })
    .to_string()
}

/// An error as STS says it in JSON.
pub(super) fn error(code: &str) -> String {
    json!({ "Error": { "Code": code, "Message": "no", "Type": "Sender" }, "RequestId": "r" })
        .to_string()
}

/// A whole HTTP answer.
pub(super) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Said\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(asked) = read(&mut stream).await {
        let reply = {
            let mut state = state.lock();
            state.asked.push(asked.clone());
            if let Err(fault) = exact(&asked) {
                state.faults.push(fault);
            }
            state.reply.clone()
        };
        let bytes = match reply {
            Reply::Honest => honest(&asked, &state.lock().sessions),
            Reply::Held => {
                let released = Arc::clone(&state.lock().released);
                released.notified().await;
                honest(&asked, &state.lock().sessions)
            }
            Reply::Json(status, body) => {
                answer(status, "content-type: application/json\r\n", &body)
            }
            Reply::Raw(bytes) => bytes,
            Reply::Endless(start) => return endless(stream, &start, &state).await,
            Reply::Drip(start) => return drip(stream, &start).await,
            Reply::Silent => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
        };
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn endless(mut stream: TcpStream, start: &[u8], state: &Mutex<State>) {
    if stream.write_all(start).await.is_err() {
        return;
    }
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        state.lock().sent += 0x1000;
    }
}

async fn drip(mut stream: TcpStream, start: &[u8]) {
    let mut bytes = start.to_vec();
    while stream.write_all(&bytes).await.is_ok() {
        bytes = b" ".to_vec();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 || head.len() > 65_536 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let start = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let asked = Asked {
        start,
        headers,
        body: Vec::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|length| length.parse().ok())?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { body, ..asked })
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        first.filter(|_| found.next().is_none())
    }
}

/// Whether a request is the one that the admin should rebuild, and nothing more.
fn exact(asked: &Asked) -> Result<(), String> {
    let with_token = asked.header("x-amz-security-token").is_some();
    let mut expected: Vec<&str> = signed_headers(with_token).split(';').collect();
    expected.extend(["authorization", "content-length"]);
    expected.sort_unstable();
    let mut names: Vec<String> = asked
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort_unstable();
    let same = |name: &str, value: &str| asked.header(name) == Some(value);
    let scope = scope(asked).ok_or("no scope")?;
    let host = scope
        .region
        .parse()
        .map(|region| sts_host(&region))
        .unwrap_or_default();
    let right = asked.start == "POST / HTTP/1.1"
        && asked.body == BODY.as_bytes()
        && names == expected
        && same("accept", ACCEPT)
        && same("content-type", CONTENT_TYPE)
        && same("host", &host)
        && asked
            .header(BINDING_HEADER)
            .is_some_and(|binding| binding.len() == 64)
        && scope.signed == signed_headers(with_token);
    right.then_some(()).ok_or_else(|| format!("{asked:?}"))
}

/// What stands in the Authorization header.
struct Scope<'a> {
    key: &'a str,
    day: &'a str,
    region: &'a str,
    signed: &'a str,
    signature: &'a str,
}

fn scope(asked: &Asked) -> Option<Scope<'_>> {
    let rest = asked
        .header("authorization")?
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")?;
    let (credential, rest) = rest.split_once(", SignedHeaders=")?;
    let (signed, signature) = rest.split_once(", Signature=")?;
    let [key, day, region, "sts", "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..]
    else {
        return None;
    };
    Some(Scope {
        key,
        day,
        region,
        signed,
        signature,
    })
}

/// What AWS would answer.
fn honest(asked: &Asked, sessions: &HashMap<String, Session>) -> Vec<u8> {
    let refuse = |code| answer(403, "content-type: application/json\r\n", &error(code));
    let Some(scope) = scope(asked) else {
        return refuse("MissingAuthenticationToken");
    };
    let Some(session) = sessions.get(scope.key) else {
        return refuse("InvalidClientTokenId");
    };
    let token = session.credentials.session_token();
    if asked.header("x-amz-security-token") != token {
        return refuse("InvalidClientTokenId");
    }
    if signature(asked, &scope, session.credentials.secret_access_key()).as_deref()
        != Some(scope.signature)
    {
        return refuse("SignatureDoesNotMatch");
    }
    let body = identity(&session.account, &session.arn, &session.user_id);
    answer(200, "content-type: application/json\r\n", &body)
}

/// Signature Version 4 over what came.
fn signature(asked: &Asked, scope: &Scope<'_>, secret: &str) -> Option<String> {
    let date = asked.header("x-amz-date")?;
    let headers = scope
        .signed
        .split(';')
        .map(|name| Some(format!("{name}:{}\n", asked.header(name)?)))
        .collect::<Option<String>>()?;
    let canonical = format!(
        "POST\n/\n\n{headers}\n{}\n{}",
        scope.signed,
        hex(&Sha256::digest(&asked.body))
    );
    let (day, region) = (scope.day, scope.region);
    let hashed = hex(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{region}/sts/aws4_request\n{hashed}");
    let key = [day, region, "sts", "aws4_request"]
        .into_iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(&key, part)
        });
    Some(hex(&mac(&key, &text)))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Sixteen hexadecimal digits that depend on every part.
fn digest(parts: &[&str]) -> String {
    hex(&Sha256::digest(parts.join("\n")))[..16].to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! One way of one call: takes frames at one end and gives them out at the other, and tells the model what it saw.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body as _, Frame};
use muster_proto::v1 as wire;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;

use super::{Calls, Line, reset};
use crate::model::Talk;
use crate::{clocks, dice};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// What a call that the model listens to is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Findings,
    Configuration,
}

type Heard = Option<(Says, Arc<Mutex<Talk>>)>;

type Piece = Result<Frame<Bytes>, Status>;

/// Where frames come out.
pub(super) struct Pipe(mpsc::Receiver<Piece>);

impl Pipe {
    pub(super) fn new() -> (mpsc::Sender<Piece>, Self) {
        let (into, out) = mpsc::channel(4);
        (into, Self(out))
    }
}

impl http_body::Body for Pipe {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.poll_recv(context)
    }
}

/// Messages in the making.
#[derive(Default)]
struct Framer(BytesMut);

impl Framer {
    /// Takes a piece, and gives the messages that are whole with it.
    fn take(&mut self, piece: &[u8]) -> Vec<Bytes> {
        self.0.extend_from_slice(piece);
        let mut whole = Vec::new();
        while let Some(header) = self.0.get(..5) {
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
            if self.0.len() < 5 + length {
                break;
            }
            self.0.advance(5);
            whole.push(self.0.split_to(length).freeze());
        }
        whole
    }
}

/// Moves frames until one end or the connection is gone.
pub(super) async fn pump(
    calls: Calls,
    body: Body,
    into: mpsc::Sender<Piece>,
    way: Way,
    talk: Heard,
) {
    let line = Arc::clone(&calls.line);
    let pump = Pump {
        calls,
        way,
        talk,
        framer: Framer::default(),
    };
    if pump.run(body, &into, &line).await.is_err() {
        let _ = into.send(Err(reset())).await;
    }
}

/// Where to split a piece in two; 0 leaves it whole. How long certificates are differs from run to run, so that their
/// length must decide nothing.
fn cut_at(length: usize) -> usize {
    let split = dice::percent(20);
    let share = dice::share();
    if split && length > 1 {
        ((length as f64 * share) as usize).clamp(1, length - 1)
    } else {
        0
    }
}

struct Pump {
    calls: Calls,
    way: Way,
    talk: Heard,
    framer: Framer,
}

/// The connection is gone.
struct Gone;

impl Pump {
    async fn run(
        mut self,
        mut body: Body,
        into: &mpsc::Sender<Piece>,
        line: &Line,
    ) -> Result<(), Gone> {
        loop {
            let frame = tokio::select! {
                biased;
                () = line.cut.cancelled() => return Err(Gone),
                () = into.closed() => return Ok(()),
                frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)) => frame,
            };
            let Some(frame) = frame else {
                sleep(line.late()).await;
                return Ok(());
            };
            let Ok(frame) = frame else {
                return Err(Gone);
            };
            if line.is_dead(self.way) {
                line.cut.cancelled().await;
                return Err(Gone);
            }
            clocks::set();
            match frame.into_data() {
                Ok(bytes) => {
                    let at = cut_at(bytes.len());
                    self.leave(&bytes, line).await;
                    let (first, second) = (bytes.slice(..at), bytes.slice(at..));
                    for piece in [first, second]
                        .into_iter()
                        .filter(|piece| !piece.is_empty())
                    {
                        self.carry(Frame::data(piece), into, line).await?;
                    }
                }
                Err(trailers) => self.carry(trailers, into, line).await?,
            }
        }
    }

    /// Sees a piece off.
    async fn leave(&mut self, bytes: &[u8], line: &Line) {
        let Some((says, talk)) = self.talk.clone().filter(|_| self.way == Way::Down) else {
            return;
        };
        for message in self.framer.take(bytes) {
            let heard = match says {
                Says::Findings => self.leave_uplink(&talk, message, line).await,
                Says::Configuration => self.leave_observation(&talk, message, line).await,
            };
            if heard.is_err() {
                self.calls.model.fail("the server sent what is no answer");
                return;
            }
        }
    }

    async fn leave_uplink(
        &self,
        talk: &Mutex<Talk>,
        message: Bytes,
        line: &Line,
    ) -> Result<(), prost::DecodeError> {
        let Some(answer) = wire::UplinkResponse::decode(message)?.message else {
            return Ok(());
        };
        let model = &self.calls.model;
        let promise = {
            let mut talk = talk.lock().expect("one thread");
            model.lock().answered(&mut talk, answer)
        };
        let store = Arc::clone(&line.server.store);
        let when = "when it was acknowledged";
        model.check(promise, &store, when).await;
        Ok(())
    }

    async fn leave_observation(
        &self,
        talk: &Mutex<Talk>,
        message: Bytes,
        line: &Line,
    ) -> Result<(), prost::DecodeError> {
        let Some(outcome) = wire::ObserveResponse::decode(message)?.outcome else {
            return Ok(());
        };
        let model = &self.calls.model;
        let keys = {
            let mut talk = talk.lock().expect("one thread");
            model.lock().took(&mut talk, outcome)
        };
        let store = Arc::clone(&line.server.store);
        model.check_told(keys, &store, "when it was taken").await;
        Ok(())
    }

    /// Carries a piece over.
    async fn carry(
        &mut self,
        frame: Frame<Bytes>,
        into: &mpsc::Sender<Piece>,
        line: &Line,
    ) -> Result<(), Gone> {
        let cut = tokio::select! {
            biased;
            () = line.cut.cancelled() => true,
            () = sleep(line.late()) => false,
        };
        if line.is_deaf(self.way) {
            line.cut.cancelled().await;
        }
        // What was under way may arrive though its sender is gone.
        if line.cut.is_cancelled() && !(cut && line.may_arrive(self.way) && dice::percent(50)) {
            return Err(Gone);
        }
        clocks::set();
        if self.way == Way::Up
            && let Some(bytes) = frame.data_ref()
        {
            self.arrive(bytes, line);
        }
        tokio::select! {
            biased;
            sent = into.send(Ok(frame)) => sent.map_err(|_| Gone)?,
            () = line.cut.cancelled() => return Err(Gone),
        }
        if cut { Err(Gone) } else { Ok(()) }
    }

    /// Tells the model what reaches the server.
    fn arrive(&mut self, bytes: &[u8], line: &Line) {
        let Some((says, talk)) = &self.talk else {
            return;
        };
        for message in self.framer.take(bytes) {
            if *says == Says::Configuration {
                if let Ok(request) = wire::ObserveRequest::decode(message) {
                    let mut talk = talk.lock().expect("one thread");
                    let now = line.server.clock.now();
                    self.calls.model.lock().observed(&mut talk, request, now);
                }
                continue;
            }
            let request = wire::UplinkRequest::decode(message);
            let Some(ask) = request.ok().and_then(|request| request.message) else {
                continue;
            };
            let mut talk = talk.lock().expect("one thread");
            let now = line.server.clock.now();
            let last = line.last();
            self.calls.model.lock().delivered(&mut talk, ask, last, now);
        }
    }
}

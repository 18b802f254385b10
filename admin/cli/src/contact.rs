//! Contact: what is followed goes on when the server was away.

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;
use crate::output::print_note;
use crate::session::Session;

/// The first wait before another attempt; it doubles.
const WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A server that is away for longer is given up.
const AWAY_MAX: Duration = Duration::from_secs(600);

/// Whether a followed server can be heard.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    away: Option<Away>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    wait: Duration,
}

impl Contact {
    /// The server was heard.
    pub(crate) fn heard(&mut self) {
        if self.away.take().is_some() {
            print_note("muster: connected again; going on");
        }
    }

    /// Connects again after a failure, if it is one that passes.
    pub(crate) async fn again(
        &mut self,
        session: &Session,
        mut failure: Failure,
    ) -> Result<Session, Failure> {
        loop {
            self.wait(failure).await?;
            match session.again().await {
                Ok(session) => return Ok(session),
                Err(error) => failure = error,
            }
        }
    }

    async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        if !matches!(failure, Failure::Unreachable(_)) {
            return Err(failure);
        }
        let away = self.away.get_or_insert_with(|| {
            print_note("muster: the connection was lost; connecting again");
            Away {
                since: Instant::now(),
                wait: WAIT,
            }
        });
        if away.since.elapsed() > AWAY_MAX {
            return Err(failure);
        }
        tokio::time::sleep(away.wait).await;
        away.wait = (away.wait * 2).min(WAIT_MAX);
        Ok(())
    }
}

/// A stream that ended without a reason.
pub(crate) fn ended() -> Failure {
    Failure::Unreachable("the server ended the stream".to_owned())
}

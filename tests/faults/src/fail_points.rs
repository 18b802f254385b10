//! The process ends between two durable steps, at each point of the drill (`muster_common::drill`): as if it was killed
//! there, or as if the power went, with everything that was not flushed.
//!
//! Every point has its stage, so that a new one is played or does not compile. A stage arms a process with a point, does
//! what passes it, and waits until the process has ended there; then it starts again and everything must be in order.

mod agents;
mod joining;
mod observing;
mod renewing;
mod serving;
mod starting;

use muster_common::drill::{Limit, Point};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::disk::{Disk, Host, Loss};
use crate::scenario::Run;
use crate::tally::Tally;

/// What has to happen for a point to be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serve,
    Observe,
    Recover,
    Compact,
    Init,
    Accept,
    Renew,
    Collect,
    Anew,
}

const fn stage(point: Point) -> Stage {
    match point {
        Point::SegmentCreated
        | Point::LogWritten
        | Point::LogSynced
        | Point::StepFolded
        | Point::StepShelved
        | Point::ShelfFlushed => Stage::Serve,
        Point::InventoryStored | Point::InventoryParted | Point::InventoryUnread => Stage::Observe,
        Point::TailKept | Point::TailCut => Stage::Recover,
        Point::CompactionDrafted
        | Point::CompactionRenamed
        | Point::CompactionPlaced
        | Point::CompactionRemoved => Stage::Compact,
        Point::FolderMade
        | Point::RootDrafted
        | Point::RootRenamed
        | Point::RootsListed
        | Point::OperatorMade => Stage::Init,
        Point::ClaimProven
        | Point::ClaimEnrolled
        | Point::PendingWritten
        | Point::PendingKept
        | Point::AcceptAnswered
        | Point::CredentialDrafted
        | Point::CredentialRenamed
        | Point::AcceptSaved => Stage::Accept,
        Point::RenewalRecorded | Point::RenewAnswered => Stage::Renew,
        Point::SpoolSegmentCreated
        | Point::SpoolWritten
        | Point::SpoolSynced
        | Point::SpoolSegmentRemoved
        | Point::SpoolRenamed
        | Point::SpoolNamed
        | Point::SpoolGivenUp
        | Point::FileDrafted
        | Point::FileRenamed
        | Point::IntakeAppended
        | Point::LettersPut => Stage::Collect,
        Point::AnewMade
        | Point::AnewLeft
        | Point::AnewPlaced
        | Point::AdoptAppended
        | Point::AdoptEmptied => Stage::Anew,
    }
}

/// How a process ends at a point.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Killed: what it wrote is there.
    Killed,
    /// The power went: what it did not flush is not.
    Dark(Loss),
}

/// How one stage is played.
#[derive(Clone)]
struct Play {
    stage: Stage,
    end: End,
    chance: StdRng,
}

/// Each point as a kill.
pub(crate) async fn killed(run: Run) -> Tally {
    play(run, End::Killed).await
}

/// Each point as a power cut: with all that was not flushed gone, and, at full length, some of it by chance.
pub(crate) async fn dark(run: Run) -> Tally {
    let mut tally = play(run, End::Dark(Loss::All)).await;
    for time in 0..run.rounds / 100 {
        let seed = run.seed.wrapping_add(u64::from(time));
        let run = Run { seed, ..run };
        tally.add(play(run, End::Dark(Loss::Some(seed))).await);
    }
    tally
}

async fn play(run: Run, end: End) -> Tally {
    let of = |stage| Play {
        stage,
        end,
        chance: StdRng::seed_from_u64(run.seed),
    };
    // Beside each other: most of the time goes into waiting for processes.
    let (a, b, c, d, e, f, g, h, i) = futures::join!(
        serving::serve(of(Stage::Serve)),
        serving::recover(of(Stage::Recover)),
        serving::compact(of(Stage::Compact)),
        starting::init(of(Stage::Init)),
        joining::accept(of(Stage::Accept)),
        renewing::renew(of(Stage::Renew)),
        agents::collect(of(Stage::Collect)),
        agents::anew(of(Stage::Anew)),
        observing::observe(of(Stage::Observe)),
    );
    let mut tally = Tally::default();
    for part in [a, b, c, d, e, f, g, h, i] {
        tally.add(part);
    }
    tally
}

impl Play {
    /// The points of the stage.
    fn points(&self) -> Vec<Point> {
        let points = Point::ALL.iter().copied();
        points.filter(|point| stage(*point) == self.stage).collect()
    }

    /// From its next start on, a process ends when it passes a point so many times.
    fn arm(&mut self, host: &mut impl Host, disk: &Disk, point: Point, times: u32) {
        host.set("MUSTER_DRILL", Some(&format!("{}:{times}", point.name())));
        match self.end {
            End::Killed => {}
            End::Dark(Loss::All) => disk.forgets(host, Loss::All),
            End::Dark(Loss::Some(_)) => disk.forgets(host, Loss::Some(self.chance.random())),
        }
    }

    /// From its next start on, nothing happens to it.
    fn disarm(host: &mut impl Host) {
        host.set("MUSTER_DRILL", None);
        Disk::remove(host);
    }

    /// What was played, for the tally.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let what = match self.end {
            End::Killed => "fail points",
            End::Dark(_) => "fail points without power",
        };
        tally.count(what, self.points().len() as u64);
        tally
    }
}

/// Lowers a limit of a process from its next start on.
fn lower(host: &mut impl Host, limit: Limit, value: u64) {
    host.set(limit.variable(), Some(&value.to_string()));
}

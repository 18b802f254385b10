//! The scenarios: what is broken, and who does it.

use futures::future::LocalBoxFuture;

use crate::tally::Tally;
use crate::{
    backups, clocks, configuration, damage, fail_points, full_disk, kills, network, power,
    slow_disk,
};

/// How much is done, and by which chances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// 200 at full length.
    pub rounds: u32,
    pub seed: u64,
}

impl Run {
    /// A part of the rounds, but never none: for what takes longer than a kill.
    pub(crate) const fn share(self, divisor: u32) -> u32 {
        self.rounds.div_ceil(divisor)
    }
}

/// Something that is broken while the product runs.
pub(crate) struct Scenario {
    pub name: &'static str,
    /// What is done, for people.
    pub does: &'static str,
    /// Fails by panicking.
    pub run: fn(Run) -> LocalBoxFuture<'static, Tally>,
}

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "kills",
        does: "kill -9 of server and agents at random moments under load, also while they start",
        run: |run| Box::pin(kills::run(run)),
    },
    Scenario {
        name: "configuration",
        does: "kill -9 of server and agent at random moments while configuration is told",
        run: |run| Box::pin(configuration::run(run)),
    },
    Scenario {
        name: "fail-points",
        does: "killed between every two durable steps of enrollment, group commit, inventory, compaction, spool, init and renewal",
        run: |run| Box::pin(fail_points::killed(run)),
    },
    Scenario {
        name: "dark-points",
        does: "the power goes between the same steps, and what was not flushed is gone: all of it, or some",
        run: |run| Box::pin(fail_points::dark(run)),
    },
    Scenario {
        name: "power",
        does: "the power of server and agents goes at random moments under load, from their first file on",
        run: |run| Box::pin(power::run(run)),
    },
    Scenario {
        name: "damage",
        does: "bits are flipped and sectors zeroed in the log, the tables, the root keys, spools and credentials",
        run: |run| Box::pin(damage::run(run)),
    },
    Scenario {
        name: "full-disk",
        does: "the disk of the server, then of an agent, is full, read-only, fails to flush; each goes on afterwards",
        run: |run| Box::pin(full_disk::run(run)),
    },
    Scenario {
        name: "slow-disk",
        does: "every flush takes 200 ms to 2 s on all sides; all stop in order",
        run: |run| Box::pin(slow_disk::run(run)),
    },
    Scenario {
        name: "network",
        does: "connections are cut at random moments, go silent, are slow or late; packets are lost",
        run: |run| Box::pin(network::run(run)),
    },
    Scenario {
        name: "clocks",
        does: "the clocks of server and agent jump by an hour, each and both, forwards and backwards",
        run: |run| Box::pin(clocks::run(run)),
    },
    Scenario {
        name: "backups",
        does: "an agent, then the server, is restored from a day-old backup while the other side went on",
        run: |run| Box::pin(backups::run(run)),
    },
];

/// A scenario by its name.
pub(crate) fn named(name: &str) -> Result<&'static Scenario, String> {
    let names = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>();
    ALL.iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("there is {}", names().join(", ")))
}

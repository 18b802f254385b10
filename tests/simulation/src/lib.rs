//! The protocol between agents, uplink, ingest and store, in one thread, from one number.
//!
//! In: a subject, findings or configuration, and a seed. Out: a trace, and what was wrong, if anything was. The product's own code runs: the agent's spool, queue,
//! dead letters, marks and uplink; tonic's codec; the doorman with its table; the uplink's service, ingest, membership,
//! enrollment and renewal; the embedded store with its log. Simulated is what they stand on: disks that lose what was not
//! synced ([`muster_disk::simulated`]), a network that delays, splits, cuts and goes deaf ([`network`]), clocks, STS, and
//! tokio's paused time. Left out: TLS, h2 and sled.
//!
//! The same seed gives the same trace, but for one in 800 (of 2,400, run twice each): ids are random, what has them in it is
//! compressed to a byte more or less, and now and then that probably decides whether a segment was full. So a seed that fails shows its trace at once,
//! and one that comes out well when it is run again should be run ten times.
//!
//! The model knows what was made, what was acknowledged and who was barred. It holds the product to this:
//!
//! - what was acknowledged is visible at that moment and after every crash;
//! - a place in a spool counts once: `sent = created + updated + unchanged + refused + missing`, and it is as much as the
//!   spools gave out; nothing is missing unless the server was restored from a backup, and then no more than that cost;
//! - what is refused is what should be, with the document among the dead letters;
//! - nobody whose member parted or is suspended, whose agent was stopped, or whose certificate was replaced or is over
//!   gets anything in, on a new connection or on an old one; no method without a row is entered; and nobody else is
//!   refused;
//! - when everything is mended, it drains; and then the store holds the newest version of every finding that its source
//!   has, byte by byte, and nothing else.
//!
//! The other subject, configuration, has agents that survey with the product's own epochs and tell them on observations. Of that:
//!
//! - what was taken is there at that moment and after every crash, in that version or a later one, unless it went after it;
//!   so an epoch that is not complete deletes nothing;
//! - a base that is not the last one is told as such;
//! - nobody who may not speak is heard;
//! - in the end all that is read is known as it is, and what nobody reads any more is known as that.
//!
//! One thing is excused, for nobody could tell: an agent that was restored and has, before it connects, given out the
//! numbers again that it gave out before. The ledger counts those places once, though their findings are stored; and if
//! the server was restored, too, so much may stay away as the ledger names as missing.
//!
//! `teeth.md` lists how the product was broken on purpose, and which seed found it.

mod agent;
mod clocks;
mod dice;
mod estate;
mod kit;
mod model;
mod network;
mod operator;
mod rogue;
mod server;
mod source;
mod surveyor;
mod world;

pub use world::{Subject, run};

/// What came of a seed.
#[derive(Debug)]
pub struct Run {
    pub seed: u64,
    /// Lines, each with its time.
    pub trace: Vec<String>,
    /// What is wrong.
    pub failure: Option<String>,
    pub tally: Tally,
}

/// What a seed consisted of, to see that it does what it is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub batches: u64,
    pub acknowledgements: u64,
    pub findings: u64,
    pub refused: u64,
    pub crashes: u64,
    pub restores: u64,
    pub rogues: u64,
    pub moves: u64,
}

impl Tally {
    pub const fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.acknowledgements += other.acknowledgements;
        self.findings += other.findings;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.restores += other.restores;
        self.rogues += other.rogues;
        self.moves += other.moves;
    }
}

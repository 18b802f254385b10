//! What all runs of a thread share, for it costs more than a run: the authority with its roots, and their folder.

use std::cell::RefCell;

use muster_admin::authority::{self, Authority};
use muster_common::clock::Clock;
use muster_common::identity::TrustDomain;
use tempfile::TempDir;

use crate::clocks::START;

thread_local! {
    static KIT: RefCell<Option<Kit>> = const { RefCell::new(None) };
}

#[derive(Clone)]
pub(crate) struct Shared {
    pub authority: Authority,
    pub domain: TrustDomain,
    /// The clock of the server's machine.
    pub clock: Clock,
}

struct Kit {
    shared: Shared,
    _folder: TempDir,
}

/// The kit of this thread, with its clock at the start.
pub(crate) fn shared() -> Shared {
    KIT.with_borrow_mut(|kit| {
        let shared = kit.get_or_insert_with(make).shared.clone();
        shared.clock.advance(START.since(shared.clock.now()));
        shared
    })
}

fn make() -> Kit {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let domain: TrustDomain = "muster.example".parse().expect("a domain");
    let clock = Clock::standing_at(START);
    let authority = Authority::create(&authority::folder(folder.path()), &domain, clock.clone())
        .expect("an empty folder takes roots");
    Kit {
        shared: Shared {
            authority,
            domain,
            clock,
        },
        _folder: folder,
    }
}

//! Work over many zones, shared by the cores.

use std::num::NonZero;
use std::ops::Range;
use std::sync::LazyLock;

/// Zones that are worth a thread, which takes a twentieth of a millisecond to start.
const PART: usize = 256;
/// Parts of one piece of work, at most: others have questions, too.
const PARTS_MAX: usize = 4;

static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

/// Does the work on the zones, in parts, and gives what came of each in their order.
pub(super) fn in_parts<T: Send>(zones: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let parts = (zones / PART).clamp(1, PARTS_MAX.min(*CORES));
    let part = |number: usize| number * zones / parts..(number + 1) * zones / parts;
    if parts == 1 {
        return vec![work(0..zones)];
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..parts)
            .map(|number| {
                let work = &work;
                let zones = part(number);
                let helper = std::thread::Builder::new().name("store-ask".to_owned());
                let helper = helper.spawn_scoped(scope, {
                    let zones = zones.clone();
                    move || work(zones)
                });
                (zones, helper)
            })
            .collect();
        let mut done = vec![work(part(0))];
        done.extend(others.into_iter().map(|(zones, helper)| match helper {
            Ok(helper) => match helper.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            },
            // No thread could be had.
            Err(_) => work(zones),
        }));
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_is_worked_on_once_and_in_order() {
        for zones in [0, 1, 255, 256, 513, 1_000, 10_007] {
            let done: Vec<usize> = in_parts(zones, Iterator::collect::<Vec<_>>).concat();
            assert!(done.into_iter().eq(0..zones), "{zones}");
        }
    }
}

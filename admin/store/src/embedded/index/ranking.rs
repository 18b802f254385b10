//! Counts by code, of which the largest are found without looking at all of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Counts that are passed over together.
const BLOCK: usize = 64;

#[derive(Default)]
pub(super) struct Ranking {
    counts: Vec<u32>,
    /// By block: the largest of its counts.
    largest: Vec<u32>,
    /// How many counts are not 0.
    groups: u64,
}

impl From<Vec<u32>> for Ranking {
    fn from(counts: Vec<u32>) -> Self {
        Self {
            groups: counts.iter().map(|count| u64::from(*count > 0)).sum(),
            largest: counts.chunks(BLOCK).map(largest).collect(),
            counts,
        }
    }
}

impl Ranking {
    pub(super) const fn groups(&self) -> u64 {
        self.groups
    }

    pub(super) fn add(&mut self, code: u32) {
        let at = code as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
            self.largest.resize(at / BLOCK + 1, 0);
        }
        self.counts[at] += 1;
        self.groups += u64::from(self.counts[at] == 1);
        let largest = &mut self.largest[at / BLOCK];
        *largest = (*largest).max(self.counts[at]);
    }

    /// Takes back what [`Ranking::add`] did.
    pub(super) fn subtract(&mut self, code: u32) {
        let at = code as usize;
        let was_largest = self.largest[at / BLOCK] == self.counts[at];
        self.counts[at] -= 1;
        self.groups -= u64::from(self.counts[at] == 0);
        if was_largest {
            let start = at / BLOCK * BLOCK;
            let end = self.counts.len().min(start + BLOCK);
            self.largest[at / BLOCK] = largest(&self.counts[start..end]);
        }
    }

    /// The codes and counts that can be among the `limit` largest; more of those that are as small as the last.
    pub(super) fn top(&self, limit: usize) -> impl Iterator<Item = (u32, u32)> {
        let least = self.least(limit);
        self.blocks(least - 1)
            .flat_map(|(first, block)| (first..).zip(block.iter().copied()))
            .filter(move |(_, count)| *count >= least)
    }

    /// The smallest count that can be among the `limit` largest; at least 1.
    fn least(&self, limit: usize) -> u32 {
        if limit == 0 {
            return u32::MAX;
        }
        let mut heap = BinaryHeap::new();
        let mut least = 0;
        for (largest, block) in self.largest.iter().zip(self.counts.chunks(BLOCK)) {
            if *largest <= least {
                continue;
            }
            for count in block.iter().copied() {
                if count <= least {
                    continue;
                }
                if heap.len() == limit {
                    heap.pop();
                }
                heap.push(Reverse(count));
                if heap.len() == limit {
                    least = heap.peek().map_or(0, |smallest: &Reverse<u32>| smallest.0);
                }
            }
        }
        least.max(1)
    }

    /// The blocks with a count above a bound, and their first codes.
    fn blocks(&self, bound: u32) -> impl Iterator<Item = (u32, &[u32])> {
        (0_u32..)
            .step_by(BLOCK)
            .zip(self.counts.chunks(BLOCK))
            .zip(&self.largest)
            .filter(move |(_, largest)| **largest > bound)
            .map(|(block, _)| block)
    }

    pub(super) fn bytes(&self) -> usize {
        4 * (self.counts.capacity() + self.largest.capacity())
    }
}

/// Without a branch, so that many counts are compared at once.
fn largest(counts: &[u32]) -> u32 {
    counts.iter().fold(0, |largest, count| largest.max(*count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts with many that are equal, over several blocks.
    fn counts(seed: u32) -> Vec<u32> {
        let scattered = |at: u32| (at ^ seed).wrapping_mul(0x9e37_79b9) >> 7;
        let counts = (0..1_000).map(scattered);
        counts.map(|number| number % 40 * (number % 3)).collect()
    }

    fn check(ranking: &Ranking, counts: &[u32]) {
        let mut sorted: Vec<u32> = counts.iter().copied().filter(|count| *count > 0).collect();
        sorted.sort_unstable_by_key(|count| Reverse(*count));
        assert_eq!(ranking.groups(), sorted.len() as u64);
        for limit in [1, 2, 63, 100, 400, 2_000, usize::MAX] {
            let least = sorted.get(limit - 1).copied().unwrap_or(1);
            let naive: Vec<(u32, u32)> = (0..)
                .zip(counts.iter().copied())
                .filter(|(_, count)| *count >= least)
                .collect();
            assert_eq!(ranking.top(limit).collect::<Vec<_>>(), naive, "{limit}");
        }
        assert_eq!(ranking.top(0).count(), 0);
    }

    #[test]
    fn the_top_is_what_sorting_says() {
        for seed in 0..50 {
            let counts = counts(seed);
            check(&Ranking::from(counts.clone()), &counts);
        }
        check(&Ranking::default(), &[]);
    }

    #[test]
    fn counts_go_up_and_down() {
        let mut ranking = Ranking::default();
        let mut naive = vec![0_u32; 1_000];
        for step in 0..40_000_u32 {
            let at = step.wrapping_mul(0x9e37_79b9) >> 7;
            let code = (at % 997) as usize;
            if at % 5 < 2 && naive[code] > 0 {
                ranking.subtract(code as u32);
                naive[code] -= 1;
            } else {
                ranking.add(code as u32);
                naive[code] += 1;
            }
            if step % 1_000 == 0 {
                check(&ranking, &naive);
            }
        }
    }
}

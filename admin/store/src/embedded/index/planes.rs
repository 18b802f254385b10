//! Numbers below 16, a zone at a time: the lowest bits of all its slots behind each other, then the next ones.
//!
//! A test of a zone is a few words then, and most fields have few values.

use super::bits::{Mask, ZONE, ZONE_WORDS};
use super::codes::CHUNK;

/// The first number that is too large.
pub(super) const TOO_LARGE: u32 = 16;

/// Numbers by slot of a chunk; 0 where nothing was set.
#[derive(Default)]
pub(super) struct Planes {
    /// Zone by zone, and in a zone bit by bit.
    masks: Vec<Mask>,
    /// Bits of a number.
    width: usize,
}

impl Planes {
    pub(super) fn get(&self, at: usize) -> u32 {
        let (word, bit) = (at % ZONE / 64, at % 64);
        let planes = (0_u32..).zip(self.zone(at / ZONE));
        planes.fold(0, |number, (place, plane)| {
            number | ((plane[word] >> bit & 1) as u32) << place
        })
    }

    /// By bit of a number: the slots of a zone that have it. None behind the last zone.
    pub(super) fn zone(&self, zone: usize) -> &[Mask] {
        let start = zone * self.width;
        self.masks
            .get(start..start + self.width)
            .unwrap_or_default()
    }

    pub(super) fn set(&mut self, at: usize, number: u32) {
        if number == 0 && self.zone(at / ZONE).is_empty() {
            return;
        }
        let (word, bit) = (at % ZONE / 64, at % 64);
        for (place, plane) in (0_u32..).zip(self.room(at / ZONE, number)) {
            let one = u64::from(number >> place & 1);
            plane[word] = plane[word] & !(1 << bit) | one << bit;
        }
    }

    /// Sets the slots from one on, none of which was set before.
    pub(super) fn append(&mut self, at: usize, numbers: &[u32], widest: u32) {
        let mut at = at;
        let mut rest = numbers;
        while !rest.is_empty() {
            let (numbers, behind) = rest.split_at(rest.len().min(ZONE - at % ZONE));
            for (place, plane) in (0_u32..).zip(self.room(at / ZONE, widest)) {
                for (at, number) in (at % ZONE..).zip(numbers) {
                    plane[at / 64] |= u64::from(number >> place & 1) << (at % 64);
                }
            }
            at += numbers.len();
            rest = behind;
        }
    }

    /// The numbers up to the last one that is not 0.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        let slots = self.masks.len() / self.width.max(1) * ZONE;
        let last = (0..slots).rev().find(|at| self.get(*at) != 0);
        (0..last.map_or(0, |last| last + 1)).map(|at| self.get(at))
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Mask>() * self.masks.capacity()
    }

    /// The planes of a zone, which are made if they are missing, and wide enough for a number.
    fn room(&mut self, zone: usize, number: u32) -> &mut [Mask] {
        let width = (u32::BITS - number.leading_zeros()) as usize;
        if width > self.width {
            self.widen(width);
        }
        let (start, end) = (zone * self.width, (zone + 1) * self.width);
        if self.masks.len() < end {
            if self.masks.capacity() < end {
                let zones = (zone + 1).next_power_of_two().min(CHUNK / ZONE);
                self.masks
                    .reserve_exact(zones * self.width - self.masks.len());
            }
            self.masks.resize(end, [0; ZONE_WORDS]);
        }
        &mut self.masks[start..end]
    }

    fn widen(&mut self, width: usize) {
        let zones = self.masks.len() / self.width.max(1);
        let mut masks = Vec::with_capacity(zones * width);
        for zone in 0..zones {
            masks.extend_from_slice(self.zone(zone));
            masks.resize((zone + 1) * width, [0; ZONE_WORDS]);
        }
        *self = Self { masks, width };
    }
}

/// The slots of a zone with a number, which is not 0.
pub(super) fn equal(planes: &[Mask], number: u32) -> Mask {
    if number >> planes.len() != 0 {
        return [0; ZONE_WORDS];
    }
    let mut equal = [u64::MAX; ZONE_WORDS];
    for (place, plane) in planes.iter().enumerate() {
        let other = if number >> place & 1 == 1 {
            0
        } else {
            u64::MAX
        };
        equal
            .iter_mut()
            .zip(plane)
            .for_each(|(word, plane)| *word &= plane ^ other);
    }
    equal
}

/// The numbers above 0 that a zone may have.
pub(super) fn possible(planes: &[Mask]) -> std::ops::Range<u32> {
    1..1 << planes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_were_set() {
        let mut planes = Planes::default();
        assert_eq!(planes.numbers().count(), 0);
        planes.set(3_000, 0);
        assert_eq!((planes.get(3_000), planes.bytes()), (0, 0));
        let mut naive = vec![0; 5_000];
        for step in 0..40_000_u32 {
            let mixed = step.wrapping_mul(0x9e37_79b9) >> 7;
            let (at, number) = (mixed as usize % 4_999, mixed / 5_000 % (1 + step / 2_500));
            planes.set(at, number);
            naive[at] = number;
        }
        assert!((0..5_000).all(|at| planes.get(at) == naive[at]));
        let last = naive.iter().rposition(|number| *number != 0).unwrap();
        assert!(planes.numbers().eq(naive[..=last].iter().copied()));
        for number in 1..TOO_LARGE {
            let equal = equal(planes.zone(1), number);
            for at in 0..ZONE {
                let found = equal[at / 64] >> (at % 64) & 1 == 1;
                assert_eq!(found, naive[ZONE + at] == number, "{at} {number}");
            }
        }
        assert!(planes.zone(64).is_empty());
        assert_eq!(equal(planes.zone(64), 1), [0; ZONE_WORDS]);
    }

    #[test]
    fn appended_numbers_are_those_that_were_set() {
        let mut planes = Planes::default();
        let numbers: Vec<u32> = (0..3_000).map(|number| number * number % 7 % 3).collect();
        planes.append(1_000, &numbers, 2);
        planes.append(4_000, &[9], 9);
        let found: Vec<u32> = planes.numbers().skip(1_000).collect();
        assert_eq!(found[..3_000], numbers);
        assert_eq!(found[3_000..], [9]);
        assert_eq!(planes.bytes(), 4 * 4 * size_of::<Mask>());
    }
}

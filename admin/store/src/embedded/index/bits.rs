//! Sets of slots, a bit for each.

/// Slots that are looked at together, and their words.
pub(super) const ZONE: usize = 1 << 10;
pub(super) const ZONE_WORDS: usize = ZONE / 64;

/// The bits of one zone.
pub(super) type Mask = [u64; ZONE_WORDS];

/// A set of slots.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Bits {
    words: Vec<u64>,
    count: u64,
}

impl Bits {
    /// How many slots are in it.
    pub(in super::super) const fn len(&self) -> u64 {
        self.count
    }

    pub(super) fn has(&self, slot: u32) -> bool {
        let word = self.words.get(slot as usize / 64).copied().unwrap_or(0);
        word >> (slot % 64) & 1 == 1
    }

    pub(super) fn insert(&mut self, slot: u32) {
        let at = slot as usize / 64;
        if self.words.len() <= at {
            self.words.resize((at / ZONE_WORDS + 1) * ZONE_WORDS, 0);
        }
        self.count += u64::from(!self.has(slot));
        self.words[at] |= 1 << (slot % 64);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if self.has(slot) {
            self.words[slot as usize / 64] &= !(1 << (slot % 64));
            self.count -= 1;
        }
    }

    /// The zones that have words.
    pub(super) fn zones(&self) -> usize {
        self.words.len() / ZONE_WORDS
    }

    pub(super) fn zone(&self, number: usize) -> &Mask {
        const EMPTY: &Mask = &[0; ZONE_WORDS];
        self.words
            .get(number * ZONE_WORDS..)
            .and_then(<[u64]>::first_chunk)
            .unwrap_or(EMPTY)
    }

    /// Adds the zone behind the last one.
    pub(super) fn push_zone(&mut self, mask: &Mask) {
        self.words.extend_from_slice(mask);
        self.count += mask
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum::<u64>();
    }

    /// The slots that are in this set and not in the other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for number in 0..self.zones() {
            let mut mask = *self.zone(number);
            and_not(&mut mask, other.zone(number));
            rest.push_zone(&mask);
        }
        rest
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = u32> {
        (0_u32..)
            .step_by(64)
            .zip(&self.words)
            .flat_map(|(base, word)| ones(*word).map(move |bit| base + bit))
    }

    pub(super) fn bytes(&self) -> usize {
        8 * self.words.capacity()
    }
}

/// The places of the bits that are set.
pub(super) fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

pub(super) fn is_empty(mask: &Mask) -> bool {
    mask.iter().all(|word| *word == 0)
}

pub(super) fn and(mask: &mut Mask, other: &Mask) {
    mask.iter_mut()
        .zip(other)
        .for_each(|(word, other)| *word &= other);
}

pub(super) fn and_not(mask: &mut Mask, other: &Mask) {
    mask.iter_mut()
        .zip(other)
        .for_each(|(word, other)| *word &= !other);
}

pub(super) fn or(mask: &mut Mask, other: &Mask) {
    mask.iter_mut()
        .zip(other)
        .for_each(|(word, other)| *word |= other);
}

/// Bytes of 0 and 1 as bits.
pub(super) fn pack(bytes: &[u8; ZONE]) -> Mask {
    let mut mask = [0; ZONE_WORDS];
    for (word, bytes) in mask.iter_mut().zip(bytes.as_chunks::<64>().0) {
        for (shift, eight) in (0..).step_by(8).zip(bytes.as_chunks::<8>().0) {
            // Gathers the lowest bit of each byte in the highest byte.
            let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            *word |= gathered << shift;
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_and_go() {
        let mut bits = Bits::default();
        for slot in [0, 63, 64, 1_023, 1_024, 70_000, 64] {
            bits.insert(slot);
        }
        bits.remove(63);
        bits.remove(63);
        bits.remove(5_000_000);
        assert_eq!(bits.len(), 5);
        assert_eq!(
            bits.iter().collect::<Vec<_>>(),
            [0, 64, 1_023, 1_024, 70_000]
        );
        let mut other = Bits::default();
        other.insert(64);
        assert_eq!(
            bits.minus(&other).iter().collect::<Vec<_>>(),
            [0, 1_023, 1_024, 70_000]
        );
        assert_eq!(bits.minus(&other).len(), 4);
    }

    #[test]
    fn bytes_become_bits() {
        let mut bytes = [0; ZONE];
        let ones: Vec<usize> = (0..ZONE).filter(|at| at * at % 7 == 2).collect();
        ones.iter().for_each(|at| bytes[*at] = 1);
        let mut bits = Bits::default();
        bits.push_zone(&pack(&bytes));
        let found: Vec<usize> = bits.iter().map(|slot| slot as usize).collect();
        assert_eq!(found, ones);
    }
}

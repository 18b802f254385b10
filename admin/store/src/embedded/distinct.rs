//! Whether it is worth looking in a column for a value that may stand there already.

/// So many values tell whether nearly all of them differ.
const TELLING: usize = 64;
/// Where they differed nobody looks again for so many blocks.
const TRUSTED_BLOCKS: u8 = 15;

/// What earlier blocks told of a column.
#[derive(Clone, Copy, Default)]
pub(super) struct Distinct {
    /// For so many more blocks each value is taken to be new.
    blocks: u8,
}

impl Distinct {
    pub(super) const fn holds(self) -> bool {
        self.blocks > 0
    }

    /// Takes the end of a block in, with so many values for so many places. Where nobody looked they tell nothing.
    pub(super) const fn tell(&mut self, values: usize, places: usize) {
        self.blocks = match self.blocks {
            0 if values >= TELLING && values >= places - places / 16 => TRUSTED_BLOCKS,
            blocks => blocks.saturating_sub(1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differed_is_trusted_for_some_blocks() {
        let mut distinct = Distinct::default();
        for (values, places) in [(TELLING - 1, TELLING - 1), (TELLING, 2 * TELLING), (0, 0)] {
            distinct.tell(values, places);
            assert!(!distinct.holds(), "{values} of {places}");
        }
        distinct.tell(240, 256);
        for _ in 0..TRUSTED_BLOCKS {
            assert!(distinct.holds());
            distinct.tell(256, 256);
        }
        assert!(!distinct.holds());
    }
}

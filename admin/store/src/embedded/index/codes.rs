//! A number per slot, in chunks that are as wide as they must be. Chunks match the containers of a roaring bitmap.

/// Slots per chunk.
pub(super) const CHUNK: usize = 1 << 16;

/// Numbers by slot; 0 where nothing was set.
#[derive(Default)]
pub(super) struct Codes {
    chunks: Vec<Chunk>,
}

/// The numbers of 65,536 slots.
#[derive(Default)]
pub(super) enum Chunk {
    #[default]
    Empty,
    U8(Box<[u8]>),
    U16(Box<[u16]>),
    U32(Box<[u32]>),
}

impl Codes {
    pub(super) fn get(&self, slot: u32) -> u32 {
        self.chunk(slot as usize / CHUNK).get(slot as usize % CHUNK)
    }

    /// The chunk of some slots; an empty one where nothing was set.
    pub(super) fn chunk(&self, number: usize) -> &Chunk {
        const EMPTY: &Chunk = &Chunk::Empty;
        self.chunks.get(number).unwrap_or(EMPTY)
    }

    pub(super) fn set(&mut self, slot: u32, code: u32) {
        let (number, at) = (slot as usize / CHUNK, slot as usize % CHUNK);
        if self.chunks.len() <= number {
            if code == 0 {
                return;
            }
            self.chunks.resize_with(number + 1, Chunk::default);
        }
        self.chunks[number].set(at, code);
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum()
    }
}

impl Chunk {
    pub(super) fn get(&self, at: usize) -> u32 {
        match self {
            Self::Empty => 0,
            Self::U8(codes) => codes[at].into(),
            Self::U16(codes) => codes[at].into(),
            Self::U32(codes) => codes[at],
        }
    }

    fn set(&mut self, at: usize, code: u32) {
        match (&mut *self, code) {
            (Self::Empty, 0) => {}
            (Self::U8(codes), 0..=0xff) => codes[at] = code as u8,
            (Self::U16(codes), 0..=0xffff) => codes[at] = code as u16,
            (Self::U32(codes), _) => codes[at] = code,
            (Self::Empty | Self::U8(_) | Self::U16(_), _) => {
                self.widen(code);
                self.set(at, code);
            }
        }
    }

    fn widen(&mut self, code: u32) {
        *self = match (code, &*self) {
            (0..=0xff, Self::Empty) => Self::U8(vec![0; CHUNK].into()),
            (0..=0xffff, old) => Self::U16((0..CHUNK).map(|at| old.get(at) as u16).collect()),
            (_, old) => Self::U32((0..CHUNK).map(|at| old.get(at)).collect()),
        };
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::U8(_) => CHUNK,
            Self::U16(_) => 2 * CHUNK,
            Self::U32(_) => 4 * CHUNK,
        }
    }
}

/// A wide number per slot, and whether there is one.
#[derive(Default)]
pub(super) struct Times {
    chunks: Vec<Option<Box<[i64]>>>,
}

/// The mark of a slot without a time.
pub(super) const NO_TIME: i64 = i64::MIN;

impl Times {
    pub(super) fn get(&self, slot: u32) -> Option<i64> {
        let time = self.chunk(slot as usize / CHUNK)?[slot as usize % CHUNK];
        (time != NO_TIME).then_some(time)
    }

    /// The times of some slots, [`NO_TIME`] where there is none; `None` where nothing was set.
    pub(super) fn chunk(&self, number: usize) -> Option<&[i64]> {
        self.chunks.get(number)?.as_deref()
    }

    pub(super) fn set(&mut self, slot: u32, time: Option<i64>) {
        let (number, at) = (slot as usize / CHUNK, slot as usize % CHUNK);
        if self.chunks.len() <= number {
            if time.is_none() {
                return;
            }
            self.chunks.resize_with(number + 1, || None);
        }
        match (&mut self.chunks[number], time) {
            (None, None) => {}
            (Some(chunk), time) => chunk[at] = time.unwrap_or(NO_TIME),
            (empty @ None, Some(time)) => {
                let mut chunk = vec![NO_TIME; CHUNK];
                chunk[at] = time;
                *empty = Some(chunk.into());
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        8 * CHUNK * self.chunks.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_widen_as_they_must() {
        let mut codes = Codes::default();
        assert_eq!(codes.get(5), 0);
        codes.set(5, 0);
        assert_eq!(codes.bytes(), 0);
        codes.set(5, 7);
        assert_eq!(codes.bytes(), CHUNK);
        codes.set(6, 256);
        codes.set(7, 70_000);
        codes.set(200_000, 1);
        assert_eq!(
            [5, 6, 7, 8, 200_000].map(|slot| codes.get(slot)),
            [7, 256, 70_000, 0, 1]
        );
        codes.set(6, 0);
        assert_eq!(codes.get(6), 0);
    }

    #[test]
    fn times_tell_absence() {
        let mut times = Times::default();
        times.set(3, None);
        assert_eq!(times.bytes(), 0);
        times.set(3, Some(-1));
        times.set(70_000, Some(9));
        assert_eq!(
            [2, 3, 70_000].map(|slot| times.get(slot)),
            [None, Some(-1), Some(9)]
        );
        times.set(3, None);
        assert_eq!(times.get(3), None);
    }
}

//! A number per slot, in chunks that are as wide as they must be and as long as they are filled.

use std::ops::Range;

use super::bits::{Mask, ZONE};
use super::planes::{Planes, TOO_LARGE};

/// Slots per chunk.
pub(super) const CHUNK: usize = 1 << 16;
/// Zones per chunk.
const ZONES: usize = CHUNK / ZONE;

/// Numbers by slot; 0 where nothing was set.
#[derive(Default)]
pub(super) struct Codes {
    chunks: Vec<Chunk>,
}

/// The numbers of up to 65,536 slots. Behind the last one all are 0.
#[derive(Default)]
pub(super) enum Chunk {
    #[default]
    Empty,
    Planes(Planes),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

/// Some numbers of a chunk, from the first slot of a zone on; fewer than asked for at its end.
pub(super) enum Slice<'a> {
    Empty,
    /// By bit of a number: who has it.
    Planes(&'a [Mask]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
}

impl Codes {
    pub(super) fn get(&self, slot: u32) -> u32 {
        self.chunks
            .get(slot as usize / CHUNK)
            .map_or(0, |chunk| chunk.get(slot as usize % CHUNK))
    }

    /// The numbers of a zone.
    pub(super) fn zone(&self, number: usize) -> Slice<'_> {
        let start = number % ZONES * ZONE;
        match self.chunks.get(number / ZONES) {
            Some(chunk) => chunk.slice(start..start + ZONE),
            None => Slice::Empty,
        }
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

    /// Sets the slots from one on, none of which was set before.
    pub(super) fn append(&mut self, first: u32, codes: &[u32]) {
        let widest = codes.iter().copied().max().unwrap_or(0);
        if widest == 0 {
            return;
        }
        let mut rest = codes;
        let mut slot = first as usize;
        while !rest.is_empty() {
            let (number, at) = (slot / CHUNK, slot % CHUNK);
            let (codes, behind) = rest.split_at(rest.len().min(CHUNK - at));
            if self.chunks.len() <= number {
                self.chunks.resize_with(number + 1, Chunk::default);
            }
            self.chunks[number].append(at, codes, widest);
            slot += codes.len();
            rest = behind;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Chunk::bytes).sum()
    }
}

impl Chunk {
    fn get(&self, at: usize) -> u32 {
        match self {
            Self::Empty => 0,
            Self::Planes(planes) => planes.get(at),
            Self::U8(codes) => codes.get(at).copied().unwrap_or(0).into(),
            Self::U16(codes) => codes.get(at).copied().unwrap_or(0).into(),
            Self::U32(codes) => codes.get(at).copied().unwrap_or(0),
        }
    }

    fn slice(&self, range: Range<usize>) -> Slice<'_> {
        match self {
            Self::Empty => Slice::Empty,
            Self::Planes(planes) => Slice::Planes(planes.zone(range.start / ZONE)),
            Self::U8(codes) => Slice::U8(within(codes, range)),
            Self::U16(codes) => Slice::U16(within(codes, range)),
            Self::U32(codes) => Slice::U32(within(codes, range)),
        }
    }

    fn set(&mut self, at: usize, code: u32) {
        match (&mut *self, code) {
            (Self::Empty, 0) => {}
            (Self::Planes(planes), 0..TOO_LARGE) => planes.set(at, code),
            (Self::U8(codes), 0..=0xff) => *place(codes, at, 0) = code as u8,
            (Self::U16(codes), 0..=0xffff) => *place(codes, at, 0) = code as u16,
            (Self::U32(codes), _) => *place(codes, at, 0) = code,
            (Self::Empty | Self::Planes(_) | Self::U8(_) | Self::U16(_), _) => {
                self.widen(code);
                self.set(at, code);
            }
        }
    }

    fn append(&mut self, at: usize, new: &[u32], widest: u32) {
        match (&mut *self, widest) {
            (Self::Planes(planes), 0..TOO_LARGE) => planes.append(at, new, widest),
            (Self::U8(codes), 0..=0xff) => extend(codes, at, new, |code| code as u8),
            (Self::U16(codes), 0..=0xffff) => extend(codes, at, new, |code| code as u16),
            (Self::U32(codes), _) => extend(codes, at, new, |code| code),
            (Self::Empty | Self::Planes(_) | Self::U8(_) | Self::U16(_), _) => {
                self.widen(widest);
                self.append(at, new, widest);
            }
        }
    }

    fn widen(&mut self, code: u32) {
        let old = std::mem::take(self);
        *self = match (old, code) {
            (Self::Empty, 0..TOO_LARGE) => Self::Planes(Planes::default()),
            (Self::Planes(planes), 0..TOO_LARGE) => Self::Planes(planes),
            (Self::Empty, 0..=0xff) => Self::U8(Vec::new()),
            (Self::Planes(planes), 0..=0xff) => {
                Self::U8(planes.numbers().map(|code| code as u8).collect())
            }
            (Self::Planes(planes), 0..=0xffff) => {
                Self::U16(planes.numbers().map(|code| code as u16).collect())
            }
            (Self::Planes(planes), _) => Self::U32(planes.numbers().collect()),
            (Self::Empty, 0..=0xffff) => Self::U16(Vec::new()),
            (Self::Empty, _) => Self::U32(Vec::new()),
            (Self::U8(codes), 0..=0xffff) => Self::U16(widened(&codes)),
            (Self::U8(codes), _) => Self::U32(widened(&codes)),
            (Self::U16(codes), _) => Self::U32(widened(&codes)),
            (widest @ Self::U32(_), _) => widest,
        };
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Planes(planes) => planes.bytes(),
            Self::U8(codes) => codes.capacity(),
            Self::U16(codes) => 2 * codes.capacity(),
            Self::U32(codes) => 4 * codes.capacity(),
        }
    }
}

fn widened<T: Copy, W: From<T>>(codes: &[T]) -> Vec<W> {
    codes.iter().map(|code| W::from(*code)).collect()
}

fn within<T>(codes: &[T], range: Range<usize>) -> &[T] {
    let end = range.end.min(codes.len());
    codes.get(range.start..end).unwrap_or_default()
}

/// A place in a chunk's numbers, which grow to it.
fn place<T: Copy>(codes: &mut Vec<T>, at: usize, empty: T) -> &mut T {
    if codes.len() <= at {
        grow(codes, at + 1);
        codes.resize(at + 1, empty);
    }
    &mut codes[at]
}

/// Writes numbers from a place on, behind which there are none yet.
fn extend<T: Copy + Default>(codes: &mut Vec<T>, at: usize, new: &[u32], cast: impl Fn(u32) -> T) {
    grow(codes, at + new.len());
    codes.resize(at, T::default());
    codes.extend(new.iter().map(|code| cast(*code)));
}

/// Makes room for a length, and for no more than twice as much.
fn grow<T>(codes: &mut Vec<T>, length: usize) {
    if codes.capacity() < length {
        let length = length.next_power_of_two().clamp(64, CHUNK);
        codes.reserve_exact(length - codes.len());
    }
}

/// A time per slot, and whether there is one.
#[derive(Default)]
pub(super) struct Times {
    chunks: Vec<Vec<i64>>,
    /// The earliest and the latest time that a zone has ever had.
    spans: Vec<(i64, i64)>,
}

/// The mark of a slot without a time.
pub(super) const NO_TIME: i64 = i64::MIN;
/// The span of a zone without times.
const NO_SPAN: (i64, i64) = (i64::MAX, i64::MIN);

impl Times {
    pub(super) fn get(&self, slot: u32) -> Option<i64> {
        let chunk = self.chunks.get(slot as usize / CHUNK)?;
        let time = *chunk.get(slot as usize % CHUNK)?;
        (time != NO_TIME).then_some(time)
    }

    /// The times of a zone, [`NO_TIME`] where there is none; fewer at the end.
    pub(super) fn zone(&self, number: usize) -> &[i64] {
        let start = number % ZONES * ZONE;
        self.chunks
            .get(number / ZONES)
            .map_or(&[], |chunk| within(chunk, start..start + ZONE))
    }

    /// Bounds of the times of a zone; the first is the larger if there are none.
    pub(super) fn span(&self, zone: usize) -> (i64, i64) {
        self.spans.get(zone).copied().unwrap_or(NO_SPAN)
    }

    pub(super) fn set(&mut self, slot: u32, time: Option<i64>) {
        let (number, at) = (slot as usize / CHUNK, slot as usize % CHUNK);
        if self.chunks.len() <= number {
            if time.is_none() {
                return;
            }
            self.chunks.resize_with(number + 1, Vec::new);
        }
        let chunk = &mut self.chunks[number];
        let Some(time) = time else {
            if let Some(place) = chunk.get_mut(at) {
                *place = NO_TIME;
            }
            return;
        };
        *place(chunk, at, NO_TIME) = time;
        let zone = slot as usize / ZONE;
        if self.spans.len() <= zone {
            self.spans.resize(zone + 1, NO_SPAN);
        }
        let (earliest, latest) = self.spans[zone];
        self.spans[zone] = (earliest.min(time), latest.max(time));
    }

    pub(super) fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Vec::capacity).sum();
        8 * chunks + 16 * self.spans.capacity()
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
        assert_eq!(codes.bytes(), 3 * ZONE / 8);
        codes.set(8, 16);
        codes.set(8, 0);
        assert_eq!((codes.get(5), codes.bytes()), (7, 64));
        codes.set(6, 256);
        codes.set(7, 70_000);
        codes.set(200_000, 1);
        assert_eq!(
            [5, 6, 7, 8, 200_000, 200_001].map(|slot| codes.get(slot)),
            [7, 256, 70_000, 0, 1, 0]
        );
        codes.set(6, 0);
        assert_eq!(codes.get(6), 0);
        assert!(matches!(codes.zone(0), Slice::U32(zone) if zone.len() == 9));
        assert!(matches!(codes.zone(1), Slice::U32([])));
        assert!(matches!(codes.zone(64), Slice::Empty));
        codes.set(CHUNK as u32 - 1, 9);
        assert_eq!(codes.bytes(), 4 * CHUNK + 4 * ZONE / 8);
    }

    #[test]
    fn appended_codes_are_those_that_were_set() {
        let mut codes = Codes::default();
        let first = CHUNK as u32 - 3;
        codes.append(0, &[0, 0]);
        codes.append(first, &[1, 0, 300, 4, 5]);
        codes.append(first + 5, &[70_000]);
        codes.append(first + 8, &[0, 9]);
        let found = (first..first + 11).map(|slot| codes.get(slot));
        assert!(found.eq([1, 0, 300, 4, 5, 70_000, 0, 0, 0, 9, 0]));
    }

    #[test]
    fn times_tell_absence() {
        let mut times = Times::default();
        times.set(3, None);
        assert_eq!(times.bytes(), 0);
        times.set(3, Some(-1));
        times.set(70_000, Some(9));
        assert_eq!(
            [2, 3, 4, 70_000].map(|slot| times.get(slot)),
            [None, Some(-1), None, Some(9)]
        );
        times.set(3, None);
        assert_eq!(times.get(3), None);
        assert_eq!(times.span(0), (-1, -1));
        let (earliest, latest) = times.span(1);
        assert!(earliest > latest);
    }
}

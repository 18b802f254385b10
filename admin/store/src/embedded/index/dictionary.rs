//! Dictionaries: values to small numbers and back. Codes start at 1; 0 stands for no value.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// The values of a field, and the sets of values that findings have of it. Both have codes of one kind; the code of a
/// set of one value is the value's.
#[derive(Default)]
pub(super) struct Dictionary {
    values: Pool<u8>,
    /// Codes of values, sorted.
    sets: Pool<u32>,
    /// The codes of the sets, rising.
    set_codes: Vec<u32>,
}

impl Dictionary {
    /// The code of a value, a new one if it has none yet.
    pub(super) fn intern(&mut self, value: &[u8]) -> u32 {
        self.values.intern(value)
    }

    /// The code of a sorted set without duplicates; 0 for the empty one.
    pub(super) fn intern_set(&mut self, values: &[u32]) -> u32 {
        match values {
            [] => 0,
            [value] => *value,
            values => {
                let number = self.sets.intern(values) as usize;
                if number > self.set_codes.len() {
                    self.set_codes.push(self.values.skip());
                }
                self.set_codes[number - 1]
            }
        }
    }

    /// The code of a value, if it has one.
    pub(super) fn find(&self, value: &[u8]) -> Option<u32> {
        self.values.find(value)
    }

    /// The bytes of a value; none for the code of a set.
    pub(super) fn value(&self, code: u32) -> &[u8] {
        self.values.get(code)
    }

    /// How many codes there are.
    pub(super) fn len(&self) -> u32 {
        self.values.len()
    }

    /// Every value with its code.
    pub(super) fn values(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut sets = self.set_codes.iter().copied().peekable();
        (1..=self.len())
            .filter(move |code| sets.next_if_eq(code).is_none())
            .map(|code| (code, self.value(code)))
    }

    /// Every set of several values: its code and theirs.
    pub(super) fn sets(&self) -> impl Iterator<Item = (u32, &[u32])> {
        (1..)
            .zip(&self.set_codes)
            .map(|(number, code)| (*code, self.sets.get(number)))
    }

    /// Puts the codes of the values of a set into `members`.
    pub(super) fn members(&self, set: u32, members: &mut Vec<u32>) {
        members.clear();
        match self.set_codes.binary_search(&set) {
            Ok(at) => members.extend_from_slice(self.sets.get(at as u32 + 1)),
            Err(_) if set != 0 => members.push(set),
            Err(_) => {}
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.bytes() + self.sets.bytes() + 4 * self.set_codes.capacity()
    }
}

/// Slices, each once, behind each other.
struct Pool<T> {
    arena: Vec<T>,
    /// `ends[code - 1]` is where the slice of `code` ends in the arena.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            arena: Vec::new(),
            ends: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<T: Copy + Eq + Hash> Pool<T> {
    fn intern(&mut self, slice: &[T]) -> u32 {
        let hash = self.hasher.hash_one(slice);
        if let Some(code) = self.find_hashed(hash, slice) {
            return code;
        }
        make_room(&mut self.arena, slice.len());
        self.arena.extend_from_slice(slice);
        let code = self.skip();
        let (arena, ends, hasher) = (&self.arena, &self.ends, &self.hasher);
        self.table
            .insert_unique(hash, code, |code| hasher.hash_one(at(arena, ends, *code)));
        code
    }

    fn find(&self, slice: &[T]) -> Option<u32> {
        self.find_hashed(self.hasher.hash_one(slice), slice)
    }

    fn find_hashed(&self, hash: u64, slice: &[T]) -> Option<u32> {
        self.table
            .find(hash, |code| self.get(*code) == slice)
            .copied()
    }

    /// A new code for what stands at the end of the arena; for nothing, if nothing was put there.
    fn skip(&mut self) -> u32 {
        let end = u32::try_from(self.arena.len()).expect("a dictionary stays below 4 GiB");
        make_room(&mut self.ends, 1);
        self.ends.push(end);
        self.len()
    }

    fn get(&self, code: u32) -> &[T] {
        at(&self.arena, &self.ends, code)
    }

    fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("codes are 32 bits wide")
    }

    fn bytes(&self) -> usize {
        size_of::<T>() * self.arena.capacity()
            + 4 * self.ends.capacity()
            + self.table.allocation_size()
    }
}

fn at<'a, T>(arena: &'a [T], ends: &[u32], code: u32) -> &'a [T] {
    let index = code as usize - 1;
    let start = index
        .checked_sub(1)
        .map_or(0, |before| ends[before] as usize);
    &arena[start..ends[index] as usize]
}

/// Makes room for more by a quarter of what is there: doubling would waste half of the memory at times.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_sets_keep_their_codes() {
        let mut dictionary = Dictionary::default();
        let mut members = Vec::new();
        let codes: Vec<u32> = (0..1_000)
            .map(|number: u32| dictionary.intern(number.to_string().as_bytes()))
            .collect();
        let set = dictionary.intern_set(&[3, 7, 9]);
        assert_eq!(dictionary.intern(b""), 1_002);
        let other = dictionary.intern_set(&[3, 9]);
        for (number, code) in codes.iter().enumerate() {
            assert_eq!(dictionary.intern(number.to_string().as_bytes()), *code);
            assert_eq!(dictionary.find(number.to_string().as_bytes()), Some(*code));
            assert_eq!(dictionary.value(*code), number.to_string().as_bytes());
            assert_eq!(dictionary.intern_set(&[*code]), *code);
            dictionary.members(*code, &mut members);
            assert_eq!(members, [*code]);
        }
        assert_eq!((set, other), (1_001, 1_003));
        assert_eq!(dictionary.intern_set(&[3, 7, 9]), set);
        assert_eq!(dictionary.intern_set(&[3, 9]), other);
        dictionary.members(set, &mut members);
        assert_eq!(members, [3, 7, 9]);
        assert_eq!(dictionary.intern_set(&[]), 0);
        assert_eq!(dictionary.value(1_002), b"");
        assert_eq!(dictionary.values().count(), 1_001);
        let sets: Vec<(u32, &[u32])> = dictionary.sets().collect();
        assert_eq!(sets, [(set, &[3, 7, 9][..]), (other, &[3, 9][..])]);
        assert_eq!(dictionary.len(), 1_003);
    }
}

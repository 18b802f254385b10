//! Dictionaries: values to small numbers and back. Codes start at 1; 0 stands for no value.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts, each once, in one arena.
#[derive(Default)]
pub(super) struct Dictionary {
    arena: Vec<u8>,
    /// `ends[code - 1]` is where the text of `code` ends in the arena.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Dictionary {
    /// The code of a text, a new one if it has none yet.
    pub(super) fn intern(&mut self, text: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(text);
        let (arena, ends) = (&self.arena, &self.ends);
        if let Some(code) = self.table.find(hash, |code| at(arena, ends, *code) == text) {
            return *code;
        }
        self.arena.extend_from_slice(text);
        let end = u32::try_from(self.arena.len()).expect("a dictionary stays below 4 GiB");
        self.ends.push(end);
        let code = u32::try_from(self.ends.len()).expect("codes are 32 bits wide");
        let (arena, ends, hasher) = (&self.arena, &self.ends, &self.hasher);
        self.table
            .insert_unique(hash, code, |code| hasher.hash_one(at(arena, ends, *code)));
        code
    }

    pub(super) fn text(&self, code: u32) -> &[u8] {
        at(&self.arena, &self.ends, code)
    }

    pub(super) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// Every code and its text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (1..=self.len()).map(|code| (code, self.text(code)))
    }

    pub(super) fn bytes(&self) -> usize {
        self.arena.capacity() + 4 * self.ends.capacity() + 5 * self.table.capacity()
    }
}

fn at<'a>(arena: &'a [u8], ends: &[u32], code: u32) -> &'a [u8] {
    let index = code as usize - 1;
    let start = index
        .checked_sub(1)
        .map_or(0, |before| ends[before] as usize);
    &arena[start..ends[index] as usize]
}

/// Sets of value codes, each once. Most have one member.
#[derive(Default)]
pub(super) struct Sets {
    /// `sets[set - 1]`.
    sets: Vec<Members>,
    /// The set of one value, by the value's code; 0 if there is none yet.
    single: Vec<u32>,
    many: hashbrown::HashMap<Box<[u32]>, u32>,
}

enum Members {
    One(u32),
    Many(Box<[u32]>),
}

impl Sets {
    /// The code of a sorted set without duplicates.
    pub(super) fn intern(&mut self, values: &[u32]) -> u32 {
        let next = self.sets.len() as u32 + 1;
        match values {
            [value] => {
                let index = *value as usize;
                if self.single.len() <= index {
                    self.single.resize(index + 1, 0);
                }
                if self.single[index] == 0 {
                    self.single[index] = next;
                    self.sets.push(Members::One(*value));
                }
                self.single[index]
            }
            values => {
                if let Some(set) = self.many.get(values) {
                    return *set;
                }
                self.many.insert(values.into(), next);
                self.sets.push(Members::Many(values.into()));
                next
            }
        }
    }

    pub(super) fn members(&self, set: u32) -> &[u32] {
        match &self.sets[set as usize - 1] {
            Members::One(value) => std::slice::from_ref(value),
            Members::Many(values) => values,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.sets.len() as u32
    }

    pub(super) fn bytes(&self) -> usize {
        let many: usize = self.many.keys().map(|values| 64 + 8 * values.len()).sum();
        self.sets.capacity() * size_of::<Members>() + 4 * self.single.capacity() + many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_codes() {
        let mut dictionary = Dictionary::default();
        let codes: Vec<u32> = (0..1_000)
            .map(|number: u32| dictionary.intern(number.to_string().as_bytes()))
            .collect();
        for (number, code) in codes.iter().enumerate() {
            assert_eq!(dictionary.intern(number.to_string().as_bytes()), *code);
            assert_eq!(dictionary.text(*code), number.to_string().as_bytes());
        }
        assert_eq!(dictionary.intern(b""), 1_001);
        assert_eq!(dictionary.text(1_001), b"");
        assert_eq!(dictionary.iter().count(), 1_001);
    }

    #[test]
    fn sets_keep_their_codes() {
        let mut sets = Sets::default();
        let one = sets.intern(&[7]);
        let many = sets.intern(&[3, 7, 9]);
        assert_eq!((sets.intern(&[7]), sets.intern(&[3, 7, 9])), (one, many));
        assert_ne!(sets.intern(&[3, 9]), many);
        assert_eq!(sets.members(one), [7]);
        assert_eq!(sets.members(many), [3, 7, 9]);
        assert_eq!(sets.len(), 3);
    }
}

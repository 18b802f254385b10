//! Frames: how the log marks off what it holds, so that a damaged part can be told and stepped over.
//!
//! `magic 4 | kind 1 | version 1 | zero 2 | head length 4 | body length 4 | head crc 4 | body crc 4 | header crc 4`, then
//! head and body. Little-endian. Head and body have checksums of their own: a reader that needs only heads reads only
//! heads, and damage to one does not hide the other.

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Findings: head = rows, body = documents.
    Block,
    /// The end of a durable step: head = ledger and spools, body = table writes.
    Commit,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    pub head_bytes: u32,
    pub body_bytes: u32,
    pub head_crc: u32,
    pub body_crc: u32,
}

pub(super) const HEADER_BYTES: usize = 28;
const MAGIC: [u8; 4] = *b"\xa7MuF";
const VERSION: u8 = 1;
/// No frame is larger; a length beyond is damage.
const SECTION_BYTES_MAX: u32 = 256 << 20;

impl Header {
    pub(super) fn new(kind: Kind, head: &[u8], body: &[u8]) -> Self {
        let length = |section: &[u8]| u32::try_from(section.len()).expect("sections are small");
        Self {
            kind,
            head_bytes: length(head),
            body_bytes: length(body),
            head_crc: crc32fast::hash(head),
            body_crc: crc32fast::hash(body),
        }
    }

    /// The length of the whole frame.
    pub(super) const fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.head_bytes as u64 + self.body_bytes as u64
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4] = match self.kind {
            Kind::Block => 1,
            Kind::Commit => 2,
        };
        bytes[5] = VERSION;
        for (at, number) in [
            (8, self.head_bytes),
            (12, self.body_bytes),
            (16, self.head_crc),
            (20, self.body_crc),
        ] {
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` if the bytes are no header.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let kind = match bytes[4] {
            1 => Kind::Block,
            2 => Kind::Commit,
            _ => return None,
        };
        let header = Self {
            kind,
            head_bytes: number(8),
            body_bytes: number(12),
            head_crc: number(16),
            body_crc: number(20),
        };
        let whole = bytes[0..4] == MAGIC
            && bytes[5] == VERSION
            && number(24) == crc32fast::hash(&bytes[..24])
            && header.head_bytes <= SECTION_BYTES_MAX
            && header.body_bytes <= SECTION_BYTES_MAX;
        whole.then_some(header)
    }

    /// The distance to the next place in `bytes` where a header stands.
    pub(super) fn find(bytes: &[u8]) -> Option<usize> {
        (0..bytes.len().checked_sub(HEADER_BYTES)? + 1)
            .filter(|at| bytes[*at] == MAGIC[0])
            .find(|at| Self::decode(&bytes[*at..]).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_seen() {
        let header = Header::new(Kind::Block, b"rows", b"documents");
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        assert_eq!(header.frame_bytes(), 28 + 4 + 9);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), None, "{bit}");
        }
    }

    #[test]
    fn a_header_is_found_behind_damage() {
        let mut bytes = vec![MAGIC[0]; 100];
        bytes.extend(Header::new(Kind::Commit, b"", b"").encode());
        assert_eq!(Header::find(&bytes), Some(100));
        assert_eq!(Header::find(&bytes[..120]), None);
    }
}

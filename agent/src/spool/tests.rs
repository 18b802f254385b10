use proptest::prelude::*;

use super::*;

fn documents(numbers: std::ops::Range<u64>) -> Vec<Bytes> {
    numbers
        .map(|number| Bytes::from(format!("finding {number}").repeat(20)))
        .collect()
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, 1 << 20).unwrap()
}

#[test]
fn what_was_appended_comes_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let id = spool.id();
    spool.append(&documents(1..11)).unwrap();
    spool.acknowledge(3).unwrap();
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!(
        (spool.id(), spool.last(), spool.acknowledged()),
        (id, 10, 3)
    );
    let read = spool.read(0, 100, 1 << 20).unwrap();
    assert_eq!(
        read.iter()
            .map(|spooled| spooled.sequence)
            .collect::<Vec<_>>(),
        (4..=10).collect::<Vec<_>>()
    );
    assert_eq!(read[0].document, documents(4..5)[0]);
    assert_eq!(spool.read(8, 1, 1).unwrap().len(), 1);
}

#[test]
fn a_full_spool_says_no_and_takes_more_after_an_acknowledgement() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 10_000).unwrap();
    let full = loop {
        let next = spool.last() + 1;
        match spool.append(&documents(next..next + 10)) {
            Ok(()) => assert!(spool.bytes() <= 10_000),
            Err(full) => break full,
        }
    };
    assert!(matches!(full, Error::Full { max: 10_000 }));
    spool.acknowledge(spool.last()).unwrap();
    assert_eq!(spool.bytes(), 0);
    spool.append(&documents(0..1)).unwrap();
}

/// Sequences never start over, or the admin would take new findings for old ones.
#[test]
fn an_emptied_spool_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    spool.append(&documents(1..4)).unwrap();
    spool.acknowledge(3).unwrap();
    drop(spool);
    let mut spool = open(folder.path());
    spool.append(&documents(4..5)).unwrap();
    assert_eq!(spool.read(0, 9, 1 << 20).unwrap()[0].sequence, 4);
}

#[test]
fn a_torn_end_loses_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    spool.append(&documents(1..11)).unwrap();
    drop(spool);
    let path = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .find(|entry| entry.path().extension().is_some())
        .unwrap()
        .path();
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let mut spool = open(folder.path());
        let read = spool.read(0, 100, 1 << 20).unwrap();
        for (at, spooled) in read.iter().enumerate() {
            assert_eq!(spooled.sequence, at as u64 + 1);
            assert_eq!(
                spooled.document,
                documents(spooled.sequence..spooled.sequence + 1)[0]
            );
        }
        spool.append(&documents(50..51)).unwrap();
        assert_eq!(spool.last(), read.len() as u64 + 1);
    }
}

#[test]
fn a_flipped_bit_costs_one_document_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    spool.append(&documents(1..11)).unwrap();
    drop(spool);
    let path = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .find(|entry| entry.path().extension().is_some())
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let mut spool = open(folder.path());
    let read = spool.read(0, 100, 1 << 20).unwrap();
    assert_eq!(read.len(), 10);
    assert_eq!(
        read.iter()
            .filter(|spooled| spooled.document.is_empty())
            .count(),
        1
    );
    assert_eq!(spool.damaged(), 1);
}

#[test]
fn a_damaged_place_costs_what_stands_there_and_nothing_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let documents = documents(1..11);
    spool.append(&documents).unwrap();
    drop(spool);
    let path = folder.path().join(format!("{:020}.spool", 1));
    let whole = std::fs::read(&path).unwrap();
    // All but the last record: damage there looks as an unfinished write.
    let last = whole.len() - usize::try_from(size(&documents[9..])).unwrap();
    for (at, length) in (0..last)
        .map(|at| (at, 1))
        .chain([(0, 300), (100, 512), (500, 900)])
    {
        let mut bytes = whole.clone();
        bytes[at..at + length]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x10);
        std::fs::write(&path, bytes).unwrap();
        let mut spool = open(folder.path());
        let read = spool.read(0, 100, 1 << 20).unwrap();
        assert_eq!((read.len(), spool.last()), (10, 10), "{at}");
        let wrong = read.iter().zip(&documents);
        let wrong = wrong.filter(|(read, document)| read.document != **document);
        assert_eq!(wrong.count() as u64, spool.damaged(), "{at}");
        assert!(
            read.iter()
                .all(|read| read.document.is_empty() || documents.contains(&read.document))
        );
        let most = 2 + length as u64 / size(&documents[..1]);
        assert!(
            (1..=most).contains(&spool.damaged()),
            "{at}: {}",
            spool.damaged()
        );
    }
}

#[test]
fn a_damaged_head_costs_nothing_but_a_new_number() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("agent");
    let mut spool = open(&own);
    spool.append(&documents(1..11)).unwrap();
    spool.acknowledge(4).unwrap();
    drop(spool);
    let whole = std::fs::read(own.join("HEAD")).unwrap();
    for at in 0..whole.len() - 1 {
        let id = id_in(&own).unwrap();
        let mut bytes = std::fs::read(own.join("HEAD")).unwrap();
        bytes[at] ^= 1;
        std::fs::write(own.join("HEAD"), bytes).unwrap();
        let mut spool = open(&own);
        assert_ne!(spool.id(), id, "{at}");
        let read = spool.read(0, 100, 1 << 20).unwrap();
        assert_eq!(read[0].sequence, 1, "{at}");
        let last = read.last().unwrap();
        assert_eq!(last.document, documents(10..11)[0], "{at}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{at}");
    }
}

/// After a new enrollment the same findings go to the admin under a new number.
/// The file has its new name by then, and does not know it.
#[test]
fn a_disk_that_refused_to_give_room_back_gives_it_later_and_loses_nothing() {
    use muster_disk::simulated::{Contents, Disk, End, Trouble, set_latency};
    set_latency(Some(|| Duration::ZERO));
    let disk = Disk::start(Contents::default());
    let mut spool = open(&disk.path().join("spool"));
    spool.append(&documents(1..4)).unwrap();
    disk.set_trouble(Trouble::NextSync);
    assert!(spool.acknowledge(3).is_err());
    assert!(spool.bytes() > 0);
    disk.set_trouble(Trouble::NextSync);
    assert!(spool.append(&documents(4..6)).is_err());
    spool.acknowledge(3).unwrap();
    assert_eq!(spool.bytes(), 0);
    spool.append(&documents(4..6)).unwrap();
    drop(spool);
    let disk = Disk::start(disk.end(End::PowerCut, &mut |_| 0));
    let mut spool = open(&disk.path().join("spool"));
    assert_eq!((spool.last(), spool.acknowledged()), (5, 3));
    let read = spool.read(0, 10, 1 << 20).unwrap();
    assert_eq!(read[0].document, documents(4..5)[0]);
    assert_eq!(read.len(), 2);
    set_latency(None);
}

#[test]
fn what_waits_in_an_older_spool_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut older = open(&folder.path().join("a"));
    older.append(&documents(1..11)).unwrap();
    older.acknowledge(4).unwrap();
    drop(older);
    let mut spool = open(&folder.path().join("b"));
    spool.append(&documents(50..51)).unwrap();
    assert_eq!(adopt(&mut spool, folder.path()).unwrap(), 6);
    assert_eq!(adopt(&mut spool, folder.path()).unwrap(), 0);
    let read = spool.read(1, 100, 1 << 20).unwrap();
    let read: Vec<Bytes> = read.into_iter().map(|spooled| spooled.document).collect();
    assert_eq!(read, documents(5..11));
    assert!(!folder.path().join("a").exists());
}

/// A `HEAD` that cannot be written for lack of space.
fn fill_disk(folder: &Path) {
    std::os::unix::fs::symlink("/dev/full", folder.join("HEAD.draft")).unwrap();
}

/// A spool that filled its own disk gets room by what the admin acknowledges.
#[test]
fn a_full_disk_does_not_keep_it_from_giving_up_what_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let id = spool.id();
    spool.append(&documents(1..11)).unwrap();
    fill_disk(folder.path());
    spool.acknowledge(4).unwrap();
    assert_eq!(spool.read(0, 1, 1).unwrap()[0].sequence, 5);
    // Killed here, it sends some again under their old numbers.
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!((spool.acknowledged(), spool.last()), (0, 10));
    spool.acknowledge(10).unwrap();
    assert_eq!(spool.bytes(), 0);
    drop(spool);
    let mut spool = open(folder.path());
    assert_eq!(
        (spool.id(), spool.acknowledged(), spool.last()),
        (id, 10, 10)
    );
    spool.append(&documents(11..12)).unwrap();
    assert_eq!(spool.read(0, 9, 1 << 20).unwrap()[0].sequence, 11);
}

/// Killed between the new name of the last segment and its emptying.
#[test]
fn a_segment_that_was_not_emptied_yet_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    spool.append(&documents(1..11)).unwrap();
    drop(spool);
    let name = |first: u64| folder.path().join(format!("{first:020}.spool"));
    std::fs::rename(name(1), name(11)).unwrap();
    let mut spool = open(folder.path());
    assert_eq!(
        (spool.acknowledged(), spool.last(), spool.bytes()),
        (10, 10, 0)
    );
    spool.append(&documents(11..12)).unwrap();
    drop(spool);
    let read = open(folder.path()).read(0, 9, 1 << 20).unwrap();
    assert_eq!((read.len(), read[0].sequence), (1, 11));
}

/// After another copy of it was used.
#[test]
fn a_new_spool_takes_its_place_with_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("agent");
    let mut spool = open(&own);
    let id = spool.id();
    spool.append(&documents(1..11)).unwrap();
    spool.acknowledge(4).unwrap();
    spool.start_anew().unwrap();
    for mut spool in [spool, open(&own)] {
        assert_ne!(spool.id(), id);
        assert_eq!(id_in(&own), Some(spool.id()));
        let read = spool.read(0, 100, 1 << 20).unwrap();
        assert_eq!((read.len(), read[0].sequence), (6, 1));
        assert_eq!(read[0].document, documents(5..6)[0]);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest! {
    /// Against a queue in memory.
    #[test]
    fn it_behaves_like_a_queue(steps in prop::collection::vec((0..4_u8, 1..6_u64), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = open(folder.path());
        let mut model: Vec<(u64, Bytes)> = Vec::new();
        let mut last = 0;
        for (kind, amount) in steps {
            match kind {
                0 | 1 => {
                    let added = documents(last + 1..last + 1 + amount);
                    spool.append(&added).unwrap();
                    model.extend((last + 1..).zip(added));
                    last += amount;
                }
                2 => {
                    let through = model.first().map_or(0, |(first, _)| first + amount - 1);
                    spool.acknowledge(through).unwrap();
                    model.retain(|(sequence, _)| *sequence > through);
                }
                _ => spool = open(folder.path()),
            }
            let read = spool.read(0, 1_000, 1 << 20).unwrap();
            let read: Vec<_> = read.into_iter().map(|spooled| (spooled.sequence, spooled.document)).collect();
            prop_assert_eq!(&read, &model);
            prop_assert_eq!(spool.last(), last);
        }
    }
}

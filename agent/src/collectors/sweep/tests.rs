use std::sync::Arc;

use muster_common::clock::Clock;
use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::board::Board;
use crate::collectors::Progress;
use crate::dead_letters::DeadLetters;
use crate::queue::Queue;
use crate::spool::Spool;

/// A service with findings that a test changes; every page has two.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    /// Id and minute of its update.
    findings: Vec<(&'static str, i64)>,
    /// The page that fails, from 0.
    fails_at: Option<usize>,
}

/// One that sorts by its updates, as most do.
struct Sorted(Service);
/// One that does not.
struct Unsorted(Service);

impl Service {
    fn page(&self, ask: Ask<'_>, sorted: bool) -> Result<Page, Setback> {
        let held = self.0.lock();
        let at = ask.token.map_or(0, |token| token.parse().unwrap());
        if held.fails_at == Some(at) {
            return Err(Setback::Throttled("slow down".to_owned()));
        }
        let mut found: Vec<_> = held
            .findings
            .iter()
            .filter(|(_, minute)| ask.from.is_none_or(|from| time(*minute) >= from))
            .collect();
        if sorted {
            found.sort_by_key(|(_, minute)| *minute);
        }
        let shown = found.iter().skip(at * 2).take(2);
        Ok(Page {
            findings: shown
                .map(|(id, minute)| json!({ "Id": id, "UpdatedAt": time(*minute).to_string() }))
                .collect(),
            next: (found.len() > at * 2 + 2).then(|| (at + 1).to_string()),
        })
    }
}

impl Source for Sorted {
    const NAME: &'static str = "sorted";
    const ORDERED: bool = true;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        self.0.page(ask, true)
    }

    fn map(&self, finding: &Json, _place: &Place) -> Result<Json, Unmappable> {
        map(finding)
    }
}

impl Source for Unsorted {
    const NAME: &'static str = "unsorted";
    const ORDERED: bool = false;

    async fn page(&self, ask: Ask<'_>) -> Result<Page, Setback> {
        self.0.page(ask, false)
    }

    fn map(&self, finding: &Json, _place: &Place) -> Result<Json, Unmappable> {
        map(finding)
    }
}

fn map(finding: &Json) -> Result<Json, Unmappable> {
    match finding["Id"].as_str() {
        Some("unfit") => Err(Unmappable::Missing("Title")),
        _ => Ok(finding.clone()),
    }
}

fn time(minute: i64) -> Timestamp {
    Timestamp::from_millis(1_793_520_000_000 + minute * MINUTE)
}

/// An intake over a folder that goes away.
struct Kept {
    _folder: tempfile::TempDir,
    intake: Intake,
}

fn kept() -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("spool"), 1 << 20).unwrap();
    let intake = Intake {
        account: "111122223333".parse().unwrap(),
        queue: Queue::new(spool),
        dead_letters: DeadLetters::open(folder.path()).unwrap(),
        progress: Progress::open(folder.path()),
        board: Board::default(),
        clock: Clock::standing_at(time(1_000)),
    };
    Kept {
        _folder: folder,
        intake,
    }
}

fn place() -> Place {
    Place {
        account: "111122223333".parse().unwrap(),
        partition: "aws".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn sweep<S: Source>(source: S) -> Sweep<S> {
    Sweep::new(source, place(), Duration::from_secs(60))
}

/// The ids in the spool after a sequence.
async fn spooled(intake: &Intake, after: u64) -> Vec<String> {
    let read = intake.queue.read(after, 100, 1 << 20).await.unwrap();
    read.iter()
        .map(|spooled| {
            let document: Json = serde_json::from_slice(&spooled.document).unwrap();
            document["Id"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_was_read_is_not_read_again_and_what_changed_is() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("a", 3), ("b", 1), ("c", 2)];
    let mut sweep = sweep(Sorted(service.clone()));
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 0).await, ["b", "c", "a"]);
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 3).await, Vec::<String>::new());
    service.0.lock().findings = vec![("a", 3), ("b", 4), ("c", 2)];
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 3).await, ["b"]);
}

/// A service may list a finding after others that it updated later.
#[tokio::test]
async fn what_a_service_tells_late_is_still_read() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("a", 20)];
    let mut sweep = sweep(Sorted(service.clone()));
    sweep.run(&kept.intake).await.unwrap();
    service.0.lock().findings.push(("late", 12));
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 0).await, ["a", "late"]);
}

#[tokio::test]
async fn a_sorted_source_goes_on_where_it_failed() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("a", 1), ("b", 20), ("c", 40), ("d", 60), ("e", 80)];
    service.0.lock().fails_at = Some(2);
    let failed = sweep(Sorted(service.clone())).run(&kept.intake).await;
    assert_eq!(failed.unwrap_err().state().name(), "throttled");
    assert_eq!(
        kept.intake.progress.start("sorted/eu-west-1").mark,
        Some(time(60))
    );
    service.0.lock().fails_at = None;
    // Another process: it remembers the mark and nothing else, so the overlap is sent again.
    sweep(Sorted(service)).run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 4).await, ["d", "e"]);
}

/// Its mark must not pass what a later page may bring.
#[tokio::test]
async fn an_unsorted_source_is_marked_only_at_its_end() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("a", 60), ("b", 80), ("c", 1)];
    service.0.lock().fails_at = Some(1);
    assert!(
        sweep(Unsorted(service.clone()))
            .run(&kept.intake)
            .await
            .is_err()
    );
    assert_eq!(kept.intake.progress.start("unsorted/eu-west-1").mark, None);
    service.0.lock().fails_at = None;
    let mut again = sweep(Unsorted(service));
    again.run(&kept.intake).await.unwrap();
    assert_eq!(
        kept.intake.progress.start("unsorted/eu-west-1").mark,
        Some(time(80))
    );
    assert_eq!(spooled(&kept.intake, 2).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn what_cannot_be_mapped_is_a_dead_letter_once() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("unfit", 1), ("b", 2)];
    let mut sweep = sweep(Sorted(service));
    sweep.run(&kept.intake).await.unwrap();
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 0).await, ["b"]);
    assert_eq!(kept.intake.dead_letters.count(), 1);
}

#[tokio::test]
async fn a_finding_from_the_future_hides_no_other() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("future", 100_000)];
    let mut sweep = sweep(Sorted(service.clone()));
    sweep.run(&kept.intake).await.unwrap();
    service.0.lock().findings.push(("present", 995));
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 1).await, ["present"]);
}

/// As after the admin was restored from a backup.
#[tokio::test]
async fn forgotten_marks_bring_everything_again() {
    let kept = kept();
    let service = Service::default();
    service.0.lock().findings = vec![("a", 1), ("b", 60)];
    let mut sweep = sweep(Sorted(service));
    sweep.run(&kept.intake).await.unwrap();
    kept.intake.progress.forget().await.unwrap();
    sweep.run(&kept.intake).await.unwrap();
    assert_eq!(spooled(&kept.intake, 2).await, ["a", "b"]);
}

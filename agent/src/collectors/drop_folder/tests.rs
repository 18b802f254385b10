use muster_common::clock::Clock;
use serde_json::{Value as Json, json};

use super::*;
use crate::board::Board;
use crate::collectors::Progress;
use crate::dead_letters::DeadLetters;
use crate::queue::Queue;
use crate::spool::Spool;

const OWN: &str = "111122223333";

/// A drop folder with its collector.
struct Dropped {
    folder: tempfile::TempDir,
    intake: Intake,
    collector: DropFolder,
}

fn dropped() -> Dropped {
    let folder = tempfile::tempdir().unwrap();
    let intake = Intake {
        account: OWN.parse().unwrap(),
        queue: Queue::new(Spool::open(&folder.path().join("spool"), 1 << 20).unwrap()),
        dead_letters: DeadLetters::open(folder.path()).unwrap(),
        progress: Progress::open(folder.path()),
        board: Board::default(),
        clock: Clock::system(),
    };
    let place = Place {
        account: OWN.parse().unwrap(),
        partition: "aws".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    };
    let path = folder.path().join("drop");
    Dropped {
        intake,
        collector: DropFolder::new(path, &config::DropFolder::default(), place),
        folder,
    }
}

impl Dropped {
    fn put(&self, name: &str, text: &str) {
        let folder = self.folder.path().join("drop");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    async fn run(&mut self) {
        self.collector.run(&self.intake).await.unwrap();
    }

    /// Runs twice, so that files stand still in between.
    async fn settle(&mut self) {
        self.run().await;
        self.run().await;
    }

    async fn spooled(&self) -> Vec<String> {
        let read = self.intake.queue.read(0, 1_000, 1 << 20).await.unwrap();
        read.iter()
            .map(|spooled| String::from_utf8(spooled.document.to_vec()).unwrap())
            .collect()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("drop").join(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.metadata().unwrap().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn asff(account: &str, id: u32) -> Json {
    json!({ "SchemaVersion": "2018-10-08", "AwsAccountId": account, "Id": id.to_string() })
}

#[tokio::test]
async fn a_file_that_stands_still_is_read_once() {
    let mut dropped = dropped();
    let findings: Vec<Json> = (0..250).map(|id| asff(OWN, id)).collect();
    dropped.put("a.json", &json!(findings).to_string());
    dropped.run().await;
    assert_eq!(dropped.spooled().await.len(), 0);
    dropped.put("a.json", &json!(findings[..240]).to_string());
    dropped.run().await;
    assert_eq!(dropped.spooled().await.len(), 0);
    dropped.settle().await;
    let spooled = dropped.spooled().await;
    assert_eq!(spooled.len(), 240);
    assert_eq!(spooled[239], asff(OWN, 239).to_string());
    assert_eq!(
        (dropped.names(""), dropped.names("done")),
        (vec![], vec!["a.json".to_owned()])
    );
    dropped.put("a.json", &asff(OWN, 7).to_string());
    dropped.settle().await;
    assert_eq!(dropped.names("done"), ["2-a.json", "a.json"]);
}

#[tokio::test]
async fn a_bad_file_is_put_aside_with_the_reason_and_sends_nothing() {
    let mut dropped = dropped();
    dropped.put("cut.json", &format!("[{},", asff(OWN, 1)));
    dropped.put("other.txt", "hello");
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 0);
    let reason = |name: &str| {
        let path = dropped.folder.path().join("drop/bad").join(name);
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(
        dropped.names("bad"),
        [
            "cut.json",
            "cut.json.reason.txt",
            "other.txt",
            "other.txt.reason.txt"
        ]
    );
    assert_eq!(
        reason("cut.json.reason.txt"),
        "line 1: EOF while parsing a value\n"
    );
    assert!(reason("other.txt.reason.txt").starts_with("it holds no findings"));
}

#[tokio::test]
async fn a_foreign_finding_is_a_dead_letter_and_its_neighbours_are_sent() {
    let mut dropped = dropped();
    dropped.put(
        "mixed.json",
        &json!([asff(OWN, 1), asff("444455556666", 2), asff(OWN, 3)]).to_string(),
    );
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 2);
    assert_eq!(dropped.intake.dead_letters.count(), 1);
    let letters = fs::read_to_string(dropped.intake.dead_letters.path()).unwrap();
    assert!(
        letters
            .contains("the finding is of account 444455556666; this agent speaks for 111122223333")
    );
}

#[tokio::test]
async fn a_file_whose_only_finding_is_no_good_is_read_and_leaves_a_dead_letter() {
    let mut dropped = dropped();
    dropped.put("alien.json", "[{\"a\":1}]");
    dropped.settle().await;
    assert_eq!(dropped.names("done"), ["alien.json"]);
    assert_eq!(dropped.names("bad"), Vec::<String>::new());
    let letters = fs::read_to_string(dropped.intake.dead_letters.path()).unwrap();
    assert!(letters.contains("it is neither ASFF (no AwsAccountId) nor OCSF (no class_uid)"));
}

#[tokio::test]
async fn a_broken_line_is_a_dead_letter_and_its_neighbours_are_sent() {
    let mut dropped = dropped();
    let cut = asff(OWN, 3).to_string();
    let lines = [
        "{oops}".to_owned(),
        asff(OWN, 1).to_string(),
        String::new(),
        asff(OWN, 2).to_string(),
        asff(OWN, 4).to_string(),
        cut[..cut.len() - 5].to_owned(),
    ];
    dropped.put("scan.jsonl", &lines.join("\n"));
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 3);
    assert_eq!(dropped.names("done"), ["scan.jsonl"]);
    let letters = fs::read_to_string(dropped.intake.dead_letters.path()).unwrap();
    assert_eq!(dropped.intake.dead_letters.count(), 2);
    assert!(
        letters.contains("line 1 of scan.jsonl: key must be a string"),
        "{letters}"
    );
    assert!(letters.contains("line 6 of scan.jsonl: EOF"), "{letters}");
}

#[tokio::test]
async fn unfinished_and_hidden_files_are_left_alone() {
    let mut dropped = dropped();
    for name in ["a.json.tmp", "a.json.part", ".a.json"] {
        dropped.put(name, &asff(OWN, 1).to_string());
    }
    dropped.settle().await;
    assert_eq!(dropped.names("").len(), 3);
    assert_eq!(dropped.spooled().await.len(), 0);
}

#[tokio::test]
async fn files_that_were_read_long_ago_go() {
    let mut dropped = dropped();
    dropped.put("a.json", &asff(OWN, 1).to_string());
    dropped.settle().await;
    let later = Clock::system().now().plus(8 * DAY);
    dropped.intake.clock = Clock::standing_at(later);
    dropped.run().await;
    assert_eq!(dropped.names("done"), Vec::<String>::new());
}

/// As when the admin was restored from a backup and stands before what it had acknowledged.
#[tokio::test]
async fn what_was_read_is_read_again_when_the_marks_are_forgotten() {
    let mut dropped = dropped();
    dropped.put("a.json", &asff(OWN, 1).to_string());
    dropped.put("b.json", &asff(OWN, 2).to_string());
    dropped.settle().await;
    dropped.put("a.json", &asff(OWN, 3).to_string());
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 3);
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 3);
    dropped.intake.progress.forget().await.unwrap();
    dropped.settle().await;
    let spooled = dropped.spooled().await;
    let mut again: Vec<&String> = spooled[3..].iter().collect();
    again.sort();
    let mut first: Vec<&String> = spooled[..3].iter().collect();
    first.sort();
    assert_eq!(again, first);
    assert_eq!(dropped.names("done"), ["2-a.json", "a.json", "b.json"]);
    // And only once.
    dropped.settle().await;
    assert_eq!(dropped.spooled().await.len(), 6);
}

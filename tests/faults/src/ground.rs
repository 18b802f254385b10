//! The ground that scenarios stand on: an admin, agents of some accounts, and a list of every finding that was made.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use muster_tests::{Admin, Agent, World, accounts, eventually, eventually_within};
use serde_json::Value as Json;

use crate::tally::Books;

/// How long it may take until everything has arrived: agents wait longer and longer after failed connections.
const SETTLE: Duration = Duration::from_secs(180);

/// A world under load.
pub(crate) struct Ground {
    pub world: World,
    pub admin: Admin,
    pub members: Vec<Member>,
}

/// An account with its agent, and what was made in it.
pub(crate) struct Member {
    pub account: String,
    pub agent: Agent,
    /// The ids of all findings that were made, each with the minute of its last update.
    pub made: BTreeMap<String, u32>,
    /// Its drop folder.
    pub drops: PathBuf,
    files: u32,
    next: u32,
}

impl Ground {
    /// Everything runs, and nothing is made yet.
    pub(crate) async fn new(accounts: &[&str]) -> Self {
        let world = World::start().await;
        let mut admin = Admin::init(&world).await;
        admin.serve().await;
        let mut ground = Self {
            world,
            admin,
            members: Vec::new(),
        };
        for account in accounts {
            ground.join(account).await;
        }
        ground
    }

    /// One more account.
    pub(crate) async fn join(&mut self, account: &str) {
        let credentials = accounts::member(&self.world, account).await;
        let agent = Agent::join(&self.world, &self.admin, account, &credentials).await;
        self.members.push(Member::of(account, agent));
    }

    /// Waits until everything that was made has arrived and nothing is under way.
    ///
    /// # Panics
    /// It does not.
    pub(crate) async fn settle(&self) {
        let muster = self.admin.operator();
        for member in &self.members {
            let what = format!("all of {} have arrived", member.account);
            eventually_within(SETTLE, &what, async || {
                // The server may be down when this starts.
                let account = ["--account", &member.account];
                let counted = muster
                    .try_run(&[&["finding", "count"], &account[..]].concat())
                    .await;
                counted.code == 0
                    && muster.count(&account).await >= member.made.len() as u64
                    && self.missing(member).await.is_empty()
            })
            .await;
            eventually_within(SETTLE, "nothing waits", async || {
                member.agent.told("/snapshot/waiting").await == 0 && member.files_waiting() == 0
            })
            .await;
        }
    }

    /// The books, when everything has settled.
    ///
    /// # Panics
    /// They do not add up.
    pub(crate) async fn books(&self) -> Books {
        let mut books = Books::default();
        for member in &self.members {
            // The agent tells its count a little later.
            let what = format!("{} has counted alike", member.account);
            eventually(&what, async || {
                let sent = self.ledger(&member.account).await["sent"].clone();
                member.agent.told("/snapshot/sent").await == sent
            })
            .await;
            books.add(self.books_of(member).await);
        }
        books
    }

    /// As [`Ground::books`], for agents that began a new spool: what they count begins with it.
    pub(crate) async fn books_of_several_spools(&self) -> Books {
        let mut books = Books::default();
        for member in &self.members {
            let of = self.books_of(member).await;
            books.add(of);
        }
        books
    }

    /// As [`Ground::books`], where damage was named before: what agents could not read was refused, and some was never
    /// sent. What is expected to be there, is.
    pub(crate) async fn books_after_damage(&self) -> Books {
        let mut books = Books::default();
        for member in &self.members {
            let entry = self.ledger(&member.account).await;
            let of = |key: &str| entry[key].as_u64().expect("a number");
            let stored = of("created") + of("updated") + of("unchanged");
            assert_eq!(
                of("sent"),
                stored + of("refused") + of("missing"),
                "{entry}"
            );
            books.add(Books {
                sent: of("sent"),
                stored,
                visible: of("visible"),
                named: 0,
                lost: self.missing(member).await.len() as u64,
            });
        }
        books
    }

    /// As [`Ground::books`], after power cuts that left a hole in the spool's last append: what has the hole was refused,
    /// told among the dead letters, and collected again.
    pub(crate) async fn books_after_holes(&self) -> Books {
        let mut books = self.books_after_damage().await;
        books.named = books.sent - books.stored;
        let mut told = 0;
        for member in &self.members {
            let letters = std::fs::read_to_string(member.agent.state().join("dead-letters.jsonl"));
            let letters = letters.unwrap_or_default();
            told += letters.matches(r#""document":"""#).count() as u64;
        }
        assert!(told >= books.named, "{told} were told: {books:?}");
        books
    }

    /// What the ledger says of a member: sent = stored, and created = visible = made.
    async fn books_of(&self, member: &Member) -> Books {
        let entry = self.ledger(&member.account).await;
        let of = |key: &str| entry[key].as_u64().expect("a number");
        let stored = of("created") + of("updated") + of("unchanged");
        let letters = std::fs::read_to_string(member.agent.state().join("dead-letters.jsonl"));
        let letters = letters.unwrap_or_default();
        assert_eq!((of("refused"), of("missing")), (0, 0), "{entry}\n{letters}");
        assert_eq!(of("sent"), stored, "{entry}");
        let made = member.made.len() as u64;
        assert_eq!((of("created"), of("visible")), (made, made), "{entry}");
        Books {
            sent: of("sent"),
            stored,
            visible: of("visible"),
            named: 0,
            lost: self.missing(member).await.len() as u64,
        }
    }

    /// The ledger of an account.
    pub(crate) async fn ledger(&self, account: &str) -> Json {
        let muster = self.admin.operator();
        let entries = muster.json(&["status", "--accounts", "--all"]).await;
        let entries = entries.as_array().expect("a list").iter();
        let mut of = entries.filter(|entry| entry["account"] == account);
        of.next().cloned().unwrap_or_default()
    }

    /// What was made and cannot be seen, or only in an older version.
    pub(crate) async fn missing(&self, member: &Member) -> Vec<String> {
        let muster = self.admin.operator();
        let account = ["finding", "list", "--all", "--account", &member.account];
        let printed = muster
            .try_run(&[&account[..], &["--output", "json"]].concat())
            .await;
        // Nothing can be seen while the server is not reached.
        let listed: Json =
            serde_json::from_str(&printed.out).unwrap_or_else(|_| Json::Array(Vec::new()));
        let seen: BTreeMap<&str, &str> = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|finding| (text(&finding["Id"]), text(&finding["UpdatedAt"])))
            .collect();
        let made = member.made.iter().filter(|(id, minute)| {
            let made = accounts::finding(&member.account, id, **minute);
            seen.get(id.as_str()) != Some(&text(&made["UpdatedAt"]))
        });
        made.map(|(id, _)| id.clone()).collect()
    }
}

impl Member {
    pub(crate) fn of(account: &str, agent: Agent) -> Self {
        let drops = agent.state().join("drop");
        std::fs::create_dir_all(&drops).expect("the drop folder");
        Self {
            account: account.to_owned(),
            drops,
            agent,
            made: BTreeMap::new(),
            files: 0,
            next: 0,
        }
    }

    /// Makes findings in the drop folder: new ones, and a newer version of some that are there.
    pub(crate) fn make(&mut self, new: usize, newer: usize) {
        for (_, minute) in self.made.iter_mut().rev().take(newer) {
            *minute += 1;
        }
        for _ in 0..new {
            self.made.insert(format!("{:06}", self.next), 0);
            self.next += 1;
        }
        let findings = self.made.iter().rev().take(new + newer);
        let findings: Vec<Json> = findings
            .map(|(id, minute)| accounts::finding(&self.account, id, *minute))
            .collect();
        self.files += 1;
        std::fs::create_dir_all(&self.drops).expect("the drop folder");
        let file = self.drops.join(format!("{:05}.json", self.files));
        let draft = file.with_extension("tmp");
        let text = Json::Array(findings).to_string();
        std::fs::write(&draft, text).expect("a file");
        std::fs::rename(draft, file).expect("a file");
    }

    /// Files that the agent has not read yet.
    pub(crate) fn files_waiting(&self) -> usize {
        let files = std::fs::read_dir(&self.drops);
        let files = files.into_iter().flatten().flatten();
        files.filter(|file| !file.path().is_dir()).count()
    }
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

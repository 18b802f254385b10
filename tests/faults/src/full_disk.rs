//! The disk is full, read-only, or fails to flush, under the server and under an agent: it is told, nothing is
//! acknowledged that is not kept, and it goes on by itself when the disk does.
//!
//! The full disks are small ones of their own where mounting is permitted. A disk that turns read-only under open files
//! cannot be had by remounting; the disk of ours plays it, and the failed flush.

mod small;

use muster_tests::{Admin, Agent, World, accounts, eventually};

use crate::disk::Disk;
use crate::ground::{Ground, Member};
use crate::scenario::Run;
use crate::tally::Tally;
use small::SmallDisk;

const ACCOUNT: &str = "111122223333";
const ADMIN_BYTES: u64 = 24 << 20;
const AGENT_BYTES: u64 = 2 << 20;

/// How a disk is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Full,
    ReadOnly,
    Failing,
}

pub(crate) async fn run(run: Run) -> Tally {
    let mut tally = Tally::default();
    let mut disks = Disks::new().await;
    for _ in 0..run.share(50) {
        for trouble in [Trouble::Full, Trouble::ReadOnly, Trouble::Failing] {
            disks.of_the_server(trouble).await;
            disks.of_the_agent(trouble).await;
            tally.count("disks full, read-only or failing", 2);
        }
    }
    disks.read_only_at_the_start().await;
    tally.count("starts on a read-only disk", 2);
    tally.close(disks.ground.books().await);
    tally
}

/// A world whose server and agent each have a disk of their own.
struct Disks {
    // First, so that they are gone before the folder that they are in.
    small: Option<SmallDisk>,
    agent_small: Option<SmallDisk>,
    ground: Ground,
    disk: Disk,
    agent_disk: Disk,
}

impl Disks {
    async fn new() -> Self {
        let world = World::start().await;
        let agent_folder = world.folder().join("agent-disk");
        std::fs::create_dir_all(&agent_folder).expect("a folder");
        let (disk, agent_disk) = (Disk::build(world.folder()), Disk::build(&agent_folder));
        let mut admin = Admin::new(&world, "admin");
        let small = SmallDisk::mount(admin.folder(), ADMIN_BYTES);
        let made = admin.try_init(&admin.credential()).await;
        assert_eq!(made.code, 0, "{made:?}");
        disk.obeys(&mut admin);
        admin.serve().await;
        let credentials = accounts::member(&world, ACCOUNT).await;
        let drops = world.folder().join("drops");
        let mut agent = Agent::new(&world, "agent", &credentials).with(
            "MUSTER_AGENT_COLLECTORS__DROP_FOLDER__PATH",
            &drops.display().to_string(),
        );
        let agent_small = SmallDisk::mount(agent.state(), AGENT_BYTES);
        let accepted = agent.accept(&admin.invite(ACCOUNT).await).await;
        assert_eq!(accepted.code, 0, "{accepted:?}");
        agent_disk.obeys(&mut agent);
        agent.start();
        let mut member = Member::of(ACCOUNT, agent);
        member.drops = drops;
        let mut ground = Ground {
            world,
            admin,
            members: vec![member],
        };
        ground.members[0].make(20, 0);
        ground.settle().await;
        Self {
            ground,
            disk,
            agent_disk,
            small,
            agent_small,
        }
    }

    async fn of_the_server(&mut self, trouble: Trouble) {
        let muster = self.ground.admin.operator();
        let before = muster.count(&[]).await;
        begin(trouble, &self.disk, self.small.as_ref());
        self.ground.members[0].make(300, 10);
        eventually("the server says that nothing can be written", async || {
            // Whether something tries to write just now, is chance: this does.
            let refused = muster.try_run(&["member", "create", "999988887777"]).await;
            let status = muster.json(&["status"]).await;
            refused.code == 3 && status["store"]["failing"] != ""
        })
        .await;
        // What is not written, is not shown; what was there, is.
        assert!(muster.count(&[]).await >= before);
        end(&self.disk, self.small.as_ref());
        self.ground.settle().await;
        self.ground.books().await;
        let status = muster.json(&["status"]).await;
        assert_eq!(status["store"]["failing"], "", "{status}");
        assert!(
            status["store"]["damaged"]
                .as_array()
                .is_some_and(Vec::is_empty),
            "{status}"
        );
        // And after a crash.
        self.ground.admin.kill().await;
        self.ground.admin.serve().await;
        self.ground.settle().await;
        self.ground.books().await;
    }

    async fn of_the_agent(&mut self, trouble: Trouble) {
        let member = &mut self.ground.members[0];
        let told = member
            .agent
            .log()
            .matches("was not read to its end")
            .count();
        begin(trouble, &self.agent_disk, self.agent_small.as_ref());
        member.make(300, 10);
        eventually("the agent says why it does not collect", async || {
            member
                .agent
                .log()
                .matches("was not read to its end")
                .count()
                > told
        })
        .await;
        end(&self.agent_disk, self.agent_small.as_ref());
        self.ground.settle().await;
        self.ground.books().await;
        let agent = &mut self.ground.members[0].agent;
        agent.kill().await;
        agent.start();
        self.ground.settle().await;
        self.ground.books().await;
    }

    /// Neither starts, and both say why.
    async fn read_only_at_the_start(&mut self) {
        let admin = &mut self.ground.admin;
        admin.kill().await;
        self.disk.is("read-only");
        let output = admin.command(&["serve"]).output().await.expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("Read-only file system"), "{said}");
        self.disk.is("");
        admin.serve().await;
        let agent = &mut self.ground.members[0].agent;
        agent.kill().await;
        self.agent_disk.is("read-only");
        let said = agent.run(&["run"]).await;
        assert_ne!(said.code, 0, "{said:?}");
        assert!(said.err.contains("Read-only file system"), "{said:?}");
        self.agent_disk.is("");
        agent.start();
        self.ground.members[0].make(20, 5);
        self.ground.settle().await;
    }
}

fn begin(trouble: Trouble, disk: &Disk, small: Option<&SmallDisk>) {
    match (trouble, small) {
        (Trouble::Full, Some(small)) => small.fill(),
        (Trouble::Full, None) => disk.is("full"),
        (Trouble::ReadOnly, _) => disk.is("read-only"),
        (Trouble::Failing, _) => disk.is("failing"),
    }
}

fn end(disk: &Disk, small: Option<&SmallDisk>) {
    disk.is("");
    if let Some(small) = small {
        small.free();
    }
}

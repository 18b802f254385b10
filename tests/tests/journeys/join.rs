//! Three accounts join.

use std::collections::BTreeSet;

use muster_tests::{Admin, Agent, Muster, Seeded, World, eventually};

const BAD: &str = "111122223333";
const MIXED: &str = "222233334444";
const HARDENED: &str = "333344445555";

/// Three accounts that have joined, with their agents.
struct Joined {
    seeded: Seeded,
    muster: Muster,
    /// Held: they end with their value.
    _running: (World, Admin, Vec<Agent>),
}

async fn joined(findings: u32) -> Joined {
    let world = World::start().await;
    let profiles = [
        &format!("{BAD}:bad"),
        MIXED,
        &format!("{HARDENED}:hardened"),
    ];
    let seeded = world.seed(&profiles, findings).await;
    let admin = Admin::start(&world).await;
    let mut agents = Vec::new();
    for account in [BAD, MIXED, HARDENED] {
        let agent = Agent::join(&world, &admin, account, &seeded.of(account)).await;
        for kind in ["prowler-asff.json", "prowler-ocsf.json"] {
            let text = std::fs::read(seeded.of(account).join("drop").join(kind)).unwrap();
            agent.drop_file(kind, &text);
        }
        agents.push(agent);
    }
    Joined {
        seeded,
        muster: admin.operator(),
        _running: (world, admin, agents),
    }
}

/// Waits until everything that was seeded is visible.
async fn all_in(joined: &Joined) {
    let total = joined.seeded.total;
    eventually("every finding is visible", async || {
        joined.muster.count(&[]).await == total
    })
    .await;
}

/// The native ids of an account's findings of one product, as Muster shows them.
async fn ids(muster: &Muster, account: &str, product: &str) -> BTreeSet<String> {
    let filter = [
        "finding",
        "list",
        "--account",
        account,
        "--product",
        product,
        "--limit",
        "10000",
    ];
    let found = muster.json(&filter).await;
    let ids = found.as_array().unwrap().iter();
    ids.map(|finding| finding["Id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn three_accounts_join_and_every_finding_arrives_once() {
    let joined = joined(60).await;
    all_in(&joined).await;
    let Joined { seeded, muster, .. } = &joined;
    for account in [BAD, MIXED, HARDENED] {
        let expected = &seeded.accounts[account];
        for (service, product) in [
            ("guardduty", "GuardDuty"),
            ("inspector2", "Inspector"),
            ("macie2", "Macie"),
        ] {
            let found = ids(muster, account, product).await;
            let listed = &expected.services[service];
            assert_eq!(found.len() as u64, listed.count, "{account} {service}");
            for id in &listed.ids {
                assert!(
                    found.iter().any(|found| found.ends_with(id.as_str())),
                    "{account} {service} {id}"
                );
            }
            let active = muster
                .count(&[
                    "--account",
                    account,
                    "--product",
                    product,
                    "--record-state",
                    "active",
                ])
                .await;
            assert_eq!(
                active,
                listed.active.len() as u64,
                "{account} {service} active"
            );
        }
        let prowler = ids(muster, account, "Prowler").await;
        let dropped: u64 = expected.drop.values().map(|listed| listed.count).sum();
        assert_eq!(prowler.len() as u64, dropped, "{account} drop folder");
        assert_eq!(
            muster.count(&["--account", account]).await,
            seeded.count(account)
        );
    }
    // sent = stored = visible.
    let ledger = muster.json(&["status", "--accounts"]).await;
    for entry in ledger.as_array().unwrap() {
        let number = |key: &str| entry[key].as_u64().unwrap();
        let account = entry["account"].as_str().unwrap();
        assert_eq!(number("created"), seeded.count(account), "{entry}");
        assert_eq!(number("visible"), seeded.count(account), "{entry}");
        assert_eq!(
            number("sent"),
            number("created") + number("updated") + number("unchanged") + number("refused"),
            "{entry}"
        );
        assert_eq!(number("refused"), 0, "{entry}");
    }
}

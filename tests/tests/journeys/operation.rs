//! What whoever runs the admin meets: roles, settings, metrics, starts and stops.

use muster_tests::{Admin, Muster, World, eventually};

use super::accounts::{ACCOUNT, finding, one};

/// A new operator with a role, and its credential.
async fn operator(admin: &Admin, name: &str, role: &str) -> Muster {
    let credential = admin.folder().join(format!("{name}.toml"));
    let path = credential.display().to_string();
    admin
        .operator()
        .run(&["operator", "create", name, "--role", role, "--file", &path])
        .await;
    Muster {
        credential,
        clock: None,
    }
}

#[tokio::test]
async fn every_role_may_do_what_its_name_says_and_no_more() {
    let one = one().await;
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    eventually("the finding is in", async || {
        one.muster.count(&[]).await == 1
    })
    .await;
    let viewer = operator(&one.admin, "vera", "viewer").await;
    let analyst = operator(&one.admin, "ana", "analyst").await;
    let update = [
        "finding",
        "update",
        "--severity",
        "high",
        "--set-workflow",
        "notified",
        "--yes",
    ];
    for (who, arguments, code) in [
        (&viewer, &["finding", "list"][..], 0),
        (&viewer, &update, 5),
        (&viewer, &["member", "invite", ACCOUNT], 5),
        (&viewer, &["audit", "list"], 5),
        (&analyst, &update, 0),
        (
            &analyst,
            &["insight", "create", "x", "--by", "ResourceId"],
            0,
        ),
        (&analyst, &["member", "disassociate", ACCOUNT], 5),
        (&analyst, &["operator", "list"], 5),
    ] {
        let printed = who.try_run(arguments).await;
        assert_eq!(printed.code, code, "{arguments:?}: {printed:?}");
    }
    one.muster.run(&["operator", "revoke", "ana"]).await;
    let refused = analyst.try_run(&["finding", "list"]).await;
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.err.contains("is not an operator any more"),
        "{refused:?}"
    );
    // Somebody must be left who can make operators.
    let refused = one.muster.try_run(&["operator", "revoke", "admin"]).await;
    assert_ne!(refused.code, 0, "{refused:?}");
    // What was refused is in the audit log.
    let refusals = one
        .muster
        .json(&["audit", "list", "--refused", "--all"])
        .await;
    assert!(refusals.to_string().contains("operator/vera"), "{refusals}");
}

#[tokio::test]
async fn a_folder_in_use_and_a_folder_of_another_version_are_refused() {
    let world = World::start().await;
    let mut admin = Admin::start(&world).await;
    let second = admin.command(&["serve"]).output().await.unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("is in use by another process"), "{said}");
    assert_eq!(admin.stop().await, Some(0));
    let again = admin.command(&["init"]).output().await.unwrap();
    assert_ne!(again.status.code(), Some(0), "{again:?}");
    std::fs::write(admin.data().join("store/FORMAT"), "muster store 999\n").unwrap();
    let other = admin.command(&["serve"]).output().await.unwrap();
    let said = String::from_utf8(other.stderr).unwrap();
    assert!(
        said.contains("format") && said.contains("use the version that wrote it"),
        "{said}"
    );
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let world = World::start().await;
    let admin = Admin::init(&world).await;
    let file = world.folder().join("muster-admin.toml");
    for (text, expected) in [
        ("[listen]\nagents = \"here\"", "listen.agents"),
        (
            "[listne]\n",
            "listne: there is no such key; there are data_dir",
        ),
        (
            "[members]\ninvitation_hours = 0",
            "members.invitation_hours",
        ),
        (
            "[findings]\nactive_days = \"sometimes\"",
            "findings.active_days",
        ),
        ("[log]\nlevel = \"loud=\"", "log.level"),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut command = admin.command(&["serve", "--config"]);
        command.arg(&file);
        for listener in ["ENROLLMENT", "AGENTS", "OPERATORS", "METRICS"] {
            // The environment would count more than the file.
            command.env_remove(format!("MUSTER_ADMIN_LISTEN__{listener}"));
        }
        let output = command.output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!output.status.success());
        assert!(said.lines().count() <= 3, "{said}");
    }
    let output = admin
        .command(&["serve"])
        .env("MUSTER_ADMIN_LISTEN__AGNETS", "x")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let place = "the environment, MUSTER_ADMIN_LISTEN__AGNETS: there is no such key";
    assert!(said.contains(place), "{said}");
    // A file that the environment names.
    let nowhere = world.folder().join("nowhere.toml");
    let output = admin
        .command(&["serve"])
        .env("MUSTER_ADMIN_CONFIG_FILE", &nowhere)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nowhere.toml; create it"), "{said}");
    std::fs::write(&nowhere, "[log]\nlevel = \"loud=\"").unwrap();
    let output = admin
        .command(&["serve"])
        .env("MUSTER_ADMIN_CONFIG_FILE", &nowhere)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("log.level"), "{said}");
    // A folder that was never made.
    let output = admin
        .command(&["serve"])
        .env("MUSTER_ADMIN_DATA_DIR", world.folder().join("nowhere"))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("muster-admin init"), "{said}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost() {
    let mut one = one().await;
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    eventually("the first is in", async || one.muster.count(&[]).await == 1).await;
    one.admin.limit_files(Some(1)).await;
    one.put(&[finding(ACCOUNT, "b", 1)]).await;
    let refused = one
        .muster
        .try_run(&["member", "create", "999988887777"])
        .await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let told = "the server's disk is full or cannot be written";
    assert!(refused.err.contains(told), "{refused:?}");
    let status = one.muster.json(&["status"]).await;
    let failing = status["store"]["failing"].as_str().unwrap();
    assert!(failing.contains("free space"), "{status}");
    let shown = one.muster.run(&["status"]).await;
    assert!(shown.contains("NOTHING CAN BE WRITTEN"), "{shown}");
    let ready = format!("http://{}/readyz", one.admin.address("metrics"));
    let answer = reqwest::get(&ready).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert_eq!(one.muster.count(&[]).await, 1);

    one.admin.limit_files(None).await;
    eventually("the second is in", async || {
        one.muster.count(&[]).await == 2
    })
    .await;
    let status = one.muster.json(&["status"]).await;
    assert_eq!(status["store"]["failing"], "", "{status}");
    assert_eq!(reqwest::get(&ready).await.unwrap().status().as_u16(), 200);
    one.admin.kill().await;
    one.admin.serve().await;
    let status = one.muster.json(&["status"]).await;
    assert_eq!(status["ledger"]["sent"], 2, "{status}");
    assert_eq!(status["ledger"]["visible"], 2, "{status}");
}

#[tokio::test]
async fn metrics_health_and_an_orderly_stop() {
    let mut one = one().await;
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    eventually("the finding is in", async || {
        one.muster.count(&[]).await == 1
    })
    .await;
    let base = format!("http://{}", one.admin.address("metrics"));
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{base}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await.0, 200);
    let (_, metrics) = get("/metrics").await;
    for line in [
        "muster_findings 1",
        "muster_agents_connected 1",
        "muster_store_damaged 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // A call that has no end does not keep the server from stopping.
    let mut watching = one.muster.command(&["finding", "watch"]).spawn().unwrap();
    assert_eq!(one.admin.stop().await, Some(0), "{}", one.admin.log());
    watching.wait().await.unwrap();
    assert_eq!(one.agent.stop().await, Some(0), "{}", one.agent.log());
    assert!(!one.admin.data().join("addresses.json").exists());
    assert!(!one.admin.log().contains("panicked"), "{}", one.admin.log());
}

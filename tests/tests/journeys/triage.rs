//! What an analyst does with findings, and that providers do not undo it.

use muster_tests::eventually;
use serde_json::{Value as Json, json};

use super::accounts::{ACCOUNT, finding, one};

#[tokio::test]
async fn an_operators_update_survives_a_reimport() {
    let one = one().await;
    one.put(&[finding(ACCOUNT, "a", 1)]).await;
    let muster = &one.muster;
    eventually("it is in", async || muster.count(&[]).await == 1).await;
    let listed = muster.json(&["finding", "list", "--records"]).await;
    let name = listed[0]["name"].as_str().unwrap_or_default().to_owned();
    assert!(name.starts_with("findings/"), "{listed}");
    muster
        .run(&[
            "finding",
            "update",
            &name,
            "--set-workflow",
            "notified",
            "--set-severity",
            "low",
            "--note",
            "looks old",
        ])
        .await;
    let mut newer = finding(ACCOUNT, "a", 2);
    newer["Title"] = json!("Another title");
    newer["Workflow"] = json!({ "Status": "NEW" });
    one.put(&[newer]).await;
    let shown = async || muster.json(&["finding", "show", &name]).await;
    eventually("the newer version is in", async || {
        shown().await["Title"] == "Another title"
    })
    .await;
    let shown = shown().await;
    assert_eq!(shown["Workflow"]["Status"], "NOTIFIED", "{shown}");
    assert_eq!(shown["Severity"]["Label"], "LOW", "{shown}");
    assert_eq!(shown["Note"]["Text"], "looks old", "{shown}");
    // What the provider says is kept beside it.
    assert_eq!(
        shown["FindingProviderFields"]["Severity"]["Label"], "HIGH",
        "{shown}"
    );

    let history = muster.json(&["finding", "history", &name]).await;
    let sources: Vec<&Json> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["source"])
        .collect();
    assert_eq!(
        sources,
        [
            "BATCH_IMPORT_FINDINGS",
            "BATCH_UPDATE_FINDINGS",
            "BATCH_IMPORT_FINDINGS"
        ]
    );

    // It was resolved, and it comes back: the workflow starts anew.
    muster
        .run(&["finding", "update", &name, "--set-workflow", "resolved"])
        .await;
    let mut archived = finding(ACCOUNT, "a", 3);
    archived["RecordState"] = json!("ARCHIVED");
    one.put(&[archived]).await;
    eventually("it is archived", async || {
        muster.count(&["--record-state", "archived"]).await == 1
    })
    .await;
    one.put(&[finding(ACCOUNT, "a", 4)]).await;
    eventually("it is new again", async || {
        muster
            .count(&["--record-state", "active", "--workflow", "new"])
            .await
            == 1
    })
    .await;
}

#[tokio::test]
async fn findings_are_watched_as_they_come() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let mut one = one().await;
    let mut watching = one
        .muster
        .command(&["finding", "watch", "--severity", "high", "-o", "jsonl"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    // It follows from now on; what comes before it is connected is not told.
    let mut minute = 0;
    let line = loop {
        minute += 1;
        one.put(&[finding(ACCOUNT, "a", minute)]).await;
        let next = tokio::time::timeout(std::time::Duration::from_secs(2), lines.next_line()).await;
        if let Ok(Ok(Some(line))) = next {
            break line;
        }
        assert!(minute < 20, "nothing is told");
    };
    let told: Json = serde_json::from_str(&line).unwrap();
    assert_eq!(told["finding"]["Id"], "a", "{told}");

    // The server is away for a while, and nothing is left out.
    one.admin.stop().await;
    one.admin.serve().await;
    one.put(&[finding(ACCOUNT, "b", 1)]).await;
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let told: Json = serde_json::from_str(&line).unwrap();
        if told["finding"]["Id"] == "b" {
            break;
        }
    }
    watching.kill().await.unwrap();
}

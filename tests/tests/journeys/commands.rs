//! The command line as people and scripts see it: a session from the first command to the last, word for word.

use std::fmt::Write as _;

use muster_tests::{Admin, Muster, World};
use serde_json::{Value as Json, json};

use super::accounts::{ACCOUNT, OTHER, finding};

/// Findings that differ in what tables show.
fn some() -> Vec<Json> {
    let mut critical = finding(ACCOUNT, "one", 3);
    critical["Severity"] = json!({ "Label": "CRITICAL" });
    critical["Title"] = json!("Databases should not be public");
    critical["Types"] = json!(["Effects/Data Exposure"]);
    critical["Resources"] = json!([{
        "Type": "AwsRdsDbInstance",
        "Id": format!("arn:aws:rds:us-east-1:{ACCOUNT}:db:ledger"),
        "Tags": { "Team": "money" },
    }]);
    let mut passed = finding(ACCOUNT, "two", 2);
    passed["Severity"] = json!({ "Label": "INFORMATIONAL" });
    passed["Compliance"] = json!({ "Status": "PASSED" });
    let mut archived = finding(ACCOUNT, "three", 1);
    archived["RecordState"] = json!("ARCHIVED");
    let mut bad = finding(ACCOUNT, "four", 1);
    bad["Resources"] = json!([]);
    vec![critical, passed, archived, bad, finding(OTHER, "five", 1)]
}

/// Runs commands one after the other and writes down all of it.
async fn session(muster: &Muster, lines: &[(&str, &str)]) -> String {
    let mut said = String::new();
    for (line, input) in lines {
        let arguments: Vec<String> = words(line);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let printed = muster.run_with(&arguments, input.as_bytes()).await;
        writeln!(said, "$ muster {line}").unwrap();
        said.push_str(&printed.out);
        for error in printed.err.lines() {
            writeln!(said, "! {error}").unwrap();
        }
        if printed.code != 0 {
            writeln!(said, "[{}]", printed.code).unwrap();
        }
        said.push('\n');
    }
    said
}

/// Splits a line as a shell would: quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Members and their findings: each command with its input.
fn collecting(findings: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("status", ""),
        ("member create 111122223333 12345", ""),
        ("member create 111122223333", ""),
        ("member invite 444455556666", ""),
        ("member invite 111122223333 --hours 0", ""),
        ("member list", ""),
        ("member list -o csv", ""),
        ("member show 444455556666", ""),
        ("member disassociate 111122223333", ""),
        ("finding import -", findings),
        ("finding import -", "[{\"a\":1},"),
        ("finding import /nowhere.json", ""),
        ("finding import -", "[]"),
        ("finding import -", "\u{feff}[]"),
        ("finding list", ""),
        ("finding list --severity critical -o csv", ""),
        ("finding list --keyword 'ledger money'", ""),
        ("finding list --severity urgent", ""),
        ("finding list --severity HIGH --record-state Archived", ""),
        ("finding list --field Titel=x", ""),
        ("finding list --updated yesterday", ""),
        ("finding list --updated 99999999d", ""),
        ("finding list --updated 2026-11-08..2026-11-01", ""),
        ("finding list --account 12", ""),
        ("finding list --field SeverityLabel=HGH", ""),
        ("finding list --limit 0", ""),
        (
            "finding list --filter '{\"SeverityLabel\":[{\"Comparison\":\"EQUALS\",\"Value\":\"CRITICAL\"},{\"Comparison\":\"NOT_EQUALS\",\"Value\":\"LOW\"}]}'",
            "",
        ),
        ("finding count", ""),
        ("finding count --by SeverityLabel,RecordState", ""),
        ("finding count --by Severity", ""),
        ("finding show ffffff", ""),
        (
            "finding show arn:aws:guardduty:us-east-1:111122223333:detector/1/finding/2",
            "",
        ),
        ("finding update --severity critical", ""),
        (
            "finding update --severity critical --set-workflow notified",
            "",
        ),
        (
            "finding update --severity critical --set-workflow done --yes",
            "",
        ),
        (
            "finding update --severity critical --set-workflow notified --note 'ticket SEC-12' --yes",
            "",
        ),
        ("finding list --workflow notified", ""),
    ]
}

/// What comes of the findings.
const RANKING: &[(&str, &str)] = &[
    ("insight show managed-29", ""),
    ("insight show managed-2", ""),
    ("insight show --by ResourceType", ""),
    (
        "insight create 'Public databases' --by ResourceId --type 'Effects/Data Exposure'",
        "",
    ),
    ("insight create '' --by ResourceId", ""),
    ("insight show managed-29 --limit 100000", ""),
    ("insight list --limit 3", ""),
    ("insight list --custom", ""),
    ("insight delete managed-1", ""),
    ("operator create Ana --role analyst", ""),
    ("operator list", ""),
    ("operator revoke admin", ""),
    ("audit list --limit 4", ""),
    ("audit list --limit 1 -o csv", ""),
    ("audit list --action nonsense", ""),
    ("status --accounts", ""),
];

#[tokio::test]
async fn a_session_reads_like_this() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let findings = json!(some()).to_string();
    let said = session(
        &admin.operator(),
        &[&collecting(&findings), RANKING].concat(),
    )
    .await;
    insta::with_settings!({filters => vec![
        (r"\d+ (s|min|h|d|days) ago", "[ago]"),
        (r"in \d+ (s|min|h|d|days)", "[in]"),
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+Z)?", "[time]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"\d+(\.\d+)? [KM]?B\b", "[bytes]"),
        (r"serial [0-9a-f]+", "serial [serial]"),
        (r"127\.0\.0\.1:\d+", "[address]"),
    ]}, {
        insta::assert_snapshot!(said);
    });
}

/// What would steer a terminal, or turn a text around, is in no name and comes back in no message.
#[tokio::test]
async fn what_hides_text_is_refused_and_quoted_without_harm() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    let odd = "a\u{202e}\u{9b}b";
    for arguments in [
        ["insight", "create", odd, "--by", "ResourceId"],
        ["member", "create", ACCOUNT, "--name", odd],
        ["finding", "list", "--limit", odd, "--all"],
        ["finding", "count", odd, "--by", "Title"],
        ["finding", "list", "--field", odd, "--all"],
        ["insight", "show", odd, "--limit", "2"],
    ] {
        let said = muster.try_run(&arguments).await;
        assert_ne!(said.code, 0, "{arguments:?}: {said:?}");
        assert!(!said.err.contains(['\u{202e}', '\u{9b}']), "{said:?}");
    }
}

/// Programs get rows, not prose.
#[tokio::test]
async fn the_status_in_csv_is_a_row_for_each_value() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let status = admin.operator().run(&["status", "-o", "csv"]).await;
    for line in [
        "key,value",
        "agents,0",
        "ledger.sent,0",
        "store.engine,embedded",
    ] {
        assert!(status.lines().any(|said| said == line), "{line}: {status}");
    }
}

/// A file that cannot be written uses up no name, and leaves nothing behind.
#[tokio::test]
async fn an_operator_without_a_place_for_its_credential_is_not_created() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    let file = world.folder().join("ana.toml");
    let create = async |name: &str, file: &str| {
        let arguments = [
            "operator", "create", name, "--role", "viewer", "--file", file,
        ];
        muster.try_run(&arguments).await
    };
    let text = file.to_str().unwrap();
    for bad in ["/proc/ana.toml", &format!("{text}/no/such/folder.toml")] {
        let refused = create("ana", bad).await;
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.err.ends_with("nothing was created\n"),
            "{refused:?}"
        );
    }
    assert_eq!(create("Not A Name", text).await.code, 2);
    assert!(!file.exists());
    let created = create("ana", text).await;
    assert_eq!(created.code, 0, "{created:?}");
    let ana = Muster {
        credential: file,
        clock: None,
    };
    ana.run(&["operator", "whoami"]).await;
    let refused = ana
        .try_run(&[
            "finding",
            "update",
            "--severity",
            "high",
            "--set-workflow",
            "new",
        ])
        .await;
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(
        refused.err.contains("needs the role analyst"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let world = World::start().await;
    let mut admin = Admin::start(&world).await;
    let muster = admin.operator();
    muster.run(&["member", "create", ACCOUNT]).await;
    let findings = json!(some()).to_string();
    let code = async |arguments: &[&str]| muster.try_run(arguments).await.code;
    assert_eq!(
        muster
            .run_with(&["finding", "import", "-"], findings.as_bytes())
            .await
            .code,
        3
    );
    assert_eq!(code(&["finding", "lisst"]).await, 2);
    assert_eq!(code(&["finding", "show", "ffffff"]).await, 4);
    let nobody = Muster {
        credential: world.folder().join("nowhere.toml"),
        clock: None,
    };
    assert_eq!(nobody.try_run(&["status"]).await.code, 5);
    admin.stop().await;
    let away = muster.try_run(&["status"]).await;
    assert_eq!(away.code, 6, "{away:?}");
    assert_eq!(away.err.lines().count(), 1, "{away:?}");
}

/// `muster finding list | head -1` ends quietly.
#[tokio::test]
async fn a_closed_pipe_is_no_error() {
    use std::process::Stdio;
    use tokio::io::AsyncReadExt as _;

    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    muster.run(&["member", "create", ACCOUNT]).await;
    let many = json!(super::accounts::findings(ACCOUNT, 0..3_000)).to_string();
    muster
        .run_with(&["finding", "import", "-"], many.as_bytes())
        .await;
    let mut child = muster
        .command(&["finding", "list", "--all", "-o", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).await.unwrap();
    drop(out);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// What is listed can be imported elsewhere, and is the same there.
#[tokio::test]
async fn what_is_listed_can_be_imported_and_comes_back_equal() {
    let world = World::start().await;
    let admin = Admin::start(&world).await;
    let muster = admin.operator();
    muster.run(&["member", "create", ACCOUNT]).await;
    let mut odd = finding(ACCOUNT, "odd", 1);
    odd["Unknown"] = json!({ "Deep": [1, 2.5, null, "x"] });
    odd["Resources"][0]["Details"] =
        json!({ "AwsEc2Instance": { "Type": "m5.large", "NewField": true } });
    muster
        .run_with(&["finding", "import", "-"], odd.to_string().as_bytes())
        .await;
    let listed = muster
        .run(&["finding", "list", "--all", "-o", "jsonl"])
        .await;
    let shown: Json = serde_json::from_str(&listed).unwrap();
    for (key, value) in odd.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    let again = muster
        .run_with(&["finding", "import", "-", "-o", "json"], listed.as_bytes())
        .await;
    let again: Json = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["unchanged"], 1, "{again}");
}

//! The format, the ownership rules and the agreement of row and document.

use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::*;

fn minimal() -> Json {
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": "finding-1",
        "ProductArn": "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
        "GeneratorId": "generator",
        "AwsAccountId": "111122223333",
        "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
        "CreatedAt": "2026-11-01T00:00:00Z",
        "UpdatedAt": "2026-11-02T00:00:00Z",
        "Severity": { "Label": "HIGH" },
        "Title": "A title",
        "Description": "A description",
        "Resources": [{ "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::data" }]
    })
}

/// The minimal finding with other top-level properties; `null` takes one away.
fn with(changes: Json) -> Vec<u8> {
    let mut finding = minimal();
    let finding_properties = finding.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            finding_properties.remove(name);
        } else {
            finding_properties.insert(name.clone(), value.clone());
        }
    }
    serde_json::to_vec(&finding).unwrap()
}

fn refusal(document: &[u8]) -> String {
    match read(document) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn rendered(document: &[u8], overlay: &Overlay) -> Json {
    serde_json::from_slice(&render(document, overlay, Timestamp::default()).unwrap()).unwrap()
}

#[test]
fn refusals_use_the_words_of_aws() {
    let text = |length: usize| "x".repeat(length);
    let cases = [
        json!({ "Title": null }),
        json!({ "Title": "" }),
        json!({ "Title": 5 }),
        json!({ "Description": text(1025) }),
        json!({ "Remediation": { "Recommendation": { "Text": text(513) } } }),
        json!({ "AwsAccountId": "11112222333" }),
        json!({ "ProductArn": "arn:aws:guardduty:us-east-1::product/aws/guardduty" }),
        json!({ "SchemaVersion": "2019-01-01" }),
        json!({ "UpdatedAt": "yesterday" }),
        json!({ "Severity": null }),
        json!({ "Severity": { "Product": 5.0 } }),
        json!({ "Severity": { "Label": "SEVERE" } }),
        json!({ "Severity": { "Normalized": 101 } }),
        json!({ "Severity": { "Normalized": 1.5 } }),
        json!({ "Types": null }),
        json!({ "Types": "Effects" }),
        json!({ "Types": ["Tags/x/"] }),
        json!({ "Types": ["a/b/c/d"] }),
        json!({ "Resources": [] }),
        json!({ "Resources": vec![json!({ "Type": "Other", "Id": "x" }); 33] }),
        json!({ "Resources": [{ "Type": "Other" }] }),
        json!({ "Resources": [{ "Type": "Other", "Id": "x", "Tags": { "team": 5 } }] }),
        json!({ "Resources": [{ "Type": "Other", "Id": "x", "Tags": { "team": text(257) } }] }),
        json!({ "Note": { "Text": "hi" } }),
        json!({ "RecordState": "GONE" }),
        json!({ "Confidence": -1 }),
        json!({ "ProductFields": (0..51).map(|n| (n.to_string(), json!("x"))).collect::<Map<_, _>>() }),
    ];
    let table: String = cases
        .into_iter()
        .map(|case| {
            let shown: String = case.to_string().chars().take(60).collect();
            format!("{shown}\n    {}\n", refusal(&with(case)))
        })
        .collect();
    assert_snapshot!(table);
}

#[test]
fn what_is_not_json_or_stands_twice_is_refused() {
    assert_snapshot!(refusal(b"{\"Id\": "), @"Finding is not JSON: EOF while parsing a value at line 1 column 7");
    assert_snapshot!(refusal(b"[]"), @"Finding does not adhere to Amazon Finding Format. data should be object.");
    assert_snapshot!(refusal(b"{\"Id\":\"a\",\"Id\":\"b\"}"), @"Finding does not adhere to Amazon Finding Format. data.Id should NOT stand twice.");
    let deep = [br#"{"Deep": "#.as_slice(), &[b'['; 100_000]].concat();
    assert_snapshot!(refusal(&deep), @"Finding is not JSON: recursion limit exceeded at line 1 column 136");
    let large = with(json!({ "Padding": "x".repeat(FINDING_BYTES_MAX) }));
    assert!(matches!(read(&large), Err(InvalidFinding::TooLarge { .. })));
}

#[test]
fn a_finding_at_the_limits_can_be_read_as_it_is_shown_and_sent_again() {
    let fields: serde_json::Map<_, _> = (0..50)
        .map(|number| (format!("field{number}"), json!("value")))
        .collect();
    let full = with(json!({ "ProductFields": fields }));
    let shown = render(&full, &Overlay::default(), Timestamp::from_seconds(1)).unwrap();
    let row = super::fields(&shown, FieldSet::ALL).unwrap();
    assert_eq!(row.values(Field::ProductFields).count(), 53);
    assert_eq!(refusal(&shown), "accepted");
    let more = with(json!({ "ProductFields": { "aws/securityhub/FindingId": "x" } }));
    assert_eq!(refusal(&more), "accepted");
}

#[test]
fn forms_that_real_providers_send_are_accepted() {
    for changes in [
        // Cloud Custodian: label and number contradict each other, offsets and microseconds.
        json!({ "Severity": { "Product": 0, "Normalized": 60, "Label": "INFORMATIONAL" }, "UpdatedAt": "2026-11-23T11:21:39.577747+00:00" }),
        // CrowdStrike: types outside the taxonomy.
        json!({ "Types": ["Namespace: TTPs", "Category: X", "Classifier: Y"] }),
        json!({ "Types": [] }),
        json!({ "Types": null, "Severity": null, "FindingProviderFields": { "Types": ["Effects"], "Severity": { "Label": "LOW" } } }),
        // The launch format of 2018.
        json!({ "Severity": { "Product": 8.0, "Normalized": 80 } }),
        // Read from GetFindings and imported again.
        json!({ "Region": "us-east-1", "ProductName": "Default", "ProcessedAt": "2026-11-02T00:00:00Z", "Workflow": { "Status": "NEW" }, "WorkflowState": "NEW" }),
        json!({ "Criticality": null, "Network": {}, "Malware": [] }),
        json!({ "Resources": [{ "Type": "Other", "Id": "x", "Details": { "AwsEc2Instance": { "ImageId": 7, "LaunchedAt": "never" }, "Other": { "n": 1 } } }] }),
    ] {
        assert_eq!(refusal(&with(changes.clone())), "accepted", "{changes}");
    }
}

#[test]
fn a_key_depends_on_every_part_of_the_identity() {
    let account = "111122223333".parse().unwrap();
    let other = "444455556666".parse().unwrap();
    let keys = [
        FindingKey::new(account, "us-east-1", "arn", "id"),
        FindingKey::new(other, "us-east-1", "arn", "id"),
        FindingKey::new(account, "us-east-2", "arn", "id"),
        FindingKey::new(account, "us-east-1", "arn2", "id"),
        FindingKey::new(account, "us-east-1", "arn", "id2"),
        FindingKey::new(account, "us-east-1", "arni", "d"),
    ];
    let distinct: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(keys[0].name().parse(), Ok(keys[0]));
    assert!("findings/xyz".parse::<FindingKey>().is_err());
}

#[test]
fn the_service_fills_in_what_is_missing() {
    let finding = rendered(&with(json!({})), &Overlay::default());
    let mut added = finding.as_object().unwrap().clone();
    added.retain(|name, _| minimal().get(name) != finding.get(name));
    assert_snapshot!(serde_json::to_string_pretty(&added).unwrap());
}

#[test]
fn severity_label_and_number_complete_each_other() {
    let severity = |severity: Json, provided: Json| {
        let finding = rendered(
            &with(json!({ "Severity": severity, "FindingProviderFields": provided })),
            &Overlay::default(),
        );
        format!(
            "{} {}",
            finding["Severity"], finding["FindingProviderFields"]["Severity"]
        )
    };
    let none = Json::Null;
    assert_snapshot!(severity(json!({ "Label": "LOW" }), none.clone()), @r#"{"Label":"LOW","Normalized":1} {"Label":"LOW"}"#);
    assert_snapshot!(severity(json!({ "Normalized": 39 }), none.clone()), @r#"{"Label":"LOW","Normalized":39} {"Label":"LOW"}"#);
    assert_snapshot!(severity(json!({ "Normalized": 0 }), none.clone()), @r#"{"Label":"INFORMATIONAL","Normalized":0} {"Label":"INFORMATIONAL"}"#);
    assert_snapshot!(severity(json!({ "Label": "LOW", "Normalized": 95 }), none), @r#"{"Label":"LOW","Normalized":95} {"Label":"LOW"}"#);
    let provided = json!({ "Severity": { "Label": "CRITICAL", "Original": "9.8" } });
    assert_snapshot!(severity(json!({ "Label": "LOW" }), provided), @r#"{"Label":"CRITICAL","Normalized":90} {"Label":"CRITICAL","Original":"9.8"}"#);
}

#[test]
fn an_equal_or_older_import_changes_nothing() {
    let known = |updated_at: &str| Known {
        updated_at: updated_at.parse().unwrap(),
        record_state: "ACTIVE",
        compliance_status: None,
        workflow_status: "NEW",
    };
    let new = read(&with(json!({}))).unwrap();
    assert_eq!(
        import(Some(known("2026-11-02T00:00:00Z")), &new),
        Import::Ignore
    );
    assert_eq!(
        import(Some(known("2026-11-02T00:00:00.001Z")), &new),
        Import::Ignore
    );
    assert_eq!(
        import(Some(known("2026-11-01T23:59:59.999Z")), &new),
        Import::Store { workflow: None }
    );
    assert_eq!(import(None, &new), Import::Store { workflow: None });
}

#[test]
fn the_workflow_moves_by_itself_as_aws_says() {
    let control = "arn:aws:securityhub:us-east-1::product/aws/securityhub";
    let mut table = String::new();
    for workflow in ["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"] {
        for (was, record_state) in [
            ("PASSED", "ACTIVE"),
            ("FAILED", "ACTIVE"),
            ("FAILED", "ARCHIVED"),
        ] {
            for status in ["PASSED", "FAILED", "WARNING"] {
                let new =
                    with(json!({ "ProductArn": control, "Compliance": { "Status": status } }));
                let known = Known {
                    updated_at: Timestamp::default(),
                    record_state,
                    compliance_status: Some(was),
                    workflow_status: workflow,
                };
                let moved = match import(Some(known), &read(&new).unwrap()) {
                    Import::Store {
                        workflow: Some(moved),
                    } => moved,
                    Import::Store { workflow: None } => "-",
                    Import::Ignore => "ignored",
                };
                table += &format!("{workflow:10} {was}/{record_state:8} -> {status:7} {moved}\n");
            }
        }
    }
    assert_snapshot!(table);
}

#[test]
fn what_operators_own_survives_and_the_rest_is_the_providers() {
    let first = with(
        json!({ "Note": { "Text": "by the provider", "UpdatedBy": "p", "UpdatedAt": "2026-11-02T00:00:00Z" }, "Workflow": { "Status": "NEW" } }),
    );
    let mut overlay = read(&first).unwrap().initial;
    assert!(overlay.get("Note").is_some());
    assert!(overlay.get("Workflow").is_none());

    let patch = Patch {
        workflow_status: Some("SUPPRESSED".into()),
        severity: Some(SeverityPatch {
            label: Some("LOW".into()),
            ..SeverityPatch::default()
        }),
        ..Patch::default()
    };
    patch.check().unwrap();
    overlay.apply(&patch, Timestamp::default());

    let later = with(
        json!({ "Title": "New", "Severity": { "Label": "CRITICAL" }, "Workflow": { "Status": "RESOLVED" }, "Note": { "Text": "ignored", "UpdatedBy": "p", "UpdatedAt": "2026-11-02T00:00:00Z" } }),
    );
    let finding = rendered(&later, &overlay);
    assert_eq!(finding["Title"], "New");
    assert_eq!(finding["Workflow"]["Status"], "SUPPRESSED");
    assert_eq!(finding["Note"]["Text"], "by the provider");
    assert_eq!(
        finding["Severity"],
        json!({ "Label": "LOW", "Normalized": 1 })
    );
    assert_eq!(
        finding["FindingProviderFields"]["Severity"]["Label"],
        "CRITICAL"
    );
}

#[test]
fn a_patch_is_checked_against_the_format() {
    let refusal = |patch: Patch| patch.check().unwrap_err().to_string();
    assert_snapshot!(refusal(Patch::default()), @"the update sets nothing; give at least one field, such as Workflow.Status");
    assert_snapshot!(refusal(Patch { workflow_status: Some("DONE".into()), ..Patch::default() }), @"Finding does not adhere to Amazon Finding Format. data.Workflow.Status should be equal to one of the allowed values.");
    assert_snapshot!(refusal(Patch { confidence: Some(101), ..Patch::default() }), @"Finding does not adhere to Amazon Finding Format. data.Confidence should be <= 100.");
    assert_snapshot!(refusal(Patch { note: Some(("x".repeat(513), "a".into())), ..Patch::default() }), @"Finding does not adhere to Amazon Finding Format. data.Note.Text should NOT be longer than 512 characters.");
}

#[test]
fn changes_name_the_field_and_both_values() {
    let old = with(json!({ "Workflow": { "Status": "NEW" }, "Types": ["a"] }));
    let new = with(
        json!({ "Workflow": { "Status": "RESOLVED" }, "Types": ["a", "b"], "UpdatedAt": "2026-11-09T00:00:00Z", "Confidence": 7 }),
    );
    let told: String = changes(&old, &new)
        .unwrap()
        .into_iter()
        .map(|change| format!("{}: {:?} -> {:?}\n", change.field, change.old, change.new))
        .collect();
    assert_snapshot!(told, @r#"
    Confidence: None -> Some("7")
    Types: Some("[\"a\"]") -> Some("[\"a\",\"b\"]")
    Workflow.Status: Some("\"NEW\"") -> Some("\"RESOLVED\"")
    "#);
}

/// Every real sample that the shared corpus holds, where it is beside the checkout.
#[test]
fn real_findings_come_back_equal() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let mut findings = Vec::new();
    collect(&corpus, &mut findings);
    let mut accepted = 0;
    for finding in &findings {
        let document = serde_json::to_vec(finding).unwrap();
        let Ok(reading) = read(&document) else {
            continue;
        };
        accepted += 1;
        let again = rendered(&document, &reading.initial);
        for (name, value) in finding.as_object().unwrap() {
            let completed =
                ["Severity", "FindingProviderFields", "ProductFields"].contains(&name.as_str());
            if !completed && !value.is_null() && !taken_over(finding, name) {
                assert_eq!(again.get(name), Some(value), "{name}");
            }
        }
    }
    assert!(
        findings.is_empty() || accepted * 10 > findings.len() * 8,
        "{accepted} of {}",
        findings.len()
    );
}

/// The provider fields win over a top-level field that contradicts them.
fn taken_over(finding: &Json, name: &str) -> bool {
    finding["FindingProviderFields"]
        .get(name)
        .is_some_and(|provided| Some(provided) != finding.get(name))
}

fn collect(path: &Path, findings: &mut Vec<Json>) {
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), findings);
        } else if let Ok(text) = std::fs::read(entry.path())
            && let Ok(json) = serde_json::from_slice(&text)
        {
            gather(json, findings);
        }
    }
}

fn gather(json: Json, findings: &mut Vec<Json>) {
    match json {
        Json::Object(members) if members.contains_key("SchemaVersion") => {
            findings.push(Json::Object(members))
        }
        Json::Object(members) => members
            .into_values()
            .for_each(|member| gather(member, findings)),
        Json::Array(items) => items.into_iter().for_each(|item| gather(item, findings)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn severities() -> impl Strategy<Value = Json> {
    let label = prop::sample::select(Severity::ALL.map(Severity::label).to_vec());
    prop_oneof![
        label.clone().prop_map(|label| json!({ "Label": label })),
        (0..=100).prop_map(|number| json!({ "Normalized": number })),
        (label, 0..=100, 0.0..10.0).prop_map(
            |(label, number, product)| json!({ "Label": label, "Normalized": number, "Product": product })
        ),
    ]
}

fn types() -> impl Strategy<Value = Json> {
    prop::collection::vec("(TTPs|Effects)(/[a-z]{1,4}){0,2}", 0..3).prop_map(|types| json!(types))
}

fn related() -> impl Strategy<Value = Json> {
    prop::collection::vec("[a-z]{1,5}", 0..3).prop_map(|ids| {
        ids.into_iter()
            .map(|id| json!({ "Id": id, "ProductArn": "arn:x" }))
            .collect()
    })
}

prop_compose! {
    fn provider_fields()(
        severity in prop::option::of(severities()),
        types in prop::option::of(types()),
        confidence in prop::option::of(0..=100),
        related in prop::option::of(related()),
    ) -> Json {
        let mut fields = Map::new();
        if let Some(label) = severity.as_ref().and_then(|severity| severity.get("Label")) {
            fields.insert("Severity".into(), json!({ "Label": label }));
        }
        types.map(|types| fields.insert("Types".into(), types));
        confidence.map(|number| fields.insert("Confidence".into(), json!(number)));
        related.map(|related| fields.insert("RelatedFindings".into(), related));
        Json::Object(fields)
    }
}

prop_compose! {
    fn documents()(
        severity in severities(),
        types in types(),
        provided in prop::option::of(provider_fields()),
        confidence in prop::option::of(0..=100),
        related in prop::option::of(related()),
        workflow in prop::option::of(prop::sample::select(vec!["NEW", "RESOLVED"])),
        fields in prop::option::of(prop::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..3)),
        archived in prop::option::of(any::<bool>()),
        region in prop::option::of("(us|eu)-west-1"),
        aws in any::<bool>(),
    ) -> Vec<u8> {
        let mut changes = json!({ "Severity": severity, "Types": types });
        let mut set = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                changes[name] = value;
            }
        };
        set("FindingProviderFields", provided);
        set("Confidence", confidence.map(|number| json!(number)));
        set("RelatedFindings", related);
        set("Workflow", workflow.map(|status| json!({ "Status": status })));
        set("UserDefinedFields", fields.map(|fields| json!(fields)));
        set("RecordState", archived.map(|archived| json!(if archived { "ARCHIVED" } else { "ACTIVE" })));
        set("Region", region.map(|region| json!(region)));
        set("ProductArn", aws.then(|| json!("arn:aws:securityhub:eu-west-1::product/aws/guardduty")));
        with(changes)
    }
}

prop_compose! {
    fn patches()(
        note in prop::option::of("[a-z]{1,5}"),
        label in prop::option::of(prop::sample::select(Severity::ALL.map(Severity::label).to_vec())),
        types in prop::option::of(prop::collection::vec("TTPs/[a-z]{1,3}", 0..3)),
        confidence in prop::option::of(0..=100),
        workflow in prop::option::of(prop::sample::select(vec!["NEW", "NOTIFIED", "SUPPRESSED"])),
        verification in prop::option::of(prop::sample::select(vec!["UNKNOWN", "TRUE_POSITIVE"])),
    ) -> Patch {
        Patch {
            note: note.map(|text| (text, "ana".into())),
            severity: label.map(|label| SeverityPatch { label: Some(label.into()), ..SeverityPatch::default() }),
            verification_state: verification.map(str::to_owned),
            confidence,
            types,
            workflow_status: workflow.map(str::to_owned),
            ..Patch::default()
        }
    }
}

proptest! {
    /// What queries see of a finding is what its document says.
    #[test]
    fn row_and_document_agree(document in documents(), patch in patches()) {
        let reading = read(&document).unwrap();
        let mut overlay = reading.initial.clone();
        overlay.apply(&patch, Timestamp::from_seconds(5));
        let rendered = render(&document, &overlay, Timestamp::default()).unwrap();
        let told = fields(&rendered, INDEXED).unwrap();
        let kept = compose(reading.row, &overlay);
        for &field in Field::ALL {
            let values = |row: &Row| row.values(field).map(|value| format!("{value:?}")).collect::<Vec<_>>();
            prop_assert_eq!(values(&kept), values(&told), "{}", field);
        }
    }

    /// A document that readers see can be imported again and means the same.
    #[test]
    fn a_rendered_document_is_a_finding(document in documents()) {
        let first = read(&document).unwrap();
        let seen = render(&document, &first.initial, Timestamp::default()).unwrap();
        let again = read(&seen).unwrap();
        prop_assert_eq!(first.key, again.key);
        prop_assert_eq!(&first.initial, &again.initial);
        prop_assert_eq!(rendered(&seen, &again.initial), rendered(&document, &first.initial));
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        for &field in Field::ALL {
            let _ = row::are_values(field, &bytes);
        }
    }
}

//! What operators want otherwise.

use super::*;

#[tokio::test]
async fn suppressing_what_failed_turns_a_control_passed() {
    let house = House::listed();
    house.bucket("web", false);
    house.evaluate().await;
    assert_eq!(house.status("S3.8").await, ControlStatus::Failed);
    let failed = Filter::field(
        Field::ResourceId,
        Test::Equals("arn:aws:s3:::web".to_owned()),
    );
    let page = house
        .findings
        .list(failed, Vec::new(), None, 100)
        .await
        .unwrap();
    let keys = page.findings.iter().map(|finding| finding.key).collect();
    let patch = Patch {
        workflow_status: Some("SUPPRESSED".to_owned()),
        ..Patch::default()
    };
    house.findings.update(keys, &patch, "ana").await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Passed);
}

#[tokio::test]
async fn what_is_off_is_archived_and_comes_back() {
    let house = House::listed();
    house.evaluate().await;
    let all = Place::Everywhere;
    let room = &house.compliance;
    room.switch_off("S3.8", &all, "the web", "ana")
        .await
        .unwrap();
    house.clock.advance(1_000);
    assert_eq!(house.evaluate().await.archived, 1);
    let shop = "arn:aws:s3:::shop";
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "PASSED", "ARCHIVED", "RESOLVED")]
    );
    assert_eq!(house.status("S3.8").await, ControlStatus::Disabled);
    let twice = room.switch_off("S3.8", &all, "again", "ana").await;
    insta::assert_snapshot!(twice.unwrap_err(), @"S3.8 is off everywhere already: the web");

    room.switch_on("S3.8", &all, "ana").await.unwrap();
    house.clock.advance(1_000);
    house.evaluate().await;
    assert_eq!(
        house.of("S3.8").await,
        [row(shop, "PASSED", "ACTIVE", "RESOLVED")]
    );

    for standard in [CIS, FSBP] {
        room.set_standard(standard, false, "ana").await.unwrap();
    }
    house.clock.advance(1_000);
    house.evaluate().await;
    let active = house.controls_with("PASSED").await;
    assert!(active.is_empty(), "{active:?}");
    let (events, _) = house
        .audit
        .list(&Selection::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<&str> = events
        .iter()
        .map(|(_, event)| event.action.as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "standard.disable",
            "standard.disable",
            "control.enable",
            "control.disable"
        ]
    );
}

#[tokio::test]
async fn a_control_that_is_not_there_is_named_with_the_next_step() {
    let house = House::listed();
    let refused = |id| house.compliance.control(id).err().unwrap().to_string();
    assert_eq!(
        refused("s3.8"),
        "there is no control s3.8; did you mean S3.8?"
    );
    assert_eq!(
        refused("S3.999"),
        "there is no control S3.999; 'muster control list' shows them"
    );
}

#[tokio::test]
async fn parameters_are_checked_and_told_in_findings() {
    let house = House::listed();
    let room = &house.compliance;
    let set = async |control: &str, name: &str, value: &str| {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let done = room.set_parameters(control, &values, "ana").await;
        done.map_err(|error| error.to_string())
    };
    let with = room.catalog().entries().iter().find(|entry| {
        let parameters = &entry.control().parameters;
        parameters.values().any(|parameter| parameter.max.is_some())
    });
    let control = with.unwrap().control();
    let (name, parameter) = control.parameters.iter().next().unwrap();
    let good = parameter.max.unwrap().to_string();
    assert!(
        set("S3.8", "colour", "1")
            .await
            .unwrap_err()
            .contains("has no parameter colour")
    );
    assert!(set(&control.id, name, "\"x\"").await.is_err());
    set(&control.id, name, &good).await.unwrap();
    let choices = room.choices().await.unwrap();
    let values = choices.parameters(with.unwrap());
    assert_eq!(values[name].to_string(), good);
    set(&control.id, name, "").await.unwrap();
    let choices = room.choices().await.unwrap();
    assert_eq!(choices.parameters(with.unwrap()), control.defaults());
}

/// A control that comes with the product, to be tried on all accounts.
pub(super) fn of_catalog(id: &str) -> Attempt {
    let mut files = muster_controls::CATALOG.iter().copied();
    let files = files.find(|files| files.control.contains(&format!("\"{id}\"\n")));
    let files = files.unwrap();
    Attempt {
        control: files.control.to_owned(),
        rule: files.rule.to_owned(),
        cases: files.cases.to_owned(),
        as_of: None,
        accounts: Vec::new(),
    }
}

#[tokio::test]
async fn an_attempt_tells_and_writes_nothing() {
    let house = House::listed();
    house.bucket("web", false);
    let attempt = of_catalog("S3.8");
    let told = house.compliance.attempt(attempt.clone()).await.unwrap();
    assert_eq!((told.tally.passed, told.tally.failed), (1, 1));
    assert_eq!(told.verdicts[0].id, "arn:aws:s3:::web");
    assert_eq!(*house.findings.head().borrow(), 0);

    let wrong = Attempt {
        cases: attempt.cases.replacen("\"FAILED\"", "\"PASSED\"", 1),
        ..attempt
    };
    let error = house.compliance.attempt(wrong).await.unwrap_err();
    assert!(
        error.to_string().contains("BlockPublicAcls is off"),
        "{error}"
    );
}

//! What changes is judged, and days are remembered.

use super::*;

#[tokio::test]
async fn following_judges_what_changed_and_keeps_scores_by_day() {
    let house = House::listed();
    let room = &house.compliance;
    room.catch_up().await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Passed);
    let head = *house.findings.head().borrow();
    room.catch_up().await.unwrap();
    assert_eq!(*house.findings.head().borrow(), head);

    house.clock.advance(2 * HOUR);
    house.bucket("web", false);
    room.catch_up().await.unwrap();
    assert_eq!(house.status("S3.8").await, ControlStatus::Failed);
    house.clock.advance(DAY);
    room.catch_up().await.unwrap();
    for account in [None, Some(account())] {
        let whose = Whose {
            standard: FSBP.to_owned(),
            account,
        };
        let days = room.history(&whose, 30).await.unwrap();
        let dates: Vec<&str> = days.iter().map(|(date, _)| date.as_str()).collect();
        assert_eq!(dates, ["2027-01-15", "2027-01-16"]);
        let now = room.score(whose).await.unwrap();
        assert_eq!(days[1].1, now.totals);
    }
    let accounts = room.account_scores(FSBP).await.unwrap();
    assert_eq!(accounts.len(), 1);

    let other = house.restarted();
    other
        .switch_off("S3.8", &Place::Account(account()), "web", "ana")
        .await
        .unwrap();
    other.catch_up().await.unwrap();
    let active = house.controls_with("FAILED").await;
    assert!(!active.contains("S3.8"), "choices are judged by at once");
}

//! Findings as AWS services and other tools give them: what is mapped passes the format and is the same each time.

use muster_agent::mapping::{Place, Unmappable, guardduty, inspector2, macie2, ocsf};
use muster_common::account::Partition;
use muster_common::finding;
use serde_json::Value;

type Mapping = fn(&Value, &Place) -> Result<Value, Unmappable>;

const MAPPINGS: [Mapping; 4] = [guardduty, inspector2, macie2, ocsf];

/// # Panics
/// A promise is broken.
pub fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let Ok(finding) = serde_json::from_slice::<Value>(rest) else {
        return;
    };
    let place = Place {
        account: "111122223333".parse().expect("it is an account"),
        partition: Partition::Aws,
        region: "eu-central-1".parse().expect("it is a Region"),
    };
    let mapping = MAPPINGS[usize::from(*choice) % MAPPINGS.len()];
    match mapping(&finding, &place) {
        Ok(document) => {
            let text = serde_json::to_vec(&document).expect("it is JSON");
            if let Err(error) = finding::read(&text) {
                panic!("{error}: {document}");
            }
            assert_eq!(mapping(&finding, &place).as_ref(), Ok(&document));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

//! What changed between two versions of a finding.

use serde_json::Value as Json;

/// One field that changed. Values are JSON; `None` where the field was or is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The ASFF path, such as `Workflow.Status`.
    pub field: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// Fields that every import moves; the history leaves them out, as GetFindingHistory does.
const UNTOLD: [&str; 3] = ["CreatedAt", "UpdatedAt", "ProcessedAt"];

/// Compares two rendered documents. Objects are compared member by member, lists as a whole.
///
/// # Errors
/// A document is not JSON.
pub fn changes(old: &[u8], new: &[u8]) -> Result<Vec<Change>, serde_json::Error> {
    let (old, new): (Json, Json) = (serde_json::from_slice(old)?, serde_json::from_slice(new)?);
    let mut changes = Vec::new();
    compare("", Some(&old), Some(&new), &mut changes);
    Ok(changes)
}

fn compare(path: &str, old: Option<&Json>, new: Option<&Json>, changes: &mut Vec<Change>) {
    match (old, new) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let inner = match path {
                    "" if UNTOLD.contains(&name.as_str()) => continue,
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                compare(&inner, old.get(name), new.get(name), changes);
            }
        }
        (old, new) if old == new => {}
        (old, new) => changes.push(Change {
            field: path.to_owned(),
            old: old.map(Json::to_string),
            new: new.map(Json::to_string),
        }),
    }
}

//! What differs between two states of a resource: parts, paths, values. Pure.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// Values deeper than this are compared whole.
const DEPTH_MAX: usize = 32;

/// One place at which two states differ.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// The part of the state, which is what one call of the AWS API answered.
    pub part: String,
    /// Where in the part, such as `Rules[0].Status`; empty for the whole part.
    pub path: String,
    /// `None`: it was not there.
    pub old: Option<Json>,
    /// `None`: it is not there any more.
    pub new: Option<Json>,
}

/// All changes from one state to the next, by part and path.
pub(super) fn between(old: &Json, new: &Json) -> Vec<Change> {
    let none = serde_json::Map::new();
    let (old, new) = (
        old.as_object().unwrap_or(&none),
        new.as_object().unwrap_or(&none),
    );
    let mut changes = Vec::new();
    for (part, old, new) in pairs(old, new) {
        let mut walk = Walk {
            part,
            changes: &mut changes,
        };
        walk.compare(String::new(), old, new, 0);
    }
    changes
}

type Fields = serde_json::Map<String, Json>;

/// Every key of either, with what each has there.
fn pairs<'a>(
    old: &'a Fields,
    new: &'a Fields,
) -> Vec<(&'a str, Option<&'a Json>, Option<&'a Json>)> {
    let mut keys: Vec<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter()
        .map(|key| (key, old.get(key), new.get(key)))
        .collect()
}

struct Walk<'a> {
    part: &'a str,
    changes: &'a mut Vec<Change>,
}

impl Walk<'_> {
    fn compare(&mut self, path: String, old: Option<&Json>, new: Option<&Json>, depth: usize) {
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Json::Object(old)), Some(Json::Object(new)))
                if depth < DEPTH_MAX && !unread(old) && !unread(new) =>
            {
                for (key, old, new) in pairs(old, new) {
                    self.compare(below(&path, key), old, new, depth + 1);
                }
            }
            (Some(Json::Array(old)), Some(Json::Array(new))) if depth < DEPTH_MAX => {
                self.compare_lists(&path, old, new, depth);
            }
            (old, new) => self.changes.push(Change {
                part: self.part.to_owned(),
                path,
                old: old.cloned(),
                new: new.cloned(),
            }),
        }
    }

    /// Items that both have are passed over wherever they stand: AWS gives many lists in no order. One that only changed
    /// within stands at the same place in both.
    fn compare_lists(&mut self, path: &str, old: &[Json], new: &[Json], depth: usize) {
        let (gone, came) = unmatched(old, new);
        if gone.is_empty() && came.is_empty() {
            self.changes.push(Change {
                part: self.part.to_owned(),
                path: format!("{path} (order)"),
                old: Some(Json::Array(old.to_vec())),
                new: Some(Json::Array(new.to_vec())),
            });
            return;
        }
        let same_places = gone == came;
        for &at in &gone {
            let after = new.get(at).filter(|_| same_places);
            self.compare(format!("{path}[{at}]"), old.get(at), after, depth + 1);
        }
        if !same_places {
            for &at in &came {
                self.compare(format!("{path}[{at}]"), None, new.get(at), depth + 1);
            }
        }
    }
}

/// The path of a member; a key that would read like a path is quoted.
fn below(path: &str, key: &str) -> String {
    let odd = key.is_empty() || key.contains(['.', '[', ']', '"', ' ']);
    match path {
        _ if odd => format!("{path}[{}]", Json::from(key)),
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Whether a part says that it could not be read: then it has nothing in common with what it was.
fn unread(part: &Fields) -> bool {
    part.len() == 1 && part.contains_key("Unavailable")
}

/// Places of items that the other list does not have as often.
fn unmatched(old: &[Json], new: &[Json]) -> (Vec<usize>, Vec<usize>) {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    // The last first, so that the first is taken first.
    for (at, item) in old.iter().enumerate().rev() {
        places.entry(item.to_string()).or_default().push(at);
    }
    let mut came = Vec::new();
    for (at, item) in new.iter().enumerate() {
        let found = places.get_mut(&item.to_string()).and_then(Vec::pop);
        if found.is_none() {
            came.push(at);
        }
    }
    let mut gone: Vec<usize> = places.into_values().flatten().collect();
    gone.sort_unstable();
    (gone, came)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(old: &Json, new: &Json) -> String {
        let text = |value: &Option<Json>| {
            value
                .as_ref()
                .map_or_else(|| "-".to_owned(), Json::to_string)
        };
        between(old, new)
            .iter()
            .map(|change| {
                let Change {
                    part,
                    path,
                    old,
                    new,
                } = change;
                format!("{part} | {path} | {} | {}", text(old), text(new))
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn equal_states_differ_in_nothing() {
        let state = json!({ "Policy": { "Statement": [1, 2, { "a": null }] }, "Acl": null });
        assert_eq!(said(&state, &state), "");
        assert_eq!(said(&Json::Null, &Json::Null), "");
    }

    #[test]
    fn fields_are_told_by_part_and_path() {
        let old = json!({
            "PublicAccessBlock": { "BlockPublicAcls": true, "Deep": { "A": 1 } },
            "Policy": null,
            "Logging": { "TargetBucket": "logs" },
        });
        let new = json!({
            "PublicAccessBlock": { "BlockPublicAcls": false, "Deep": { "A": 1, "B": "x" } },
            "Policy": { "Version": "2012-10-17" },
        });
        insta::assert_snapshot!(said(&old, &new), @r#"
        Logging |  | {"TargetBucket":"logs"} | -
        Policy |  | null | {"Version":"2012-10-17"}
        PublicAccessBlock | BlockPublicAcls | true | false
        PublicAccessBlock | Deep.B | - | "x"
        "#);
    }

    #[test]
    fn keys_that_would_read_like_paths_are_quoted() {
        let state = |value: i32| json!({ "Tags": { "a.b": value, "c": { "": value } } });
        assert_eq!(
            said(&state(1), &state(2)),
            "Tags | [\"a.b\"] | 1 | 2\nTags | c[\"\"] | 1 | 2"
        );
    }

    #[test]
    fn a_part_that_could_not_be_read_is_told_whole() {
        let read = json!({ "Policy": { "Statement": [1] } });
        let unread = json!({ "Policy": { "Unavailable": { "Code": "AccessDenied" } } });
        assert_eq!(
            said(&read, &unread),
            r#"Policy |  | {"Statement":[1]} | {"Unavailable":{"Code":"AccessDenied"}}"#
        );
        assert_eq!(between(&unread, &read).len(), 1);
    }

    #[test]
    fn lists_are_compared_by_what_they_hold() {
        let rules = |items: Json| json!({ "Rules": { "List": items } });
        let of = |old: Json, new: Json| said(&rules(old), &rules(new));
        // One was put in front: the others only moved.
        assert_eq!(
            of(json!([1, 2]), json!([0, 1, 2])),
            "Rules | List[0] | - | 0"
        );
        assert_eq!(
            of(json!([0, 1, 2]), json!([1, 2])),
            "Rules | List[0] | 0 | -"
        );
        assert_eq!(
            of(
                json!([{ "Port": 22, "From": "a" }]),
                json!([{ "Port": 443, "From": "a" }])
            ),
            "Rules | List[0].Port | 22 | 443"
        );
        assert_eq!(
            of(json!([1, 2]), json!([2, 1])),
            "Rules | List (order) | [1,2] | [2,1]"
        );
        // As often as it stands there.
        assert_eq!(of(json!([1, 1]), json!([1])), "Rules | List[1] | 1 | -");
        assert_eq!(
            of(json!([1, 2]), json!([3])),
            "Rules | List[0] | 1 | -\nRules | List[1] | 2 | -\nRules | List[0] | - | 3"
        );
    }

    #[test]
    fn deep_states_end() {
        let deep = |leaf: Json| {
            let nested = (0..100).fold(leaf, |inner, _| json!({ "a": inner }));
            json!({ "Part": nested })
        };
        assert_eq!(between(&deep(json!(1)), &deep(json!(2))).len(), 1);
    }
}

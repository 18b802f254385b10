//! Reads native findings: JSON whose members may be absent, null or of another type than documented.
//!
//! What is optional and of another type counts as absent; what a document cannot do without is an error that names it.

use muster_common::account::{AccountId, Partition, Region};
use muster_common::timestamp::Timestamp;
use serde_json::{Map, Number, Value};

use super::text::cut;
use super::{Place, Unmappable};

/// A place in a native finding, which may be empty. Paths are names of members, `a/b/c`; the empty path is the place
/// itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Native<'a>(Option<&'a Value>);

impl<'a> Native<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self(Some(value).filter(|value| !value.is_null()))
    }

    pub(super) fn at(self, path: &str) -> Self {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.fold(self, |place, name| {
            Self(
                place
                    .0
                    .and_then(|value| value.get(name))
                    .filter(|value| !value.is_null()),
            )
        })
    }

    pub(super) fn value(self) -> Option<&'a Value> {
        self.0
    }

    pub(super) fn exists(self) -> bool {
        self.0.is_some()
    }

    /// Text with a visible character.
    pub(super) fn text(self, path: &str) -> Option<&'a str> {
        self.at(path)
            .0?
            .as_str()
            .filter(|text| !text.trim().is_empty())
    }

    pub(super) fn flag(self, path: &str) -> Option<bool> {
        self.at(path).0?.as_bool()
    }

    pub(super) fn number(self, path: &str) -> Option<&'a Number> {
        self.at(path).0?.as_number()
    }

    /// A whole number, also where it stands as text, as the numbers of autonomous systems do.
    pub(super) fn whole(self, path: &str) -> Option<i64> {
        let value = self.at(path).0?;
        value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    pub(super) fn moment(self, path: &str) -> Option<Timestamp> {
        moment(self.at(path).0?)
    }

    /// The items of the list that stands here.
    pub(super) fn list(self) -> impl Iterator<Item = Native<'a>> + use<'a> {
        let items = self.0.and_then(Value::as_array);
        items.into_iter().flatten().map(Native::new)
    }

    pub(super) fn items(self, path: &str) -> impl Iterator<Item = Native<'a>> + use<'a> {
        self.at(path).list()
    }

    /// The items that are text with a visible character.
    pub(super) fn texts(self, path: &str) -> Vec<&'a str> {
        self.items(path).filter_map(|item| item.text("")).collect()
    }

    /// The members of an object that are not null.
    pub(super) fn members(self) -> impl Iterator<Item = (&'a String, Native<'a>)> + use<'a> {
        let members = self.0.and_then(Value::as_object).map(Map::iter);
        members
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, Native::new(value)))
    }

    /// # Errors
    /// There is no text, or nothing visible in it.
    pub(super) fn need_text(self, path: &'static str) -> Result<&'a str, Unmappable> {
        match self.at(path).0 {
            None => Err(Unmappable::Missing(path)),
            Some(Value::String(text)) if text.trim().is_empty() => Err(Unmappable::Missing(path)),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong(path, other, "no text")),
        }
    }

    /// # Errors
    /// There is no number.
    pub(super) fn need_number(self, path: &'static str) -> Result<f64, Unmappable> {
        let value = self.at(path).0.ok_or(Unmappable::Missing(path))?;
        value
            .as_f64()
            .ok_or_else(|| wrong(path, value, "no number"))
    }

    /// # Errors
    /// There is no time.
    pub(super) fn need_moment(self, path: &'static str) -> Result<Timestamp, Unmappable> {
        let value = self.at(path).0.ok_or(Unmappable::Missing(path))?;
        moment(value).ok_or_else(|| wrong(path, value, "no time"))
    }

    /// # Errors
    /// There is no account.
    pub(super) fn need_account(self, path: &'static str) -> Result<AccountId, Unmappable> {
        (self.need_text(path)?.parse()).map_err(|error| invalid(path, &error))
    }

    /// # Errors
    /// There is no Region.
    pub(super) fn need_region(self, path: &'static str) -> Result<Region, Unmappable> {
        (self.need_text(path)?.parse()).map_err(|error| invalid(path, &error))
    }

    /// Account and Region as the finding says at these paths; `fallback` gives the partition if the finding has none.
    ///
    /// # Errors
    /// Account or Region are missing, or one of the three is none.
    pub(super) fn need_place(
        self,
        [account, region, partition]: [&'static str; 3],
        fallback: &Place,
    ) -> Result<Place, Unmappable> {
        let own_partition = match self.text(partition) {
            Some(text) => text.parse().map_err(|error| invalid(partition, &error))?,
            None => fallback.partition,
        };
        Ok(Place {
            account: self.need_account(account)?,
            partition: own_partition,
            region: self.need_region(region)?,
        })
    }
}

/// Account, Region and partition that an ARN names.
///
/// # Errors
/// It is none, or names no such account.
pub(super) fn place_of_arn(field: &'static str, arn: &str) -> Result<Place, Unmappable> {
    if !arn.starts_with("arn:") {
        return Err(Unmappable::Wrong {
            field,
            what: format!("`{}` is no ARN", cut(arn, 64)),
        });
    }
    let mut parts = arn.splitn(6, ':').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    let (partition, _service, region, account) = (part(), part(), part(), part());
    let partition: Partition = partition.parse().map_err(|error| invalid(field, &error))?;
    Ok(Place {
        account: account.parse().map_err(|error| invalid(field, &error))?,
        partition,
        region: region.parse().map_err(|error| invalid(field, &error))?,
    })
}

/// A time as services write it: RFC 3339; the same with a blank for the T or without a zone, which then is UTC; seconds
/// or milliseconds since 1970, as a number or as text.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    const YEARS_1_TO_9999: std::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;
    let time = match value {
        Value::Number(number) => since_1970(number.as_f64()?),
        Value::String(text) => written(text)?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    YEARS_1_TO_9999.contains(&time.as_millis()).then_some(time)
}

/// Milliseconds are told from seconds by their size: as seconds they would lie beyond the year 5000.
fn since_1970(number: f64) -> Timestamp {
    let millis = if number.abs() < 1e11 {
        number * 1e3
    } else {
        number
    };
    Timestamp::from_millis(millis.round() as i64)
}

fn written(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(since_1970))
        .or_else(|| text.replacen(' ', "T", 1).parse().ok())
        .or_else(|| format!("{text}Z").parse().ok())
}

pub(super) fn invalid(field: &'static str, error: &impl ToString) -> Unmappable {
    Unmappable::Wrong {
        field,
        what: error.to_string(),
    }
}

fn wrong(field: &'static str, value: &Value, what: &str) -> Unmappable {
    let shown: String = value.to_string().chars().take(64).collect();
    Unmappable::Wrong {
        field,
        what: format!("`{shown}` is {what}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_read_as_services_write_them() {
        for (native, same) in [
            (json!("2026-11-01T08:00:00Z"), "2026-11-01T08:00:00.000Z"),
            (
                json!("2026-11-01 10:00:00.742000+02:00"),
                "2026-11-01T08:00:00.742Z",
            ),
            (
                json!("2026-11-01T08:00:00.913874"),
                "2026-11-01T08:00:00.913Z",
            ),
            (json!(1_793_520_000), "2026-11-01T08:00:00.000Z"),
            (json!(1_793_520_000.25), "2026-11-01T08:00:00.250Z"),
            (json!(1_793_520_000_250_u64), "2026-11-01T08:00:00.250Z"),
            (json!("1793520000"), "2026-11-01T08:00:00.000Z"),
        ] {
            assert_eq!(moment(&native).unwrap().to_string(), same, "{native}");
        }
        for other in [
            json!("yesterday"),
            json!(""),
            json!("inf"),
            json!(1e300),
            json!(true),
            json!([]),
        ] {
            assert_eq!(moment(&other), None, "{other}");
        }
    }

    #[test]
    fn an_error_names_what_is_missing_or_wrong() {
        let finding = json!({ "id": " ", "account": 111_122_223_333_u64, "region": null });
        let finding = Native::new(&finding);
        let error = |result: Result<&str, Unmappable>| result.unwrap_err().to_string();
        assert_eq!(error(finding.need_text("id")), "the finding has no id");
        assert_eq!(
            error(finding.need_text("region")),
            "the finding has no region"
        );
        assert_eq!(
            error(finding.need_text("account")),
            "account: `111122223333` is no text"
        );
        assert_eq!(
            place_of_arn("arn", "i-0123").unwrap_err().to_string(),
            "arn: `i-0123` is no ARN"
        );
    }
}

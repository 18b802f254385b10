//! What is not known of an account: places where a type was not listed to its end, or too long ago. Pure.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::timestamp::Timestamp;
use muster_controls::{ACCOUNT, Control, Scope, Verdict};

use super::GLOBAL;
use crate::inventory::{Coverage, Listing};

/// The place of a gap in all of an account.
const NOWHERE: &str = "";

/// What was read of an account, by type and place.
#[derive(Debug, Default)]
pub(super) struct Ground {
    kinds: BTreeMap<String, BTreeMap<String, Coverage>>,
    regions: BTreeSet<String>,
}

/// A place where a type is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    kind: String,
    place: String,
    code: String,
    detail: String,
    /// What was seen there before does not count any more either.
    lapsed: bool,
}

/// What a control would have to know of an account, and where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gaps {
    scope: Option<Scope>,
    /// Of what it judges.
    own: Vec<Gap>,
    /// Of what its rule looks at in all Regions.
    everywhere: Vec<Gap>,
    /// Of what its rule looks at in the Region of the judged resource.
    here: Vec<Gap>,
    /// A type that its rule looks at there and that is listed by Region, and the Regions that anything is read in.
    only_in: Option<(String, BTreeSet<String>)>,
}

impl Ground {
    pub(super) fn new(coverage: Vec<Coverage>) -> Self {
        let mut ground = Self::default();
        for row in coverage {
            if row.place != GLOBAL {
                ground.regions.insert(row.place.clone());
            }
            let places = ground.kinds.entry(row.kind.clone()).or_default();
            places.insert(row.place.clone(), row);
        }
        ground
    }

    /// The Regions that anything was read in.
    pub(super) fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(String::as_str)
    }

    /// Where a resource was listed.
    pub(super) fn place<'a>(&self, kind: &str, region: &'a str) -> &'a str {
        if kind != ACCOUNT && self.is_global(kind) {
            GLOBAL
        } else {
            region
        }
    }

    /// Where a type is not known; empty if all of it is. The account has a state of its own in each place; `scope` says
    /// which of them matter, and without one all do.
    fn gaps(&self, kind: &str, scope: Option<Scope>, now: Timestamp) -> Vec<Gap> {
        let rows = self.kinds.get(kind);
        let places = self.places(kind, scope);
        if places.is_empty() {
            return vec![unread(kind, None)];
        }
        let gaps = places.into_iter().filter_map(|place| {
            let row = rows.and_then(|rows| rows.get(place));
            match row {
                None => Some(unread(kind, Some(place))),
                Some(row) => gap(row, now),
            }
        });
        gaps.collect()
    }

    /// Where a type has to be read: once if it is listed for all Regions at once, else in every Region.
    fn places(&self, kind: &str, scope: Option<Scope>) -> BTreeSet<&str> {
        let regions = || self.regions.iter().map(String::as_str);
        match (kind == ACCOUNT, scope) {
            (true, Some(Scope::Global)) => BTreeSet::from([GLOBAL]),
            (true, Some(Scope::Regional)) => regions().collect(),
            (true, None) => regions().chain([GLOBAL]).collect(),
            (false, _) if self.is_global(kind) => BTreeSet::from([GLOBAL]),
            (false, _) => regions().collect(),
        }
    }

    fn is_global(&self, kind: &str) -> bool {
        self.kinds
            .get(kind)
            .is_some_and(|places| places.contains_key(GLOBAL))
    }
}

impl Gaps {
    /// Of the account, rules look at the state that has no Region.
    pub(super) fn of(control: &Control, ground: &Ground, now: Timestamp) -> Self {
        let gaps = |kind: &String| {
            let scope = (kind == ACCOUNT).then_some(Scope::Global);
            ground.gaps(kind, scope, now)
        };
        let mut regional = control.reads_here.iter();
        let regional = regional.find(|kind| *kind != ACCOUNT && !ground.is_global(kind));
        let own = control.resource_types.iter();
        let own = own.flat_map(|kind| ground.gaps(kind, control.scope, now));
        Self {
            scope: control.scope,
            own: own.collect(),
            everywhere: control.reads.iter().flat_map(gaps).collect(),
            here: control.reads_here.iter().flat_map(gaps).collect(),
            only_in: regional.map(|kind| (kind.clone(), ground.regions.clone())),
        }
    }

    /// Of a time long ago: types of which nothing is kept, so that nobody can tell whether there was something.
    pub(super) fn unkept<'a>(kinds: impl Iterator<Item = &'a str>, at: Timestamp) -> Self {
        let gaps = kinds.map(|kind| Gap {
            detail: format!("nothing is kept of {kind} at {at}"),
            ..unread(kind, None)
        });
        Self {
            everywhere: gaps.collect(),
            ..Self::default()
        }
    }

    /// What is left to say of a resource in place of a rule: it was not read where it is.
    pub(super) fn instead(&self, kind: &str, place: &str) -> Option<Verdict> {
        // One listing that broke off must not turn a thousand findings; of the account there is one.
        let counts =
            |gap: &&Gap| gap.kind == kind && gap.place == place && (gap.lapsed || kind == ACCOUNT);
        self.own.iter().find(counts).map(Gap::verdict)
    }

    /// What is left to say of a resource in a Region after its rule: that did not see all that it looks at.
    pub(super) fn after(&self, region: &str) -> Option<Verdict> {
        let here = self.here.iter().filter(|gap| gap.concerns(region));
        let foreign = self
            .only_in
            .as_ref()
            .filter(|(_, regions)| region != GLOBAL && !regions.contains(region));
        let foreign = foreign.map(|(kind, _)| unread(kind, Some(region)));
        verdict(self.everywhere.iter().chain(here).chain(&foreign))
    }

    /// What is not known of the account as a whole, by place. Of what is looked at in one Region, the resources there say it.
    pub(super) fn of_account(&self) -> Vec<(&str, Verdict)> {
        let Self {
            scope,
            own,
            everywhere,
            here: _,
            only_in: _,
        } = self;
        let (regional, others): (Vec<&Gap>, Vec<&Gap>) = own
            .iter()
            .partition(|gap| *scope == Some(Scope::Regional) && gap.place != NOWHERE);
        let regional = regional.into_iter();
        let mut told: Vec<(&str, Verdict)> = regional
            .map(|gap| (gap.place.as_str(), gap.verdict()))
            .collect();
        let whole = verdict(others.into_iter().chain(everywhere));
        told.extend(whole.map(|whole| (GLOBAL, whole)));
        told
    }
}

impl Gap {
    /// Whether a rule in a Region may have missed something by it.
    fn concerns(&self, region: &str) -> bool {
        [region, GLOBAL, NOWHERE].contains(&self.place.as_str())
    }

    fn verdict(&self) -> Verdict {
        Verdict::unknown(&self.code, self.detail.clone())
    }
}

/// One verdict for several gaps: the first one's, and how many more there are.
fn verdict<'a>(mut gaps: impl Iterator<Item = &'a Gap>) -> Option<Verdict> {
    let first = gaps.next()?;
    let others: Vec<&Gap> = gaps.collect();
    let more = match others.as_slice() {
        [] => String::new(),
        [other] => format!("; and in {}", other.place),
        [other, rest @ ..] => format!("; and in {} and {} more", other.place, rest.len()),
    };
    let detail = format!("{}{more}", first.detail);
    Some(Verdict::unknown(&first.code, detail))
}

fn unread(kind: &str, place: Option<&str>) -> Gap {
    let at = place.map_or_else(String::new, |place| format!(" in {place}"));
    Gap {
        kind: kind.to_owned(),
        place: place.unwrap_or(NOWHERE).to_owned(),
        code: "NOT_COLLECTED".to_owned(),
        detail: format!("nobody has read {kind}{at} yet"),
        lapsed: true,
    }
}

fn gap(row: &Coverage, now: Timestamp) -> Option<Gap> {
    let Coverage {
        kind,
        place,
        listing,
        account: _,
    } = row;
    let Listing {
        complete_at,
        trouble,
        epoch: _,
        count: _,
        tried_at: _,
    } = listing;
    let lapsed = listing.is_lapsed(now);
    if let Some(trouble) = trouble {
        let message = match trouble.message.as_str() {
            "" => String::new(),
            message => format!(": {message}"),
        };
        let (call, code) = (&trouble.call, &trouble.code);
        return Some(Gap {
            kind: kind.clone(),
            place: place.clone(),
            code: code.clone(),
            detail: format!("{call} in {place} answered {code}{message}"),
            lapsed,
        });
    }
    match complete_at {
        None => Some(unread(kind, Some(place))),
        Some(complete_at) if lapsed => Some(Gap {
            kind: kind.clone(),
            place: place.clone(),
            code: "STALE".to_owned(),
            detail: format!("{kind} in {place} was last read at {complete_at}"),
            lapsed,
        }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use muster_common::timestamp::HOUR;

    use super::super::Trouble;
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn row(kind: &str, place: &str, hours: Option<i64>) -> Coverage {
        Coverage {
            account: "111122223333".parse().unwrap(),
            kind: kind.to_owned(),
            place: place.to_owned(),
            listing: Listing {
                complete_at: hours.map(|hours| NOW.plus(-hours * HOUR)),
                tried_at: NOW,
                ..Listing::default()
            },
        }
    }

    fn denied(mut row: Coverage) -> Coverage {
        row.listing.trouble = Some(Trouble {
            code: "AccessDenied".to_owned(),
            call: "ec2:DescribeVolumes".to_owned(),
            message: String::new(),
        });
        row
    }

    fn told(coverage: Vec<Coverage>, kind: &str, scope: Option<Scope>) -> Vec<String> {
        let gaps = Ground::new(coverage).gaps(kind, scope, NOW);
        gaps.into_iter().map(|gap| gap.detail).collect()
    }

    #[test]
    fn a_regional_type_is_known_if_it_was_read_in_every_region() {
        let (one, two) = ("eu-west-1", "us-east-1");
        let of = |coverage| told(coverage, "AWS::EC2::Volume", None);
        let whole = |place| row("AWS::EC2::Volume", place, Some(1));
        assert_eq!(of(vec![whole(one), whole(two)]), [""; 0]);
        let other = row("AWS::EC2::VPC", two, Some(1));
        assert_eq!(
            of(vec![whole(one), other]),
            ["nobody has read AWS::EC2::Volume in us-east-1 yet"]
        );
        assert_eq!(
            of(vec![whole(one), denied(whole(two))]),
            ["ec2:DescribeVolumes in us-east-1 answered AccessDenied"]
        );
        assert_eq!(
            of(vec![row("AWS::EC2::Volume", one, Some(49))]),
            ["AWS::EC2::Volume in eu-west-1 was last read at 2027-01-13T07:00:00.000Z"]
        );
        assert_eq!(
            of(vec![]),
            ["nobody has read AWS::EC2::Volume yet"],
            "nothing passes from nothing"
        );
    }

    #[test]
    fn what_lies_where_nothing_is_read_is_not_judged_by_what_is_there() {
        let gaps = Gaps {
            only_in: Some((
                "AWS::SNS::Topic".to_owned(),
                BTreeSet::from(["eu-west-1".to_owned()]),
            )),
            ..Gaps::default()
        };
        let told = |region| gaps.after(region).and_then(|verdict| verdict.detail);
        assert_eq!(told("eu-west-1"), None);
        assert_eq!(told(GLOBAL), None);
        assert_eq!(
            told("ap-south-1").unwrap(),
            "nobody has read AWS::SNS::Topic in ap-south-1 yet"
        );
    }

    #[test]
    fn a_global_type_is_read_once_and_an_account_in_every_place() {
        let coverage = || {
            vec![
                row("AWS::S3::Bucket", GLOBAL, Some(1)),
                row(ACCOUNT, GLOBAL, Some(1)),
                row(ACCOUNT, "eu-west-1", None),
            ]
        };
        assert_eq!(told(coverage(), "AWS::S3::Bucket", None), [""; 0]);
        assert_eq!(told(coverage(), ACCOUNT, Some(Scope::Global)), [""; 0]);
        let unread = ["nobody has read AWS::::Account in eu-west-1 yet"];
        assert_eq!(told(coverage(), ACCOUNT, Some(Scope::Regional)), unread);
        assert_eq!(told(coverage(), ACCOUNT, None), unread);
    }
}

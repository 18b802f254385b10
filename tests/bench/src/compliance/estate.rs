//! What an account of the benchmark has: two thousand resources, with states from the cases of the catalog's controls.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use muster_common::account::AccountId;
use serde_json::{Map, Value as Json, json};

/// Types, where they are listed, and how many there are.
pub(super) const TYPES: &[(&str, &str, usize)] = &[
    ("AWS::::Account", GLOBAL, 1),
    ("AWS::IAM::User", GLOBAL, 60),
    ("AWS::IAM::Group", GLOBAL, 10),
    ("AWS::IAM::Role", GLOBAL, 200),
    ("AWS::IAM::Policy", GLOBAL, 60),
    ("AWS::IAM::ServerCertificate", GLOBAL, 2),
    ("AWS::S3::Bucket", GLOBAL, 120),
    ("AWS::CloudTrail::Trail", REGION, 1),
    ("AWS::AccessAnalyzer::Analyzer", REGION, 1),
    ("AWS::KMS::Key", REGION, 40),
    ("AWS::Logs::LogGroup", REGION, 60),
    ("AWS::Logs::MetricFilter", REGION, 15),
    ("AWS::CloudWatch::Alarm", REGION, 15),
    ("AWS::SNS::Topic", REGION, 15),
    ("AWS::EC2::VPC", REGION, 6),
    ("AWS::EC2::Subnet", REGION, 60),
    ("AWS::EC2::SecurityGroup", REGION, 200),
    ("AWS::EC2::NetworkAcl", REGION, 6),
    ("AWS::EC2::FlowLog", REGION, 6),
    ("AWS::EC2::Volume", REGION, 300),
    ("AWS::EC2::Instance", REGION, 300),
    ("AWS::EC2::Snapshot", REGION, 180),
    ("AWS::EC2::Address", REGION, 20),
    ("AWS::EC2::NetworkInterface", REGION, 300),
    ("AWS::RDS::DBInstance", REGION, 10),
    ("AWS::RDS::DBCluster", REGION, 2),
    ("AWS::RDS::DBSnapshot", REGION, 6),
    ("AWS::RDS::DBClusterSnapshot", REGION, 2),
    ("AWS::EFS::FileSystem", REGION, 2),
];
const GLOBAL: &str = "aws-global";
const REGION: &str = "eu-west-1";
/// Tags of each resource, which make it as large as a real one.
const TAGS: usize = 8;

/// By type and part: what parts look like in the cases.
pub(super) struct Estate(BTreeMap<String, BTreeMap<String, Vec<Json>>>);

impl Estate {
    /// Reads the catalog of the checkout.
    pub(super) fn read() -> anyhow::Result<Self> {
        let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../common/controls/catalog");
        let mut parts: BTreeMap<String, BTreeMap<String, Vec<Json>>> = BTreeMap::new();
        let mut folders = std::fs::read_dir(&catalog)?.collect::<Result<Vec<_>, _>>()?;
        folders.sort_by_key(std::fs::DirEntry::path);
        for folder in folders {
            let text = std::fs::read_to_string(folder.path().join("control.toml"))?;
            let kind = text
                .lines()
                .find_map(|line| {
                    let types = line.strip_prefix("resource_type")?;
                    // The first one: a case about another one says so.
                    types.split('"').nth(1)
                })
                .context("a control without a resource type")?;
            let cases: Json =
                serde_json::from_slice(&std::fs::read(folder.path().join("cases.json"))?)?;
            for case in cases.as_array().into_iter().flatten() {
                collect(&mut parts, kind, &case["resource"]);
                for (kind, resources) in case["account"].as_object().into_iter().flatten() {
                    let resources = resources.as_array().into_iter().flatten();
                    resources.for_each(|resource| collect(&mut parts, kind, resource));
                }
            }
        }
        Ok(Self(parts))
    }

    /// The documents of one type.
    pub(super) fn documents(
        &self,
        account: AccountId,
        kind: &str,
        place: &str,
        count: usize,
    ) -> Vec<Bytes> {
        (0..count)
            .map(|number| {
                let document = json!({
                    "id": id(account, kind, place, number),
                    "region": place,
                    "state": self.state(kind, number),
                    "type": kind,
                });
                Bytes::from(document.to_string())
            })
            .collect()
    }

    fn state(&self, kind: &str, number: usize) -> Map<String, Json> {
        let mut state = Map::new();
        for (part, samples) in self.0.get(kind).into_iter().flatten() {
            state.insert(part.clone(), merged(samples, number));
        }
        let tags: Vec<Json> = (0..TAGS)
            .map(|tag| json!({"Key": format!("team/{tag}"), "Value": format!("owner-{}", (number * 7 + tag) % 40)}))
            .collect();
        state.insert("Tags".to_owned(), Json::from(tags));
        state
    }
}

/// Adds what a resource of a case has and could be read.
fn collect(parts: &mut BTreeMap<String, BTreeMap<String, Vec<Json>>>, kind: &str, resource: &Json) {
    let kind = resource["type"].as_str().unwrap_or(kind);
    for (part, value) in resource["state"].as_object().into_iter().flatten() {
        if value.get("Unavailable").is_none() {
            let of_kind = parts.entry(kind.to_owned()).or_default();
            of_kind.entry(part.clone()).or_default().push(value.clone());
        }
    }
}

/// One part: objects get every member that any of them has, each from another one.
fn merged(samples: &[Json], number: usize) -> Json {
    let objects: Vec<&Map<String, Json>> = samples.iter().filter_map(Json::as_object).collect();
    if objects.is_empty() {
        return samples[number % samples.len()].clone();
    }
    let mut members: BTreeMap<&String, Vec<&Json>> = BTreeMap::new();
    for (name, value) in objects.iter().copied().flatten() {
        members.entry(name).or_default().push(value);
    }
    let chosen = members.into_iter().enumerate().map(|(at, (name, values))| {
        let value = values[(number + at) % values.len()];
        (name.clone(), value.clone())
    });
    Json::Object(chosen.collect())
}

fn id(account: AccountId, kind: &str, place: &str, number: usize) -> String {
    if kind == "AWS::::Account" {
        return format!("AWS::::Account:{account}");
    }
    let mut parts = kind.split("::").skip(1).map(str::to_lowercase);
    let service = parts.next().unwrap_or_default();
    let name = parts.next().unwrap_or_default();
    let region = if place == GLOBAL { "" } else { place };
    format!("arn:aws:{service}:{region}:{account}:{name}/benchmark-{number:05}")
}

//! The room on a real store, with a state that the tests make up.

mod findings;
mod follow;
mod several;
mod unknowns;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use muster_common::account::AccountId;
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_common::finding::{FindingKey, Patch};
use muster_common::timestamp::{DAY, HOUR, Timestamp};
use muster_mtls::Connections;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::*;
use crate::audit::{Audit, Selection};
use crate::ingest::{self, Rate};
use crate::inventory::{Coverage, Held, Listing, Presence};
use crate::membership::{self, Membership};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const REGION: &str = "eu-west-1";
const FSBP: &str = "aws-foundational-security-best-practices/v/1.0.0";
const CIS: &str = "cis-aws-foundations-benchmark/v/3.0.0";

/// Parts of a finding that are long, or told elsewhere.
const UNSHOWN: [&str; 5] = [
    "Description",
    "ProcessedAt",
    "ProductFields",
    "Remediation",
    "Types",
];

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

/// A state that the tests make up.
#[derive(Default)]
struct World(Mutex<Known>, watch::Sender<u64>);

#[derive(Default)]
struct Known {
    resources: BTreeMap<(String, String), Json>,
    coverage: BTreeMap<(String, String), Coverage>,
    changes: Vec<(u64, String)>,
}

impl World {
    fn put(&self, kind: &str, id: &str, region: &str, state: Json) {
        let document = json!({"type": kind, "id": id, "region": region, "state": state});
        let key = (kind.to_owned(), id.to_owned() + region);
        self.0.lock().resources.insert(key, document);
        self.changed(kind);
    }

    fn remove(&self, kind: &str, id: &str, region: &str) {
        let key = (kind.to_owned(), id.to_owned() + region);
        self.0.lock().resources.remove(&key);
        self.changed(kind);
    }

    fn listed(&self, kind: &str, place: &str, at: Timestamp, trouble: Option<Trouble>) {
        let mut known = self.0.lock();
        let key = (kind.to_owned(), place.to_owned());
        let before = known.coverage.get(&key);
        let before = before.and_then(|row| row.listing.complete_at);
        let row = Coverage {
            account: account(),
            kind: kind.to_owned(),
            place: place.to_owned(),
            listing: Listing {
                complete_at: if trouble.is_some() { before } else { Some(at) },
                tried_at: at,
                trouble,
                ..Listing::default()
            },
        };
        known.coverage.insert(key, row);
        drop(known);
        self.changed(kind);
    }

    fn deny(&self, kind: &str, place: &str, call: &str) {
        let trouble = Trouble {
            code: "AccessDenied".to_owned(),
            call: call.to_owned(),
            message: "no".to_owned(),
        };
        self.listed(kind, place, NOW, Some(trouble));
    }

    fn changed(&self, kind: &str) {
        let next = *self.1.borrow() + 1;
        self.0.lock().changes.push((next, kind.to_owned()));
        self.1.send_replace(next);
    }
}

impl State for World {
    fn accounts(&self) -> BoxFuture<'_, Result<Vec<AccountId>, Error>> {
        Box::pin(async { Ok(vec![account()]) })
    }

    fn resources(
        &self,
        account: AccountId,
        kinds: Vec<String>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<Vec<Held>, Error>> {
        let known = self.0.lock();
        let of = |kind: &String| kinds.contains(kind);
        let held = known.resources.iter().filter(|((kind, _), _)| of(kind));
        let held = held.map(|((kind, id), document)| {
            let text = |name: &str| document[name].as_str().unwrap().to_owned();
            Held {
                key: FindingKey::new(account, "", kind, id),
                account,
                kind: kind.clone(),
                region: text("region"),
                id: text("id"),
                document: Bytes::from(document.to_string()),
                observed_at: NOW,
                presence: Presence::Present,
            }
        });
        let held = Ok(held.collect());
        Box::pin(async { held })
    }

    fn coverage(&self, _: AccountId) -> BoxFuture<'_, Result<Vec<Coverage>, Error>> {
        let rows = Ok(self.0.lock().coverage.values().cloned().collect());
        Box::pin(async { rows })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Changes, Error>> {
        let known = self.0.lock();
        let next: Vec<(u64, String)> = known
            .changes
            .iter()
            .filter(|(at, _)| *at > after)
            .take(limit)
            .cloned()
            .collect();
        let reached = next.last().map_or(after, |(at, _)| *at);
        let told = next.into_iter().map(|(_, kind)| (account(), kind));
        let told = Ok((told.collect(), reached));
        Box::pin(async { told })
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.1.subscribe()
    }
}

/// Everything to the left of the room.
struct House {
    compliance: Compliance,
    findings: Findings,
    audit: Audit,
    world: Arc<World>,
    clock: Clock,
    records: Records,
    ingest: Ingest,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = muster_store::Config {
            path: folder.path().to_owned(),
            cache_bytes: 1 << 20,
        };
        let store = Arc::new(muster_store::Embedded::open(&config).unwrap());
        let records = Records::new(store.clone());
        let clock = Clock::standing_at(NOW);
        let findings = Findings::new(store.clone(), store, clock.clone());
        let audit = Audit::new(records.clone());
        let membership = Membership::new(
            records.clone(),
            Connections::default(),
            clock.clone(),
            membership::Config {
                role_name: "MusterAgent".to_owned(),
                admin_account: Some(account()),
                invitation_hours: 24,
            },
        );
        let ingest = Ingest::new(ingest::Deps {
            findings: findings.clone(),
            membership,
            audit: audit.clone(),
            rate: Rate::new(0),
            clock: clock.clone(),
            admin_account: Some(account()),
        });
        let world = Arc::new(World::default());
        let deps = Deps {
            records: records.clone(),
            findings: findings.clone(),
            ingest: ingest.clone(),
            state: world.clone(),
            clock: clock.clone(),
        };
        Self {
            compliance: Compliance::new(deps, &config_of_the_room()),
            findings,
            audit,
            world,
            clock,
            records,
            ingest,
            _folder: folder,
        }
    }

    /// A house in which every type was listed everywhere.
    fn listed() -> Self {
        let house = Self::new();
        let catalog = Catalog::open(None);
        let kinds = catalog.entries().iter().flat_map(|entry| {
            let types = entry.control().types();
            types.map(str::to_owned)
        });
        let kinds: BTreeSet<String> = kinds.collect();
        for kind in kinds {
            let global = ["AWS::S3", "AWS::IAM"];
            if global.iter().any(|start| kind.starts_with(start)) {
                house.world.listed(&kind, GLOBAL, NOW, None);
            } else {
                house.world.listed(&kind, REGION, NOW, None);
            }
            if kind == muster_controls::ACCOUNT {
                house.world.listed(&kind, GLOBAL, NOW, None);
            }
        }
        for place in [GLOBAL, REGION] {
            let id = format!("AWS::::Account:{}", account());
            let kind = muster_controls::ACCOUNT;
            house
                .world
                .put(kind, &id, place, json!({"EbsEncryptionByDefault": true}));
        }
        house.bucket("shop", true);
        house
    }

    /// The room as it is after a restart.
    fn restarted(&self) -> Compliance {
        let deps = Deps {
            records: self.records.clone(),
            findings: self.findings.clone(),
            ingest: self.ingest.clone(),
            state: self.world.clone(),
            clock: self.clock.clone(),
        };
        Compliance::new(deps, &config_of_the_room())
    }

    fn bucket(&self, name: &str, blocked: bool) {
        let block = json!({
            "BlockPublicAcls": blocked, "IgnorePublicAcls": true, "BlockPublicPolicy": true,
            "RestrictPublicBuckets": true,
        });
        let id = format!("arn:aws:s3:::{name}");
        let state = json!({"Name": name, "PublicAccessBlock": block});
        self.world.put("AWS::S3::Bucket", &id, REGION, state);
    }

    async fn evaluate(&self) -> Evaluated {
        let done = self.compliance.evaluate(account(), &Extent::All).await;
        done.unwrap()
    }

    /// The findings of a control: resource, compliance status, record state, workflow.
    async fn of(&self, control: &str) -> Vec<[String; 4]> {
        let mut found: Vec<[String; 4]> = self
            .documents(control)
            .await
            .iter()
            .map(|document| {
                let text = |pointer: &str| document.pointer(pointer).unwrap().as_str().unwrap();
                [
                    text("/Resources/0/Id").to_owned(),
                    text("/Compliance/Status").to_owned(),
                    text("/RecordState").to_owned(),
                    text("/Workflow/Status").to_owned(),
                ]
            })
            .collect();
        found.sort();
        found
    }

    async fn documents(&self, control: &str) -> Vec<Json> {
        let filter = Filter::field(
            Field::ComplianceSecurityControlId,
            Test::Equals(control.to_owned()),
        );
        let page = self.findings.list(filter, Vec::new(), None, 1_000).await;
        let findings = page.unwrap().findings.into_iter();
        findings
            .map(|seen| serde_json::from_slice(&seen.document).unwrap())
            .collect()
    }

    async fn status(&self, control: &str) -> ControlStatus {
        let whose = Whose {
            standard: FSBP.to_owned(),
            account: None,
        };
        let score = self.compliance.score(whose).await.unwrap();
        let mut controls = score.controls.into_iter();
        let standing = controls.find(|standing| standing.control == control);
        standing.unwrap().status
    }

    /// Active findings by control, of a compliance status.
    async fn controls_with(&self, status: &str) -> BTreeSet<String> {
        let equals = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
        let filter =
            equals(Field::ComplianceStatus, status).and(equals(Field::RecordState, "ACTIVE"));
        let by = vec![Field::ComplianceSecurityControlId];
        let counts = self.findings.count(filter, by, 1_000).await.unwrap();
        let groups = counts.groups.into_iter();
        groups.map(|group| group.values[0].clone()).collect()
    }
}

fn config_of_the_room() -> Config {
    Config {
        controls: None,
        actor: "spiffe://muster.example/admin".to_owned(),
        active_days: Some(90),
    }
}

fn row(resource: &str, status: &str, state: &str, workflow: &str) -> [String; 4] {
    [resource, status, state, workflow].map(str::to_owned)
}

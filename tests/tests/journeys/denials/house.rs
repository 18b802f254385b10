//! The admin's own inventory and compliance in this process, without a network before them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use muster_admin::audit::Audit;
use muster_admin::compliance::{self, Compliance, Extent};
use muster_admin::findings::Findings;
use muster_admin::ingest::{self, Ingest, Rate};
use muster_admin::inventory::{self, Inventory, PortionEnd, Trouble};
use muster_admin::membership::{self, Membership, NewMember};
use muster_admin::records::Records;
use muster_agent::state::{EpochEnd, Portion};
use muster_common::account::{AccountId, Partition};
use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::filter::{Filter, Test};
use muster_mtls::Connections;
use muster_store::Embedded;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Findings of an account.
const FINDINGS_MAX: usize = 100_000;

pub(super) struct House {
    inventory: Inventory,
    compliance: Compliance,
    findings: Findings,
    membership: Membership,
    _folder: TempDir,
}

/// What is said of a resource by a control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Verdict {
    pub(super) control: String,
    pub(super) region: String,
    pub(super) resource: String,
    pub(super) status: String,
    /// The code, and what is told with it.
    pub(super) reason: (String, String),
}

impl House {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let config = muster_store::Config {
                path: folder.path().join(name),
                cache_bytes: 1 << 20,
            };
            Arc::new(Embedded::open(&config).unwrap())
        };
        let (store, states) = (open("findings"), open("inventory"));
        let clock = Clock::system();
        let records = Records::new(store.clone());
        let findings = Findings::new(store.clone(), store, clock.clone());
        let audit = Audit::new(records.clone());
        let membership = membership::Config {
            role_name: "MusterAgent".to_owned(),
            admin_account: None,
            invitation_hours: 24,
        };
        let connections = Connections::default();
        let membership = Membership::new(records.clone(), connections, clock.clone(), membership);
        let ingest = Ingest::new(ingest::Deps {
            findings: findings.clone(),
            membership: membership.clone(),
            audit,
            rate: Rate::new(0),
            clock: clock.clone(),
            admin_account: None,
        });
        let own = Records::new(states.clone());
        let inventory = Inventory::new(states.clone(), states, own, clock.clone());
        let deps = compliance::Deps {
            records,
            findings: findings.clone(),
            ingest,
            state: Arc::new(inventory.clone()),
            clock,
        };
        let config = compliance::Config {
            actor: "spiffe://muster.example/admin".to_owned(),
            ..compliance::Config::default()
        };
        let compliance = Compliance::new(deps, &config);
        for standard in compliance.catalog().standards() {
            let on = compliance.set_standard(&standard.id, true, "a test");
            on.await.unwrap();
        }
        Self {
            inventory,
            compliance,
            findings,
            membership,
            _folder: folder,
        }
    }

    /// What follows from what an agent told. It is told of an account of its own, so that nothing is known of before.
    pub(super) async fn judge(
        &self,
        (told_of, account): (AccountId, AccountId),
        portions: &[Portion],
    ) -> BTreeSet<Verdict> {
        let member = NewMember {
            account,
            email: String::new(),
            name: String::new(),
            partition: Partition::Aws,
            role_name: None,
        };
        self.membership.create(member, "a test").await.unwrap();
        let mut observer = self.inventory.observer(account, Arc::from("agent"));
        let moved = |document: &Bytes| {
            let text = std::str::from_utf8(document).unwrap();
            Bytes::from(text.replace(told_of.as_str(), account.as_str()))
        };
        let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for portion in portions {
            let number = numbers.entry((portion.kind, &portion.place)).or_default();
            let taken = observer.take(inventory::Portion {
                kind: portion.kind.to_owned(),
                place: portion.place.clone(),
                epoch: portion.epoch,
                base: portion.base,
                number: *number,
                changed: portion.changed.iter().map(moved).collect(),
                gone: portion.gone.clone(),
                end: portion.end.as_ref().map(end),
            });
            *number += 1;
            let refused = Vec::new();
            assert_eq!(taken.await.unwrap(), inventory::Taken::Taken { refused });
        }
        let evaluated = self.compliance.evaluate(account, &Extent::All).await;
        assert_eq!(evaluated.unwrap().refused, 0);
        let mut verdicts = self.verdicts(account).await;
        let back = |text: &mut String| *text = text.replace(account.as_str(), told_of.as_str());
        for verdict in &mut verdicts {
            back(&mut verdict.resource);
            back(&mut verdict.reason.1);
        }
        verdicts.into_iter().collect()
    }

    async fn verdicts(&self, account: AccountId) -> Vec<Verdict> {
        let is = |field, text: &str| Filter::field(field, Test::Equals(text.to_owned()));
        let filter =
            is(Field::AwsAccountId, account.as_str()).and(is(Field::RecordState, "ACTIVE"));
        let page = self.findings.list(filter, Vec::new(), None, FINDINGS_MAX);
        let page = page.await.unwrap();
        assert!(page.next.is_none());
        let documents = page.findings.iter();
        let documents = documents.map(|seen| serde_json::from_slice(&seen.document).unwrap());
        documents.map(|document| Verdict::of(&document)).collect()
    }
}

fn end(end: &EpochEnd) -> PortionEnd {
    match end.clone() {
        EpochEnd::Complete { count } => PortionEnd::Complete { count },
        EpochEnd::Unavailable {
            code,
            call,
            message,
        } => PortionEnd::Unavailable(Trouble {
            code,
            call,
            message,
        }),
    }
}

impl Verdict {
    fn of(finding: &Json) -> Self {
        let text = |pointer: &str| {
            let text = finding.pointer(pointer).and_then(Json::as_str);
            text.unwrap_or_default().to_owned()
        };
        let reason = "/Compliance/StatusReasons/0";
        Self {
            control: text("/Compliance/SecurityControlId"),
            region: text("/Region"),
            resource: text("/Resources/0/Id"),
            status: text("/Compliance/Status"),
            reason: (
                text(&format!("{reason}/ReasonCode")),
                text(&format!("{reason}/Description")),
            ),
        }
    }
}

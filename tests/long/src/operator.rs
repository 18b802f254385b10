//! Operators: somebody looks at findings and insights and sets a status every other second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use muster_mtls::{CredentialFile, channel};
use muster_proto::v1 as wire;
use muster_proto::v1::findings_client::FindingsClient;
use muster_proto::v1::insights_client::InsightsClient;
use muster_proto::v1::status_client::StatusClient;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::measured::{Kind, Measured};

const QUERY_EVERY: Duration = Duration::from_secs(1);
const INSIGHT_EVERY: Duration = Duration::from_secs(1);
const UPDATE_EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);
const PAGE: u32 = 100;
/// Findings of one update.
const UPDATED: usize = 5;
const MANAGED_INSIGHTS: u64 = 35;
const STATUSES: [&str; 3] = ["NEW", "NOTIFIED", "RESOLVED"];
const FILTERS: [&str; 4] = [
    r#"{"SeverityLabel":[{"Value":"CRITICAL","Comparison":"EQUALS"}],"RecordState":[{"Value":"ACTIVE","Comparison":"EQUALS"}]}"#,
    r#"{"ComplianceStatus":[{"Value":"FAILED","Comparison":"EQUALS"}]}"#,
    r#"{"GeneratorId":[{"Value":"rule-01","Comparison":"PREFIX"}],"WorkflowStatus":[{"Value":"NEW","Comparison":"EQUALS"}]}"#,
    "{}",
];

#[derive(Clone)]
pub(crate) struct Operator {
    channel: Channel,
    measured: Arc<Measured>,
}

impl Operator {
    pub(crate) async fn connect(
        file: &CredentialFile,
        measured: Arc<Measured>,
    ) -> anyhow::Result<Self> {
        let channel = channel(
            &file.endpoint,
            &file.trust()?,
            &file.trust_domain,
            Some(&file.credential()?),
        )
        .await?;
        Ok(Self { channel, measured })
    }

    /// Works until `stop`.
    pub(crate) async fn work(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.query() => {}
            () = self.look() => {}
            () = self.update() => {}
            () = self.watch() => {}
        }
    }

    async fn query(&self) {
        let mut pace = interval(QUERY_EVERY);
        for turn in 0_usize.. {
            pace.tick().await;
            match turn % 3 {
                0 => self.timed(Kind::Query, self.page(turn / 3)).await.map(drop),
                1 => self
                    .timed(Kind::Query, self.count(turn / 3))
                    .await
                    .map(drop),
                _ => self
                    .timed(Kind::Query, self.grouped(turn / 3))
                    .await
                    .map(drop),
            };
        }
    }

    async fn look(&self) {
        let mut pace = interval(INSIGHT_EVERY);
        for turn in 0_u64.. {
            pace.tick().await;
            let name = format!("insights/managed-{}", 1 + turn % MANAGED_INSIGHTS);
            let request = wire::GetInsightResultsRequest { name, limit: 100 };
            let mut client = InsightsClient::new(self.channel.clone());
            self.timed(Kind::Insight, client.get_insight_results(request))
                .await;
        }
    }

    async fn update(&self) {
        let mut pace = interval(UPDATE_EVERY);
        for turn in 0_usize.. {
            pace.tick().await;
            let Ok(page) = self.page(turn).await else {
                continue;
            };
            let findings = page.findings.into_iter().step_by(PAGE as usize / UPDATED);
            let findings: Vec<_> = findings
                .map(|record| wire::FindingIdentifier {
                    name: record.name,
                    ..wire::FindingIdentifier::default()
                })
                .collect();
            if findings.is_empty() {
                continue;
            }
            let patch = wire::FindingPatch {
                workflow: Some(wire::Workflow {
                    status: STATUSES[turn % STATUSES.len()].to_owned(),
                }),
                note: Some(wire::NotePatch {
                    text: format!("seen in turn {turn}"),
                    ..wire::NotePatch::default()
                }),
                ..wire::FindingPatch::default()
            };
            let request = wire::UpdateFindingsRequest {
                findings,
                patch: Some(patch),
            };
            let mut client = FindingsClient::new(self.channel.clone());
            self.timed(Kind::Update, client.update_findings(request))
                .await;
        }
    }

    /// Somebody has an insight open.
    async fn watch(&self) {
        let mut pace = interval(QUERY_EVERY);
        loop {
            pace.tick().await;
            let request = wire::WatchInsightRequest {
                name: "insights/managed-1".to_owned(),
                limit: 10,
            };
            let mut client = InsightsClient::new(self.channel.clone());
            let Ok(answer) = client.watch_insight(request).await else {
                continue;
            };
            let mut answers = answer.into_inner();
            while let Ok(Some(_)) = answers.message().await {}
        }
    }

    async fn timed<T>(
        &self,
        kind: Kind,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Option<T> {
        let started = Instant::now();
        match timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => {
                self.measured.took(kind, started.elapsed());
                Some(answer)
            }
            Ok(Err(_)) | Err(_) => {
                self.measured.failed();
                None
            }
        }
    }

    async fn page(&self, turn: usize) -> Result<wire::ListFindingsResponse, tonic::Status> {
        let request = wire::ListFindingsRequest {
            filter: filter(turn),
            page_size: PAGE,
            format: wire::FindingFormat::Asff.into(),
            ..wire::ListFindingsRequest::default()
        };
        let mut client =
            FindingsClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        Ok(client.list_findings(request).await?.into_inner())
    }

    async fn count(&self, turn: usize) -> Result<u64, tonic::Status> {
        let request = wire::CountFindingsRequest {
            filter: filter(turn),
            ..wire::CountFindingsRequest::default()
        };
        let mut client = FindingsClient::new(self.channel.clone());
        Ok(client.count_findings(request).await?.into_inner().total)
    }

    async fn grouped(&self, turn: usize) -> Result<wire::CountFindingsResponse, tonic::Status> {
        let request = wire::CountFindingsRequest {
            filter: filter(turn),
            group_by: vec!["ResourceId".to_owned()],
            limit: 100,
        };
        let mut client = FindingsClient::new(self.channel.clone());
        Ok(client.count_findings(request).await?.into_inner())
    }

    pub(crate) async fn status(&self) -> anyhow::Result<wire::StatusReport> {
        let mut client = StatusClient::new(self.channel.clone());
        let call = client.get_status(wire::GetStatusRequest {});
        Ok(timeout(PATIENCE, call).await??.into_inner())
    }

    /// The ledger by account.
    pub(crate) async fn ledger(&self) -> anyhow::Result<HashMap<String, wire::LedgerEntry>> {
        let mut client = StatusClient::new(self.channel.clone());
        let request = wire::ListLedgerRequest {
            page_size: 1_000,
            ..wire::ListLedgerRequest::default()
        };
        let entries = client.list_ledger(request).await?.into_inner().entries;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.account_id.clone(), entry))
            .collect())
    }

    /// Every finding as it is stored: its id and when it was updated.
    pub(crate) async fn everything(&self) -> anyhow::Result<HashMap<String, String>> {
        let mut client =
            FindingsClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        let mut found = HashMap::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListFindingsRequest {
                page_size: 1_000,
                page_token,
                format: wire::FindingFormat::Asff.into(),
                ..wire::ListFindingsRequest::default()
            };
            let page = client.list_findings(request).await?.into_inner();
            for record in page.findings {
                let Some(wire::finding_record::Document::Asff(asff)) = record.document else {
                    anyhow::bail!("{} comes without its document", record.name);
                };
                let document: serde_json::Value = serde_json::from_slice(&asff)?;
                let text = |key: &str| document[key].as_str().map(str::to_owned).context("a text");
                let again = found.insert(text("Id")?, text("UpdatedAt")?);
                anyhow::ensure!(again.is_none(), "{} is there twice", document["Id"]);
            }
            if page.next_page_token.is_empty() {
                return Ok(found);
            }
            page_token = page.next_page_token;
        }
    }
}

fn filter(turn: usize) -> Option<wire::Filter> {
    let json = FILTERS[turn % FILTERS.len()].to_owned();
    Some(wire::Filter {
        kind: Some(wire::filter::Kind::SecurityHubJson(json)),
    })
}

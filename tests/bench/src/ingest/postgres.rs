//! The same findings into PostgreSQL, by `opponents/into_postgres.py`.

use std::io::{BufWriter, Write};
use std::path::Path;

use muster_common::clock::Clock;
use muster_common::field::Field;
use muster_common::finding;

use super::{AGENTS, documents};
use crate::opponents::{self, Opponent};
use crate::report::Report;

/// What the product's queries ask for most. PostgreSQL gets a column for each.
const FIELDS: [Field; 9] = [
    Field::ProductArn,
    Field::SeverityLabel,
    Field::RecordState,
    Field::WorkflowStatus,
    Field::ComplianceStatus,
    Field::ResourceId,
    Field::ResourceType,
    Field::Type,
    Field::GeneratorId,
];
const BATCH: usize = 500;
const BATCH_BYTES: usize = 4 << 20;

/// Findings per second that PostgreSQL takes.
pub(super) async fn rate(report: &mut Report, findings: u64) -> anyhow::Result<f64> {
    let each = findings.div_ceil(AGENTS);
    report.say(&format!("postgres: {} findings", AGENTS * each));
    let folder = tempfile::tempdir()?;
    let rows = folder.path().join("rows");
    write(&rows, each)?;
    let mut opponent = Opponent::start("into_postgres.py", &[opponents::text(&rows)?])?;
    let answer = opponent.next().await?;
    opponent.end().await?;
    opponents::number(&answer, "rate")
}

/// A line for each finding: key, account, time in milliseconds, the fields, the document; tabs between them.
fn write(file: &Path, each: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(file)?);
    let mut agents = documents(each, Clock::system().now());
    let mut left = each as usize;
    while left > 0 {
        let count = left.min(BATCH);
        for (_, documents) in &mut agents {
            for document in documents.batch(count, BATCH_BYTES) {
                row(&mut out, &document)?;
            }
        }
        left -= count;
    }
    Ok(out.flush()?)
}

fn row(out: &mut impl Write, document: &[u8]) -> anyhow::Result<()> {
    let reading = finding::read(document)?;
    let millis = reading.updated_at.as_millis();
    write!(out, "{}\t{}\t{millis}", reading.key, reading.account)?;
    for field in FIELDS {
        let value = if field == Field::WorkflowStatus {
            opponents::workflow(&reading)
        } else {
            reading.row.text(field).unwrap_or_default()
        };
        write!(out, "\t{value}")?;
    }
    out.write_all(b"\t")?;
    out.write_all(document)?;
    Ok(out.write_all(b"\n")?)
}

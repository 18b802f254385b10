//! Samples: what the processes take at a moment, and what was measured since the last one.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::measured::{KINDS, Kind, Quantiles};

/// One look at everything.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Seconds since the load started.
    pub at: f64,
    /// Which start of the server.
    pub life: u32,
    pub server: Taken,
    /// One of the real agents; all zero without any.
    pub agent: Taken,
    /// Of one core, in percent.
    pub busy: f64,
    pub findings: u64,
    pub sent: u64,
    pub index_mb: f64,
    pub connected: u64,
    pub failed: u64,
    /// Of the whole machine, over a minute: what else runs on it.
    pub load: f64,
    pub took: [Quantiles; KINDS],
}

/// What a process takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    pub resident_mb: f64,
    pub files: u64,
    pub threads: u64,
    pub disk_mb: f64,
}

const COLUMNS: &str = "seconds,life,server_resident_mb,server_files,server_threads,server_disk_mb,\
agent_resident_mb,agent_files,agent_threads,agent_disk_mb,server_busy_percent,findings,sent,index_mb,connected,failed,\
machine_load,ack_p50_ms,ack_p99_ms,query_p50_ms,query_p99_ms,insight_p50_ms,insight_p99_ms,update_p50_ms,update_p99_ms";

impl Sample {
    pub(crate) const fn took(&self, kind: Kind) -> Quantiles {
        self.took[kind as usize]
    }
}

pub(crate) fn csv(samples: &[Sample]) -> String {
    let mut text = format!("{COLUMNS}\n");
    for sample in samples {
        let _ = write!(text, "{:.0},{}", sample.at, sample.life);
        for taken in [sample.server, sample.agent] {
            let _ = write!(
                text,
                ",{:.1},{},{},{:.1}",
                taken.resident_mb, taken.files, taken.threads, taken.disk_mb
            );
        }
        let _ = write!(
            text,
            ",{:.1},{},{},{:.1},{},{},{:.2}",
            sample.busy,
            sample.findings,
            sample.sent,
            sample.index_mb,
            sample.connected,
            sample.failed,
            sample.load
        );
        for Quantiles { p50, p99 } in sample.took {
            let _ = write!(text, ",{p50:.2},{p99:.2}");
        }
        text.push('\n');
    }
    text
}

/// Reads what [`csv`] wrote.
pub(crate) fn read(text: &str) -> anyhow::Result<Vec<Sample>> {
    let mut lines = text.lines();
    anyhow::ensure!(
        lines.next() == Some(COLUMNS),
        "the columns are not {COLUMNS}"
    );
    lines.map(sample_of).collect()
}

fn sample_of(line: &str) -> anyhow::Result<Sample> {
    let values: Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
    let values = values.with_context(|| format!("`{line}` holds what is no number"))?;
    let mut values = values.into_iter();
    let mut next = || values.next().context("a line is too short");
    let [at, life] = [next()?, next()?];
    let mut taken = || {
        anyhow::Ok(Taken {
            resident_mb: next()?,
            files: next()? as u64,
            threads: next()? as u64,
            disk_mb: next()?,
        })
    };
    let [server, agent] = [taken()?, taken()?];
    let [busy, findings, sent, index_mb] = [next()?, next()?, next()?, next()?];
    let [connected, failed, load] = [next()?, next()?, next()?];
    let mut took = [Quantiles { p50: 0.0, p99: 0.0 }; KINDS];
    for took in &mut took {
        *took = Quantiles {
            p50: next()?,
            p99: next()?,
        };
    }
    Ok(Sample {
        at,
        life: life as u32,
        server,
        agent,
        busy,
        findings: findings as u64,
        sent: sent as u64,
        index_mb,
        connected: connected as u64,
        failed: failed as u64,
        load,
        took,
    })
}

/// What a process takes now, with what lies in a folder.
pub(crate) fn taken(process: u32, folder: &Path) -> anyhow::Result<Taken> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        number.with_context(|| format!("/proc/{process}/status has no {name}"))
    };
    Ok(Taken {
        resident_mb: (field("VmRSS:")? << 10) as f64 / 1e6,
        threads: field("Threads:")?,
        files: std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
        disk_mb: disk_bytes(folder) as f64 / 1e6,
    })
}

/// The processor time that a process has used.
pub(crate) fn busy(process: u32) -> Duration {
    let ticks = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|text| {
            let (_, fields) = text.rsplit_once(')')?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
            Some(number(11)? + number(12)?)
        });
    // Linux counts in hundredths of a second, whatever the machine.
    Duration::from_millis(10 * ticks.unwrap_or_default())
}

pub(crate) fn machine_load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(f64::NAN)
}

/// What files take on the disk. They come and go meanwhile.
fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(if metadata.is_dir() {
                disk_bytes(&entry.path())
            } else {
                512 * metadata.blocks()
            })
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_they_were_written() {
        let line = "20,1,34.8,69,16,2.9,17.5,15,3,0.3,3.9,13700,13701,2.1,50,3,5.97,4.32,38.38,3.95,25.62,5.70,20.80,11.08,NaN";
        let text = format!("{COLUMNS}\n{line}\n");
        assert_eq!(csv(&read(&text).unwrap()), text);
        assert!(read("other\n").is_err());
    }
}

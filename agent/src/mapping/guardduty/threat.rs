//! What did it, as far as ASFF has a place for it: `Process`, `ThreatIntelIndicators`, `Malware` and `Threats`.
//!
//! Source: Security Hub API Reference, `ProcessDetails`, `ThreatIntelIndicator`, `Malware` and `Threat`; GuardDuty API
//! Reference, `RuntimeDetails`, `Evidence`, `EbsVolumeScanDetails` and `MalwareScanDetails`. Decided here: the other side
//! of an action that a threat list knows is an indicator; malware of a scan is both a threat and, by its first files,
//! malware. What the short lists have no room for stands in the product fields and the threats.

use super::super::native::Native;
use super::super::object::Object;
use super::super::text::cut;
use super::action;

/// Limits of the format. Source: Security Hub API Reference, `AwsSecurityFinding`.
const INDICATORS_MAX: usize = 5;
const MALWARE_MAX: usize = 5;
pub(super) const THREATS_MAX: usize = 32;
const NAME_MAX: usize = 64;
const PATH_MAX: usize = 512;

pub(super) fn process(service: Native<'_>) -> Object {
    let process = service.at("runtimeDetails/process");
    let parent = process.text("parentUuid").and_then(|parent| {
        let mut lineage = process.items("lineage");
        lineage.find(|ancestor| ancestor.text("uuid") == Some(parent))
    });
    let path = process.text("executablePath");
    Object::default()
        .with("Name", process.text("name").map(|text| cut(text, NAME_MAX)))
        .with("Path", path.map(|path| cut(path, PATH_MAX)))
        .with("Pid", process.whole("pid"))
        .with("ParentPid", parent.and_then(|parent| parent.whole("pid")))
        .with("LaunchedAt", process.moment("startTime"))
}

pub(super) fn indicators(service: Native<'_>, kind: &str) -> Vec<Object> {
    let details = || service.items("evidence/threatIntelligenceDetails");
    let indicator = |detail: Native<'_>, kind: &str, value: &str| {
        Object::default()
            .with("Type", kind)
            .with("Value", cut(value, PATH_MAX))
            .with("LastObservedAt", service.moment("eventLastSeen"))
            .with(
                "Source",
                detail
                    .text("threatListName")
                    .map(|text| cut(text, NAME_MAX)),
            )
    };
    let listed = action::counterpart(service)
        .into_iter()
        .flat_map(|(form, value)| {
            details()
                .map(move |detail| indicator(detail, form, value).with("Category", category(kind)))
        });
    let files = details().filter_map(|detail| {
        let digest = detail.text("threatFileSha256")?;
        Some(indicator(detail, "HASH_SHA256", digest))
    });
    listed.chain(files).take(INDICATORS_MAX).collect()
}

/// What the other side is, by the finding type.
fn category(kind: &str) -> Option<&'static str> {
    if kind.contains("C&CActivity") {
        Some("COMMAND_AND_CONTROL")
    } else if kind.contains("DropPoint") {
        Some("DROP_SITE")
    } else if kind.starts_with("Backdoor:") {
        Some("BACKDOOR")
    } else {
        None
    }
}

pub(super) fn malware(service: Native<'_>) -> Vec<Object> {
    let volumes = found(service).flat_map(|threat| {
        let files = threat.items("filePaths");
        files.map(move |file| (threat, file.text("filePath")))
    });
    let others = scanned(service).flat_map(|threat| {
        let items = threat.items("itemDetails");
        items.map(move |item| (threat, item.text("itemPath")))
    });
    volumes
        .chain(others)
        .filter_map(|(threat, path)| Some((threat.text("name")?, path)))
        .map(|(name, path)| {
            Object::default()
                .with("Name", cut(name, NAME_MAX))
                .with("Path", path.map(|path| cut(path, PATH_MAX)))
                .with("State", "OBSERVED")
        })
        .take(MALWARE_MAX)
        .collect()
}

pub(super) fn threats(service: Native<'_>) -> Vec<Object> {
    let volumes = found(service).map(|threat| {
        let files: Vec<Object> = threat
            .items("filePaths")
            .map(|file| {
                Object::default()
                    .with("FilePath", file.text("filePath"))
                    .with("FileName", file.text("fileName"))
                    .with("ResourceId", file.text("volumeArn"))
                    .with("Hash", file.text("hash"))
            })
            .collect();
        Object::default()
            .with("Name", threat.text("name"))
            .with("Severity", threat.text("severity"))
            .with("ItemCount", threat.whole("itemCount"))
            .with("FilePaths", files)
    });
    let others = scanned(service).map(|threat| {
        let files: Vec<Object> = threat
            .items("itemDetails")
            .map(|item| {
                Object::default()
                    .with("FilePath", item.text("itemPath"))
                    .with("ResourceId", item.text("resourceArn"))
                    .with("Hash", item.text("hash"))
            })
            .collect();
        Object::default()
            .with("Name", threat.text("name"))
            .with("ItemCount", threat.whole("count"))
            .with("FilePaths", files)
    });
    volumes.chain(others).collect()
}

/// The malware that a scan of EBS volumes found.
fn found<'a>(service: Native<'a>) -> impl Iterator<Item = Native<'a>> + use<'a> {
    service.items("ebsVolumeScanDetails/scanDetections/threatDetectedByName/threatNames")
}

/// The malware that a scan of something else found.
fn scanned<'a>(service: Native<'a>) -> impl Iterator<Item = Native<'a>> + use<'a> {
    service.items("malwareScanDetails/threats")
}

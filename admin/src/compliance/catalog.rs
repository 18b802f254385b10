//! Every control there is: those that come with the product, and those of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muster_controls::{CATALOG, Control, Definition};

use super::standards::{self, Standard};

/// Controls of one's own.
const CUSTOM_MAX: usize = 1_000;

/// Controls and standards. Never changes while the server runs.
pub struct Catalog {
    entries: Vec<Entry>,
    by_id: BTreeMap<String, u16>,
    standards: Vec<Standard>,
    refused: Vec<Refused>,
}

/// A control, and where it comes from.
#[derive(Clone)]
pub struct Entry {
    pub definition: Definition,
    /// Not one of those that come with the product.
    pub custom: bool,
}

/// A folder that holds no good control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub folder: String,
    pub reason: String,
}

impl Entry {
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.definition.control
    }

    /// What verdicts and findings take from it, in short.
    pub(super) const fn digest(&self) -> u64 {
        self.definition.digest
    }

    /// The numbers of a standard's requirements that it answers to.
    #[must_use]
    pub fn requirements(&self, standard: &str) -> &[String] {
        let numbers = self.control().requirements.get(standard);
        numbers.map_or(&[], Vec::as_slice)
    }

    /// Whether the rule looks at a type.
    pub(super) fn looks_at(&self, kind: &str) -> bool {
        self.control().types().any(|looked_at| looked_at == kind)
    }
}

impl Catalog {
    /// Reads the controls that come with the product and those of a folder. What is no good is refused and told; the
    /// others count.
    ///
    /// # Panics
    /// A control that comes with the product cannot be read; a test reads them all.
    #[must_use]
    pub fn open(folder: Option<&Path>) -> Self {
        let mut catalog = Self {
            entries: Vec::new(),
            by_id: BTreeMap::new(),
            standards: standards::all(),
            refused: Vec::new(),
        };
        for files in CATALOG {
            let definition = Definition::parse(*files).expect("the tests read every control");
            catalog.add(definition, false);
        }
        if let Some(folder) = folder {
            catalog.add_folder(folder);
        }
        catalog
    }

    /// Every control, in the order of the ids as texts, the custom ones last.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.entries.get(usize::from(self.place(id)?))
    }

    /// The id that differs from this one in upper and lower case only.
    pub(super) fn alike(&self, id: &str) -> Option<&str> {
        let mut ids = self.entries.iter().map(|entry| entry.control().id.as_str());
        ids.find(|other| other.eq_ignore_ascii_case(id))
    }

    /// The place of a control among the entries.
    pub(super) fn place(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    #[must_use]
    pub fn standards(&self) -> &[Standard] {
        &self.standards
    }

    #[must_use]
    pub fn standard(&self, id: &str) -> Option<&Standard> {
        self.standards.iter().find(|standard| standard.id == id)
    }

    /// The controls of a standard, in the order of its requirements.
    #[must_use]
    pub fn of_standard(&self, id: &str) -> Vec<&Entry> {
        let with = |entry: &&Entry| !entry.requirements(id).is_empty();
        let mut entries: Vec<&Entry> = self.entries.iter().filter(with).collect();
        entries.sort_by_cached_key(|entry| {
            let first = entry.requirements(id).first();
            first.map(|number| standards::rank(number))
        });
        entries
    }

    /// Folders that were refused.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    fn add(&mut self, definition: Definition, custom: bool) {
        let id = definition.control.id.clone();
        let place = u16::try_from(self.entries.len()).expect("there are few controls");
        self.by_id.insert(id, place);
        self.entries.push(Entry { definition, custom });
    }

    fn add_folder(&mut self, folder: &Path) {
        let refused = |folder: &Path, reason: String| Refused {
            folder: folder.display().to_string(),
            reason,
        };
        let folders = match folders(folder) {
            Ok(folders) => folders,
            Err(error) => {
                let reason = format!("cannot read it: {error}");
                self.refused.push(refused(folder, reason));
                return;
            }
        };
        for folder in folders {
            match self.try_folder(&folder) {
                Ok(definition) => self.add_custom(definition),
                Err(reason) => self.refused.push(refused(&folder, reason)),
            }
        }
    }

    /// Reads a control and tries it on its cases.
    fn try_folder(&self, folder: &Path) -> Result<Definition, String> {
        let mut definition = Definition::open(folder).map_err(|error| error.to_string())?;
        let id = &definition.control.id;
        if self.by_id.contains_key(id) {
            return Err(format!(
                "there is a control {id} already; give it another id"
            ));
        }
        let custom = self.entries.iter().filter(|entry| entry.custom).count();
        if custom >= CUSTOM_MAX {
            return Err(format!(
                "there are {CUSTOM_MAX} already, which is the limit"
            ));
        }
        match definition.test().first() {
            None => Ok(definition),
            Some(mismatch) => Err(format!("a case came out otherwise: {mismatch}")),
        }
    }

    fn add_custom(&mut self, mut definition: Definition) {
        let requirements = &mut definition.control.requirements;
        if requirements.is_empty() {
            let number = vec![definition.control.id.clone()];
            requirements.insert(standards::CUSTOM.to_owned(), number);
        }
        let known: BTreeSet<&str> = self
            .standards
            .iter()
            .map(|known| known.id.as_str())
            .collect();
        let new = requirements
            .keys()
            .filter(|id| !known.contains(id.as_str()));
        let new: Vec<Standard> = new.map(|id| Standard::custom(id)).collect();
        self.standards.extend(new);
        self.add(definition, true);
    }
}

fn folders(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: &str = r#"
id = "Shop.1"
title = "Buckets have an owner"
description = "A bucket without an owner is nobody's."
remediation = "Tag the bucket with its owner."
severity = "LOW"
resource_type = "AWS::S3::Bucket"
needs = ["Tags"]
trigger = "change"
"#;
    const RULE: &str = "package control\n\nverdict := \"PASSED\" if {\n\tcount(input.resource.state.Tags) > 0\n} else := \"FAILED\"\n";
    const CASES: &str = r#"[
  {"name": "one", "resource": {"state": {"Tags": [1]}}, "expect": "PASSED"},
  {"name": "none", "resource": {"state": {"Tags": []}}, "expect": "FAILED"},
  {"name": "unread", "resource": {"state": {}}, "expect": "NOT_AVAILABLE"}
]"#;

    fn write(folder: &Path, name: &str, control: &str, cases: &str) {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        for (file, text) in [
            ("control.toml", control),
            ("rule.rego", RULE),
            ("cases.json", cases),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
    }

    #[test]
    fn a_standard_lists_its_controls_in_its_own_order() {
        let catalog = Catalog::open(None);
        let of = |id| {
            let entries = catalog.of_standard(id);
            let ids = entries.iter().map(|entry| entry.control().id.as_str());
            ids.collect::<Vec<_>>()
        };
        let controls = of("cis-aws-foundations-benchmark/v/3.0.0");
        assert_eq!(controls.len(), 37);
        assert_eq!(controls[..4], ["Account.1", "IAM.4", "IAM.9", "IAM.6"]);
        assert_eq!(of("nobody/v/1"), [""; 0]);
    }

    #[test]
    fn good_controls_of_a_folder_count_and_bad_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let other = |id: &str| CONTROL.replace("Shop.1", id);
        write(folder.path(), "a", CONTROL, CASES);
        write(folder.path(), "b", CONTROL, CASES);
        write(folder.path(), "c", &other("S3.8"), CASES);
        write(
            folder.path(),
            "d",
            &other("Shop.4"),
            &CASES.replace("[1]", "[]"),
        );
        let named = format!(
            "{}[requirements]\n\"ours/v/2\" = [\"7\"]\n",
            other("Shop.5")
        );
        write(folder.path(), "e", &named, CASES);
        write(folder.path(), "f", "id = 7", CASES);
        let catalog = Catalog::open(Some(folder.path()));
        let custom: Vec<&str> = catalog
            .entries()
            .iter()
            .filter(|entry| entry.custom)
            .map(|entry| entry.control().id.as_str())
            .collect();
        assert_eq!(custom, ["Shop.1", "Shop.5"]);
        let reasons: Vec<&str> = catalog
            .refused()
            .iter()
            .map(|refused| refused.reason.lines().next().unwrap_or_default())
            .collect();
        assert_eq!(
            reasons[..3],
            [
                "there is a control Shop.1 already; give it another id",
                "there is a control S3.8 already; give it another id",
                "a case came out otherwise: one: expected PASSED, got FAILED",
            ]
        );
        assert_eq!(reasons.len(), 4);
        assert_eq!(catalog.of_standard("ours/v/2").len(), 1);
        assert_eq!(catalog.of_standard(standards::CUSTOM).len(), 1);
        let missing = Catalog::open(Some(&folder.path().join("nowhere")));
        assert_eq!(missing.refused().len(), 1);
    }
}

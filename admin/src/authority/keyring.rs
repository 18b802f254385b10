//! The root keys on disk: `keys.json` lists them, each key is a file of its own that only its owner may read.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use muster_common::drill::{self, Point};
use muster_common::durable::make_folder;
use muster_common::identity::TrustDomain;
use muster_common::timestamp::{DAY, Timestamp};
use muster_mtls::{pem_certificates, to_pem};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::{KeyState, Lives, RootKey, Step, transitions};
use super::validity::{BACK_DATE, offset_time};
use super::{Error, Root};

/// How long a root holds.
const ROOT_LIFE: i64 = 5 * 365 * DAY;

pub(super) struct Keyring {
    folder: PathBuf,
    domain: TrustDomain,
    keys: Vec<Held>,
}

/// What `keys.json` holds.
#[derive(Serialize, Deserialize)]
struct Listed {
    trust_domain: TrustDomain,
    keys: Vec<RootKey>,
}

/// A root key in memory.
pub(super) struct Held {
    pub facts: RootKey,
    pub key: KeyPair,
    pub certificate: Vec<u8>,
}

impl Keyring {
    pub(super) fn create(
        folder: &Path,
        domain: &TrustDomain,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if list_path(folder).exists() {
            return Err(Error::HasRoots {
                path: folder.display().to_string(),
            });
        }
        make_folder(folder, 0o700).map_err(|error| file_error(folder, &error))?;
        let mut keyring = Self {
            folder: folder.to_owned(),
            domain: domain.clone(),
            keys: Vec::new(),
        };
        for root in Root::ALL {
            keyring.add(root, KeyState::Active, now)?;
        }
        keyring.save()?;
        Ok(keyring)
    }

    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let path = list_path(folder);
        if !path.exists() {
            return Err(Error::NoRoots {
                path: folder.display().to_string(),
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|error| file_error(&path, &error))?;
        let listed: Listed = serde_json::from_str(&text).map_err(|error| Error::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let keys = listed
            .keys
            .into_iter()
            .map(|facts| Held::read(folder, facts))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            folder: folder.to_owned(),
            domain: listed.trust_domain,
            keys,
        })
    }

    pub(super) const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    pub(super) fn active(&self, root: Root) -> Option<&Held> {
        self.keys
            .iter()
            .find(|held| held.facts.root == root && held.facts.state == KeyState::Active)
    }

    pub(super) fn trusted(&self, root: Root) -> Vec<Vec<u8>> {
        self.keys
            .iter()
            .filter(|held| held.facts.root == root && held.facts.state != KeyState::Retired)
            .map(|held| held.certificate.clone())
            .collect()
    }

    pub(super) fn keys(&self) -> Vec<RootKey> {
        self.keys.iter().map(|held| held.facts.clone()).collect()
    }

    pub(super) fn rotate(
        &mut self,
        root: Root,
        step: Step,
        lives: Lives,
        now: Timestamp,
    ) -> Result<RootKey, Error> {
        let of_root: Vec<RootKey> = self
            .keys()
            .into_iter()
            .filter(|key| key.root == root)
            .collect();
        let (needed, verb) = match step {
            Step::Prepare => {
                if of_root.iter().any(|key| key.state == KeyState::Prepared) {
                    return Err(Error::HasPrepared { root });
                }
                let made = self.add(root, KeyState::Prepared, now)?;
                self.save()?;
                return Ok(made);
            }
            Step::Activate => (KeyState::Prepared, "activate"),
            Step::Retire => (KeyState::Retiring, "retire"),
        };
        let moves = transitions(&of_root, step).ok_or(Error::NoSuchKey { root, needed, verb })?;
        let waiting = of_root
            .iter()
            .find(|key| key.state == needed && now < key.ready_at(lives));
        if let Some(key) = waiting {
            return Err(Error::TooEarly {
                root,
                number: key.number,
                state: needed,
                verb,
                until: key.ready_at(lives),
            });
        }
        let mut last = None;
        for (number, state) in moves {
            for held in &mut self.keys {
                if (held.facts.root, held.facts.number) == (root, number) {
                    held.facts.state = state;
                    held.facts.since = now;
                    last = Some(held.facts.clone());
                }
            }
        }
        self.save()?;
        last.ok_or(Error::NoSuchKey { root, needed, verb })
    }

    fn add(&mut self, root: Root, state: KeyState, now: Timestamp) -> Result<RootKey, Error> {
        let number = self
            .keys
            .iter()
            .filter(|held| held.facts.root == root)
            .map(|held| held.facts.number)
            .max()
            .unwrap_or(0)
            + 1;
        let facts = RootKey {
            root,
            number,
            state,
            created_at: now,
            since: now,
            not_after: now.plus(ROOT_LIFE),
        };
        let held = Held::generate(facts.clone())?;
        held.write(&self.folder)?;
        self.keys.push(held);
        Ok(facts)
    }

    fn save(&self) -> Result<(), Error> {
        let path = list_path(&self.folder);
        let listed = Listed {
            trust_domain: self.domain.clone(),
            keys: self.keys(),
        };
        let text = serde_json::to_string_pretty(&listed).expect("a list of keys is plain data");
        write_whole(&path, text.as_bytes())
    }
}

impl Held {
    fn generate(facts: RootKey) -> Result<Self, Error> {
        let signing = |error: rcgen::Error| Error::Signing(error.to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(signing)?;
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(
            DnType::CommonName,
            format!("Muster {} root {}", facts.root.name(), facts.number),
        );
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = offset_time(facts.created_at.plus(-BACK_DATE));
        params.not_after = offset_time(facts.not_after);
        let certificate = params.self_signed(&key).map_err(signing)?.der().to_vec();
        Ok(Self {
            facts,
            key,
            certificate,
        })
    }

    fn read(folder: &Path, facts: RootKey) -> Result<Self, Error> {
        let (key_path, certificate_path) = paths(folder, &facts);
        let pem = read_secret(&key_path)?;
        let unusable = |path: &Path, reason: &str| Error::File {
            path: path.display().to_string(),
            reason: reason.to_owned(),
        };
        let key =
            KeyPair::from_pem(&pem).map_err(|_| unusable(&key_path, "it is no private key"))?;
        let text = std::fs::read_to_string(&certificate_path)
            .map_err(|error| file_error(&certificate_path, &error))?;
        let certificate = pem_certificates(&text)
            .ok()
            .and_then(|certificates| certificates.into_iter().next())
            .ok_or_else(|| unusable(&certificate_path, "it is no certificate"))?;
        Ok(Self {
            facts,
            key,
            certificate,
        })
    }

    fn write(&self, folder: &Path) -> Result<(), Error> {
        let (key_path, certificate_path) = paths(folder, &self.facts);
        let pem = Zeroizing::new(self.key.serialize_pem());
        write_whole(&key_path, pem.as_bytes())?;
        write_whole(
            &certificate_path,
            to_pem(std::slice::from_ref(&self.certificate)).as_bytes(),
        )
    }
}

fn list_path(folder: &Path) -> PathBuf {
    folder.join("keys.json")
}

fn paths(folder: &Path, facts: &RootKey) -> (PathBuf, PathBuf) {
    let name = format!("{}-{}", facts.root.name(), facts.number);
    (
        folder.join(format!("{name}.key")),
        folder.join(format!("{name}.crt")),
    )
}

fn file_error(path: &Path, error: &std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

/// Reads a file that only its owner may read.
fn read_secret(path: &Path) -> Result<Zeroizing<String>, Error> {
    let metadata = std::fs::metadata(path).map_err(|error| file_error(path, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::Exposed {
            path: path.display().to_string(),
        });
    }
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| file_error(path, &error))
}

/// Replaces a file in one durable step; only its owner may read it.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |error: std::io::Error| file_error(path, &error);
    let draft = path.with_extension("draft");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drill::pass(Point::RootDrafted);
    std::fs::rename(&draft, path).map_err(failed)?;
    drill::pass(Point::RootRenamed);
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

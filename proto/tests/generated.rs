//! Holds the committed code to the .proto files. `UPDATE=1 cargo test -p muster-proto` writes it anew.

use std::path::{Path, PathBuf};

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(root.join("muster/v1"))
        .expect("muster/v1 is a folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "proto"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_committed_code_is_what_the_sources_generate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a temporary folder");
    let descriptors = protox::compile(sources(root), [root]).expect("the .proto files compile");
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .out_dir(out.path())
        .file_descriptor_set_path(out.path().join("muster.v1.bin"))
        .compile_fds(descriptors.clone())
        .expect("code is generated");
    std::fs::write(
        out.path().join("muster.v1.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )
    .expect("the descriptors are written");

    for name in ["muster.v1.rs", "muster.v1.bin"] {
        let committed = root.join("src/generated").join(name);
        let fresh = std::fs::read(out.path().join(name)).expect("a generated file");
        #[expect(
            clippy::disallowed_methods,
            reason = "a switch for developers, not configuration"
        )]
        if std::env::var("UPDATE").is_ok() {
            std::fs::write(&committed, &fresh).expect("the committed file is written");
        }
        let stored = std::fs::read(&committed).unwrap_or_default();
        assert!(
            stored == fresh,
            "{name} is stale; run `UPDATE=1 cargo test -p muster-proto`"
        );
    }
}

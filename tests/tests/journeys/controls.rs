//! Controls at the command line, without a server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use muster_tests::binary;

fn catalog() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/controls/catalog")
}

/// Tests controls in a folder.
fn test(folder: &Path, controls: &[&str]) -> Output {
    let mut command = Command::new(binary("muster"));
    command.current_dir(folder).env_clear();
    command.args(["control", "test"]).args(controls);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_cases_of_a_control_are_run_without_a_server() {
    let output = test(&catalog(), &["S3.8", "IAM.3"]);
    assert_eq!(text(&output.stderr), "2 controls, 16 cases\n");
    insta::assert_snapshot!(text(&output.stdout), @r"
    CONTROL  CASES  RESULT
    S3.8     8      ok
    IAM.3    8      ok
    ");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_control_that_is_wrong_is_told_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("S3.8");
    std::fs::create_dir(&silent).unwrap();
    for file in ["control.toml", "cases.json"] {
        std::fs::copy(catalog().join("S3.8").join(file), silent.join(file)).unwrap();
    }
    let rule = "package control\n\nverdict := \"PASSED\"\n";
    std::fs::write(silent.join("rule.rego"), rule).unwrap();
    let output = test(folder.path(), &["S3.8", "nothing"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stderr), @r"
    muster: S3.8: BlockPublicAcls is off: expected FAILED, got PASSED
    muster: S3.8: IgnorePublicAcls is off: expected FAILED, got PASSED
    muster: S3.8: BlockPublicPolicy is off: expected FAILED, got PASSED
    muster: S3.8: RestrictPublicBuckets is off: expected FAILED, got PASSED
    muster: S3.8: a setting is missing: expected FAILED, got PASSED
    muster: S3.8: no block: expected FAILED, got PASSED
    muster: nothing: cannot read nothing/control.toml: No such file or directory (os error 2)
    2 controls, 8 cases
    muster: 7 things are wrong
    ");
    insta::assert_snapshot!(text(&output.stdout), @r"
    CONTROL  CASES  RESULT
    S3.8     8      FAILED
    nothing  0      FAILED
    ");
}

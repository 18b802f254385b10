//! The committed corpora, held against the properties without a fuzzer.

use std::path::Path;

use muster_fuzz::{asff, blocks, certificates, config, filters, invitation, mappings, uplink};

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an input").path();
        check(&std::fs::read(path).expect("an input"));
        count += 1;
    }
    assert!(count > 10, "{target} has {count} inputs");
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), super::$target::check);
            }
        )*
    };
}

mod every_input_keeps_the_promises_of {
    use super::replay;

    targets! { asff blocks certificates config filters invitation mappings uplink }
}

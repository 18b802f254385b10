//! `muster control test`.

use std::path::{Path, PathBuf};

use clap::Args;
use muster_controls::{Definition, Mismatch};
use serde_json::json;

use crate::commands::counted;
use crate::failure::Failure;
use crate::output::{Cell, Paint, Printer, print_note};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folders of the controls
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

/// What became of a control's cases.
struct Outcome {
    control: String,
    cases: usize,
    wrong: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Failure> {
    let folders = &arguments.folders;
    let mut list = printer.list(&["CONTROL", "CASES", "RESULT"]);
    let (mut cases, mut wrong) = (0, 0);
    for folder in folders {
        let outcome = test(folder);
        for text in &outcome.wrong {
            print_note(&format!("muster: {}: {text}", outcome.control));
        }
        let result = match outcome.wrong.len() {
            0 => Cell::new("ok", Paint::Good),
            _ => Cell::new("FAILED", Paint::Bad),
        };
        cases += outcome.cases;
        wrong += outcome.wrong.len();
        list.push(
            vec![
                outcome.control.as_str().into(),
                outcome.cases.to_string().into(),
                result,
            ],
            || {
                json!({
                    "control": outcome.control,
                    "cases": outcome.cases,
                    "wrong": outcome.wrong,
                })
            },
        )?;
    }
    let controls = counted(folders.len() as u64, "control", "controls");
    let all = counted(cases as u64, "case", "cases");
    list.finish(&format!("{controls}, {all}"))?;
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::other(format!(
            "{} wrong",
            counted(wrong as u64, "thing is", "things are")
        ))),
    }
}

/// A control that cannot be read has no cases, and says why.
fn test(folder: &Path) -> Outcome {
    match Definition::open(folder) {
        Ok(mut definition) => Outcome {
            control: definition.control.id.clone(),
            cases: definition.cases.len(),
            wrong: definition.test().iter().map(Mismatch::to_string).collect(),
        },
        Err(error) => Outcome {
            control: folder.display().to_string(),
            cases: 0,
            wrong: vec![error.to_string()],
        },
    }
}

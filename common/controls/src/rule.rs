//! Rules in Rego.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use regorus::Value;
use regorus::utils::limits::ExecutionTimerConfig;

use crate::verdict::Verdict;

/// What a rule may take for one resource.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Work between two looks at the time.
const STEPS: NonZeroU32 = NonZeroU32::new(1_000).expect("it is not 0");
const VERDICT: &str = "data.control.verdict";

/// Functions that all rules may use: `package muster`.
const LIBRARY: &str = include_str!("lib.rego");

/// What every rule begins with: rules share what was read of the library, which is longer than any of them.
static ENGINE: LazyLock<regorus::Engine> = LazyLock::new(|| {
    let mut engine = regorus::Engine::new();
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: TIME_MAX,
        check_interval: STEPS,
    });
    engine
        .add_policy("lib.rego".to_owned(), LIBRARY.to_owned())
        .expect("every rule that the tests compile begins with it");
    engine
});

/// A compiled rule. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rule(regorus::Engine);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRule(String);

impl Rule {
    /// Compiles a rule: `package control` with `verdict`.
    pub(crate) fn compile(text: &str) -> Result<Self, InvalidRule> {
        let mut engine = ENGINE.clone();
        let invalid =
            |error: &dyn std::fmt::Display| InvalidRule(error.to_string().trim().to_owned());
        engine
            .add_policy("rule.rego".to_owned(), text.to_owned())
            .map_err(|error| invalid(&error))?;
        let mut rule = Self(engine);
        // Names that nobody knows are found when it is asked for the first time.
        rule.0.set_input(Value::new_object());
        rule.0
            .eval_rule(VERDICT.to_owned())
            .map_err(|error| invalid(&error))?;
        Ok(rule)
    }

    /// Asks the rule for a verdict.
    pub(crate) fn judge(&mut self, input: Value) -> Verdict {
        self.0.set_input(input);
        let answer = self.0.eval_rule(VERDICT.to_owned());
        match answer.map(|value| read(&value)) {
            Ok(Some(verdict)) => verdict,
            Ok(None) => {
                Verdict::unknown("RULE_SAYS_NOTHING", "the rule gives no verdict".to_owned())
            }
            Err(error) => Verdict::unknown("RULE_FAILED", first_line(&error.to_string())),
        }
    }
}

/// A verdict as rules give it: a status, or an object with one.
fn read(value: &Value) -> Option<Verdict> {
    let json = serde_json::to_value(value).ok()?;
    if json.is_string() {
        return serde_json::from_value(json).ok().map(Verdict::of);
    }
    serde_json::from_value(json).ok()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

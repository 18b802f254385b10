//! One standard on the page.

use std::collections::BTreeSet;

use muster_proto::v1 as wire;
use muster_proto::v1::ControlStatus;

use super::html::{Column, Html, number, table, text};
use super::page::{ROWS_MAX, left_out, names};
use super::{Facts, Held, chart};
use crate::commands::counted;
use crate::naming;
use crate::score::{counts, line, numbers, severity_rank, status_word};

/// Resources on the page.
const RESOURCES_MAX: usize = 25;
/// Controls on the page.
const CONTROLS_MAX: usize = 500;

impl Held {
    pub(super) fn control(&self, id: &str) -> Option<&wire::Control> {
        self.controls
            .iter()
            .find(|control| naming::id(&control.name) == id)
    }
}

pub(super) fn render(held: &Held, facts: &Facts, anchor: &str) -> Html {
    let mut html = Html::new();
    html.open("section", &[("id", anchor), ("class", "standard")])
        .raw("\n")
        .line("h2", &held.standard.title);
    html.append(score(held))
        .append(failed(held))
        .append(resources(held, facts))
        .append(accounts(held, facts))
        .append(controls(held));
    html.raw("</section>\n");
    html
}

fn score(held: &Held) -> Html {
    let mut html = Html::new();
    html.raw("<div class=\"score\">\n");
    html.open("p", &[("class", "percent")])
        .text(&line(&held.score))
        .close("p")
        .raw("\n");
    html.append(chart::bar(&held.score));
    html.line("p", &format!("Controls: {}", counts(&held.score)))
        .raw("</div>\n");
    match chart::trend(&held.history) {
        Some(trend) => {
            let days = counted(held.history.len() as u64, "day", "days");
            html.raw("<figure>\n").append(trend);
            html.line(
                "figcaption",
                &format!("The score of the last {days}, in percent; the lighter band is what unknowns leave open"),
            )
            .raw("</figure>\n");
        }
        None => {
            html.open("p", &[("class", "note")])
                .text("There are not yet two days with a score to compare.")
                .close("p")
                .raw("\n");
        }
    }
    html
}

/// Controls that failed, the most severe first.
fn failed(held: &Held) -> Html {
    let mut failed: Vec<&wire::ControlStanding> = held
        .score
        .controls
        .iter()
        .filter(|standing| standing.status() == ControlStatus::Failed)
        .collect();
    failed.sort_by_key(|standing| {
        (
            severity_rank(&standing.severity),
            std::cmp::Reverse(standing.failed),
        )
    });
    let mut html = Html::new();
    html.line("h3", "Controls that failed");
    if failed.is_empty() {
        html.line("p", "None.");
        return html;
    }
    let columns = [
        text("Control"),
        text("Severity"),
        text("Requirements"),
        number("Failed"),
        text("What to do"),
    ];
    let rows = failed.iter().take(CONTROLS_MAX).map(|standing| {
        let id = naming::id(&standing.control);
        let control = held.control(id);
        let remedy = control.map_or("", |control| control.remediation.as_str());
        let all = checks(standing);
        vec![
            titled(id, &standing.title),
            severity(&standing.severity),
            Html::of(&standing.requirements.join(", ")),
            Html::of(&format!("{} of {all}", standing.failed)),
            Html::of(remedy),
        ]
    });
    let caption = format!(
        "{}, the most severe first",
        counted(failed.len() as u64, "control failed", "controls failed")
    );
    html.append(table(&caption, &columns, rows.collect()));
    html.append(cut(held, failed.len()));
    html
}

fn cut(held: &Held, controls: usize) -> Html {
    let file = format!("{}-controls.csv", held.short);
    left_out(controls, CONTROLS_MAX, "controls", &file)
}

const fn checks(standing: &wire::ControlStanding) -> u64 {
    standing.passed + standing.failed + standing.warning + standing.not_available
}

/// Resources by how many controls they fail.
fn resources(held: &Held, facts: &Facts) -> Html {
    let mut html = Html::new();
    html.line("h3", "Resources that fail most");
    let found = &held.resources;
    if found.groups.is_empty() {
        html.line("p", "None fails anything.");
        return html;
    }
    let columns = [
        text("Resource"),
        text("Type"),
        text("Account"),
        number("Failed"),
    ];
    let rows = found.groups.iter().take(RESOURCES_MAX).map(|group| {
        let value = |at: usize| group.values.get(at).map_or("", String::as_str);
        vec![
            Html::of(value(0)),
            Html::of(value(1)),
            account(value(2), facts),
            Html::of(&group.count.to_string()),
        ]
    });
    let caption = format!(
        "{} on {}",
        counted(found.total, "failed check", "failed checks"),
        counted(found.group_count, "resource", "resources")
    );
    html.append(table(&caption, &columns, rows.collect()));
    if found.group_count > RESOURCES_MAX as u64 {
        let note = format!(
            "The first {RESOURCES_MAX} of {} resources; {}-resources.csv has {}.",
            found.group_count,
            held.short,
            match found.groups.len() as u64 {
                all if all == found.group_count => "all of them".to_owned(),
                some => format!("the first {some}"),
            }
        );
        html.open("p", &[("class", "note")])
            .text(&note)
            .close("p")
            .raw("\n");
    }
    html
}

/// The columns of a table of scores; the first says whose.
pub(super) const fn score_columns(whose: &'static str) -> [Column; 7] {
    [
        text(whose),
        text("Score"),
        number("Passed"),
        number("Failed"),
        number("Unknown"),
        number("No data"),
        number("Disabled"),
    ]
}

pub(super) fn score_row(whose: Html, score: &wire::Score) -> Vec<Html> {
    let mut cells = vec![whose, scored(score)];
    cells.extend(numbers(score).map(|count| Html::of(&count.to_string())));
    cells
}

/// Accounts, the lowest score first.
fn accounts(held: &Held, facts: &Facts) -> Html {
    let row = |score: &wire::Score| score_row(account(&score.account, facts), score);
    let mut html = Html::new();
    html.line("h3", "Accounts");
    if held.accounts.is_empty() {
        html.line("p", "No account has a score yet.")
            .append(missing(held, facts));
        return html;
    }
    let rows = held.accounts.iter().take(ROWS_MAX).map(row).collect();
    let caption = "Accounts, the lowest score first";
    html.append(table(caption, &score_columns("Account"), rows));
    html.append(left_out(
        held.accounts.len(),
        ROWS_MAX,
        "accounts",
        &format!("{}-accounts.csv", held.short),
    ));
    if held.accounts_cut {
        html.line("p", "There are more accounts that were not asked for; 'muster standard score --accounts --all' shows them.");
    }
    html.append(missing(held, facts));
    html
}

/// Members of which nothing is known that this standard asks for.
fn missing(held: &Held, facts: &Facts) -> Html {
    let mut html = Html::new();
    if held.accounts_cut {
        return html;
    }
    let scored: BTreeSet<&str> = held
        .accounts
        .iter()
        .map(|score| score.account.as_str())
        .collect();
    let missing: Vec<&str> = facts
        .members
        .values()
        .filter(|member| member.status() == wire::MemberStatus::Enabled)
        .map(|member| member.account_id.as_str())
        .filter(|account| !scored.contains(account))
        .collect();
    if !missing.is_empty() {
        let note = format!(
            "{} no score, and nothing above is about them: {}.",
            match missing.len() {
                1 => "1 enabled member has".to_owned(),
                count => format!("{count} enabled members have"),
            },
            names(missing.into_iter())
        );
        html.line("p", &note);
    }
    html
}

/// Every control, in the order of the requirements.
fn controls(held: &Held) -> Html {
    let columns = [
        text("Control"),
        text("Status"),
        text("Severity"),
        text("Requirements"),
        number("Passed"),
        number("Failed"),
        number("Warning"),
        number("Not available"),
    ];
    let row = |standing: &wire::ControlStanding| {
        let counts = [
            standing.passed,
            standing.failed,
            standing.warning,
            standing.not_available,
        ];
        let mut cells = vec![
            titled(naming::id(&standing.control), &standing.title),
            status(standing.status()),
            severity(&standing.severity),
            Html::of(&standing.requirements.join(", ")),
        ];
        cells.extend(counts.map(|count| Html::of(&count.to_string())));
        cells
    };
    let mut html = Html::new();
    html.line("h3", "All controls");
    let rows = held
        .score
        .controls
        .iter()
        .take(CONTROLS_MAX)
        .map(row)
        .collect();
    html.append(table(
        "Every control with the number of its checks",
        &columns,
        rows,
    ));
    html.append(cut(held, held.score.controls.len()));
    html
}

/// An account with its name, if it has one.
pub(super) fn account(id: &str, facts: &Facts) -> Html {
    match facts.members.get(id) {
        Some(member) if !member.account_name.is_empty() => {
            let mut html = unbroken(id);
            html.raw(" ")
                .open("span", &[("class", "title")])
                .text(&member.account_name)
                .close("span");
            html
        }
        Some(_) | None => unbroken(id),
    }
}

/// Text that stays on one line.
pub(super) fn unbroken(text: &str) -> Html {
    let mut html = Html::new();
    html.open("span", &[("class", "mark")])
        .text(text)
        .close("span");
    html
}

/// A score in words, and drawn below them.
pub(super) fn scored(score: &wire::Score) -> Html {
    let mut html = unbroken(&line(score));
    html.append(chart::bar(score));
    html
}

/// The id of a control with its title.
pub(super) fn titled(id: &str, title: &str) -> Html {
    let mut html = Html::new();
    html.raw("<b>").text(id).raw("</b> ");
    html.open("span", &[("class", "title")])
        .text(title)
        .close("span");
    html
}

/// A status as a sign, a word and a color.
fn status(status: ControlStatus) -> Html {
    let (class, sign) = match status {
        ControlStatus::Passed => ("good", "✓"),
        ControlStatus::Failed => ("bad", "✕"),
        ControlStatus::Unknown => ("warning", "?"),
        ControlStatus::Disabled => ("dim", "⊘"),
        ControlStatus::NoData | ControlStatus::Unspecified => ("dim", "–"),
    };
    marked(class, sign, status_word(status))
}

/// A severity as a word and a color.
pub(super) fn severity(label: &str) -> Html {
    let class = match label {
        "CRITICAL" => "critical",
        "HIGH" => "bad",
        "MEDIUM" => "warning",
        _ => "dim",
    };
    marked(class, "", &label.to_lowercase())
}

fn marked(class: &'static str, sign: &'static str, word: &str) -> Html {
    let mut html = Html::new();
    html.open("span", &[("class", &format!("mark {class}"))]);
    if !sign.is_empty() {
        html.raw("<span aria-hidden=\"true\">")
            .raw(sign)
            .raw("</span> ");
    }
    html.text(word).close("span");
    html
}

//! The page: what a reader sees first, and what holds for all standards.

use std::collections::BTreeMap;

use muster_common::timestamp::Timestamp;
use muster_proto::v1 as wire;

use super::html::{Column, Html, number, table, text};
use super::section::{self, severity};
use super::unknowns::gap;
use super::{Facts, Held};
use crate::commands::control::place;
use crate::commands::counted;
use crate::commands::member::status_name;
use crate::naming;
use crate::when::absolute;

/// Rows of a table on the page; the files have all.
pub(super) const ROWS_MAX: usize = 100;
/// Names in one place of a table.
const NAMES_MAX: usize = 12;

const STYLE: &str = include_str!("style.css");

/// The whole page. `files` are the names of what stands beside it.
pub(super) fn render(facts: &Facts, files: &[&str]) -> String {
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        // Nothing is loaded and nothing runs, whatever stands in the page.
        .raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n")
        .line("title", &format!("Compliance of {}", facts.trust_domain))
        .raw("<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<main>\n");
    html.append(head(facts)).append(summary(facts));
    for (place, held) in facts.standards.iter().enumerate() {
        html.append(section::render(held, facts, &anchor(place)));
    }
    html.append(unknowns(facts))
        .append(disabled(facts))
        .append(tail(facts, files))
        .raw("</main>\n</body>\n</html>\n");
    html.finish()
}

fn anchor(place: usize) -> String {
    format!("standard-{}", place + 1)
}

fn head(facts: &Facts) -> Html {
    let mut html = Html::new();
    html.raw("<header>\n")
        .line("p", "Compliance report")
        .line("h1", &facts.trust_domain)
        .raw("<dl>\n");
    let accounts = facts
        .standards
        .iter()
        .map(|held| held.accounts.len())
        .max()
        .unwrap_or(0);
    let cut = facts.standards.iter().any(|held| held.accounts_cut);
    let accounts = match cut {
        true => format!("more than {accounts}"),
        false => accounts.to_string(),
    };
    for (name, value) in [
        ("Made", minute(facts.generated_at)),
        ("Findings", sequences(facts.sequences)),
        ("Members", members(facts)),
        ("Accounts with a score", accounts),
        ("By", format!("Muster {}", facts.version)),
    ] {
        html.raw("<div>").open("dt", &[]).text(name).close("dt");
        html.open("dd", &[])
            .text(&value)
            .close("dd")
            .raw("</div>\n");
    }
    html.raw("</dl>\n</header>\n");
    html
}

/// `12 enabled, 1 suspended`: members by the state of their life.
fn members(facts: &Facts) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for member in facts.members.values() {
        let status = status_name(member.status()).to_lowercase();
        let word = status.trim_start_matches("account_").to_owned();
        *counts.entry(word).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

/// To the minute, in UTC.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    let minute = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("{minute} UTC")
}

fn sequences((before, after): (u64, u64)) -> String {
    if before == after {
        format!("as of change {before} of the feed")
    } else {
        format!("as of changes {before} to {after} of the feed, which went on meanwhile")
    }
}

fn summary(facts: &Facts) -> Html {
    let columns = section::score_columns("Standard");
    let row = |(place, held): (usize, &Held)| {
        let mut link = Html::new();
        link.open("a", &[("href", &format!("#{}", anchor(place)))])
            .text(&held.standard.title)
            .close("a");
        section::score_row(link, &held.score)
    };
    let rows = facts.standards.iter().enumerate().map(row).collect();
    let mut html = Html::new();
    html.raw("<section>\n").line("h2", "Summary");
    html.append(table("Scores of the organization", &columns, rows));
    html.raw("<ul class=\"legend\">\n");
    for sentence in [
        "A score is the share of controls that passed among those that passed, failed or are unknown. A control is as in the account where it stands worst.",
        "Unknown: nothing failed, and something could not be evaluated. The numbers in parentheses, and the lighter part of a bar, say what the score could be if all that is unknown failed, and if all of it passed.",
        "No data: there is no resource that the control is about. Disabled: somebody decided so; the reasons stand below. Neither counts.",
        "Findings that were suppressed, and those about what is not there any more, do not count among failed resources.",
    ] {
        html.line("li", sentence);
    }
    html.raw("</ul>\n</section>\n");
    html
}

fn unknowns(facts: &Facts) -> Html {
    let mut html = Html::new();
    html.raw("<section>\n")
        .line("h2", "What could not be evaluated");
    let unknowns = &facts.unknowns;
    let ranked = unknowns.ranked();
    if ranked.is_empty() {
        html.line("p", "Every check that was made had what it takes.");
    } else {
        let columns = [
            text("Reason"),
            text("In detail"),
            number("Checks"),
            number("Accounts"),
            text("Controls"),
        ];
        let rows = ranked.iter().take(ROWS_MAX).map(|(reason, group)| {
            vec![
                Html::of(&reason.code),
                Html::of(&reason.text),
                Html::of(&group.findings.to_string()),
                Html::of(&group.accounts.len().to_string()),
                Html::of(&names(group.controls.iter().map(String::as_str))),
            ]
        });
        let caption = format!(
            "{} without a verdict, by reason",
            counted(unknowns.total, "check", "checks")
        );
        html.append(table(&caption, &columns, rows.collect()));
        html.append(left_out(ranked.len(), ROWS_MAX, "reasons", "unknown.csv"));
        if unknowns.seen < unknowns.total {
            let note = format!(
                "The reasons are those of {} of them, the latest; the others were not read.",
                unknowns.seen
            );
            html.line("p", &note);
        }
    }
    html.append(troubles(facts)).raw("</section>\n");
    html
}

fn troubles(facts: &Facts) -> Html {
    let mut html = Html::new();
    html.line("h3", "What could not be read");
    if facts.troubles.is_empty() {
        html.line(
            "p",
            "Everything could be listed at the last try, in every account, and none of it is older than two days.",
        );
        return html;
    }
    let columns = [
        text("Account"),
        text("Region"),
        text("Resource type"),
        text("Why"),
        text("Last read"),
    ];
    let row = |coverage: &wire::Coverage| {
        let read = absolute(coverage.complete_at.as_ref());
        let read = match read.get(..16) {
            Some(minute) => minute.replace('T', " "),
            None => "never".to_owned(),
        };
        vec![
            section::account(&coverage.account, facts),
            section::unbroken(&coverage.region),
            section::unbroken(&coverage.resource_type),
            Html::of(&gap(coverage, facts.generated_at).unwrap_or_default()),
            section::unbroken(&read),
        ]
    };
    let rows = facts.troubles.iter().take(ROWS_MAX).map(row).collect();
    html.append(table(
        "Listings of which the last try gave nothing, or that are old",
        &columns,
        rows,
    ));
    html.append(left_out(
        facts.troubles.len(),
        ROWS_MAX,
        "listings",
        "unread.csv",
    ));
    if facts.troubles_cut {
        html.line("p", "There are more that were not asked for; 'muster resource coverage --trouble --all' shows them.");
    }
    html
}

fn disabled(facts: &Facts) -> Html {
    let mut html = Html::new();
    html.raw("<section>\n").line("h2", "Disabled controls");
    if facts.disabled.is_empty() {
        html.line("p", "No control of these standards is disabled anywhere.")
            .raw("</section>\n");
        return html;
    }
    let columns: [Column; 6] = [
        text("Control"),
        text("Severity"),
        text("Where"),
        text("Reason"),
        text("By"),
        text("Since"),
    ];
    let row = |(control, disabling): &(wire::Control, wire::Disabling)| {
        let since = absolute(disabling.at.as_ref());
        vec![
            section::titled(naming::id(&control.name), &control.title),
            severity(&control.severity),
            Html::of(&place(disabling)),
            Html::of(&disabling.reason),
            Html::of(&disabling.actor),
            section::unbroken(since.get(..10).unwrap_or(&since)),
        ]
    };
    let rows = facts.disabled.iter().take(ROWS_MAX).map(row).collect();
    html.append(table("What is not checked, and why", &columns, rows));
    html.append(left_out(
        facts.disabled.len(),
        ROWS_MAX,
        "places",
        "disabled.csv",
    ))
    .raw("</section>\n");
    html
}

fn tail(facts: &Facts, files: &[&str]) -> Html {
    let mut html = Html::new();
    html.raw("<footer>\n").line("h2", "Files beside this page");
    html.raw("<ul class=\"files\">\n");
    for file in files {
        html.raw("<li>")
            .open("a", &[("href", file)])
            .text(file)
            .close("a")
            .raw("</li>\n");
    }
    html.raw("</ul>\n");
    let made = format!(
        "Made {} by Muster {}, {}.",
        minute(facts.generated_at),
        facts.version,
        sequences(facts.sequences)
    );
    html.line("p", &made).raw("</footer>\n");
    html
}

/// Some names, and how many more.
pub(super) fn names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let rest = names.len().saturating_sub(NAMES_MAX);
    let first: Vec<&str> = names.take(NAMES_MAX).collect();
    match rest {
        0 => first.join(", "),
        rest => format!("{} and {rest} more", first.join(", ")),
    }
}

/// What a table does not have; nothing if it has all.
pub(super) fn left_out(all: usize, max: usize, what: &str, file: &str) -> Html {
    let mut html = Html::new();
    if all > max {
        let note = format!("The first {max} of {all} {what}; {file} has all of them.");
        html.open("p", &[("class", "note")])
            .text(&note)
            .close("p")
            .raw("\n");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::super::{files, sample};
    use super::*;

    fn page() -> String {
        let facts = sample::facts();
        let files = files::all(&facts).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        render(&facts, &names)
    }

    #[test]
    fn a_page_reads_like_this() {
        let page = page();
        let (_, body) = page.split_once("<body>").unwrap();
        insta::assert_snapshot!("page", body);
    }

    /// Nothing is fetched, nothing runs, and what is opened is closed.
    #[test]
    fn a_page_stands_alone() {
        let page = page();
        for outside in [
            "<script", "<link", "<img", "<iframe", "@import", "url(", "http://", "https://",
            " onload", " onerror",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        for element in [
            "table", "tr", "td", "th", "section", "div", "svg", "ul", "li", "dl", "p", "a",
        ] {
            let opened = page.matches(&format!("<{element}>")).count()
                + page.matches(&format!("<{element} ")).count();
            let closed = page.matches(&format!("</{element}>")).count();
            assert_eq!(opened, closed, "{element}");
        }
    }

    /// Whatever a name, a title or a reason holds, it is text.
    #[test]
    fn nothing_from_outside_is_markup() {
        let odd = "\"'><script>alert(1)</script>";
        let mut facts = sample::facts();
        for text in [&mut facts.trust_domain, &mut facts.version] {
            text.push_str(odd);
        }
        let held = &mut facts.standards[0];
        held.standard.title.push_str(odd);
        held.accounts[0].account.push_str(odd);
        held.history[0].date.push_str(odd);
        held.controls[0].remediation.push_str(odd);
        held.resources.groups[0].values[0].push_str(odd);
        held.resources.groups[0].values[2].push_str(odd);
        let standing = &mut held.score.controls[0];
        standing.control.push_str(odd);
        standing.title.push_str(odd);
        standing.severity.push_str(odd);
        standing.requirements[0].push_str(odd);
        facts.troubles[0].region.push_str(odd);
        facts.troubles[0].trouble_message.push_str(odd);
        let (control, disabling) = &mut facts.disabled[0];
        control.title.push_str(odd);
        disabling.reason.push_str(odd);
        disabling.actor.push_str(odd);
        facts.unknowns.add(&serde_json::json!({
            "AwsAccountId": odd,
            "Compliance": {
                "SecurityControlId": odd,
                "StatusReasons": [{ "ReasonCode": odd, "Description": odd }],
            },
        }));
        let page = render(&facts, &[odd]);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.matches("&lt;script&gt;").count() >= 20);
        assert_eq!(
            page.matches('"').count() % 2,
            0,
            "a quote ends an attribute"
        );
    }

    #[test]
    fn many_rows_are_cut_and_it_is_said() {
        let mut facts = sample::facts();
        let score = facts.standards[0].accounts[0].clone();
        facts.standards[0].accounts = vec![score; ROWS_MAX + 1];
        let page = render(&facts, &[]);
        assert!(
            page.contains("The first 100 of 101 accounts; cis-3.0.0-accounts.csv has all of them."),
            "{page}"
        );
        assert_eq!(
            left_out(ROWS_MAX, ROWS_MAX, "accounts", "x.csv"),
            Html::new()
        );
        let many: Vec<String> = (0..20).map(|number| format!("S3.{number}")).collect();
        assert!(names(many.iter().map(String::as_str)).ends_with("S3.11 and 8 more"));
    }

    #[test]
    fn a_report_without_anything_is_a_page() {
        let facts = Facts {
            trust_domain: String::new(),
            version: String::new(),
            generated_at: Timestamp::from_seconds(0),
            sequences: (0, 0),
            standards: Vec::new(),
            members: BTreeMap::new(),
            unknowns: super::super::unknowns::Unknowns::default(),
            troubles: Vec::new(),
            troubles_cut: false,
            disabled: Vec::new(),
        };
        let page = render(&facts, &[]);
        assert!(page.contains("No control of these standards is disabled anywhere."));
    }
}

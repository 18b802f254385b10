//! Names as people type and read them: `cis-3.0.0` for `standards/cis-aws-foundations-benchmark/v/3.0.0`.

use muster_proto::v1 as wire;

use crate::failure::Failure;

/// What names a thing among its kind: what follows `standards/`, `controls/` or `resources/`.
pub(crate) fn id(name: &str) -> &str {
    ["standards/", "controls/", "resources/"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind))
        .unwrap_or(name)
}

/// A control as the server names it.
pub(crate) fn control(given: &str) -> String {
    format!("controls/{}", id(given))
}

/// A short name that means this standard only; the whole id where there is none.
pub(crate) fn short(name: &str, standards: &[wire::Standard]) -> String {
    let id = id(name);
    let Some((family, version)) = parts(id) else {
        return id.to_owned();
    };
    let first = || family.split('-').next().unwrap_or(family).to_owned();
    let short = format!("{}-{version}", initials(family).unwrap_or_else(first));
    match meant(&short, standards)[..] {
        [found] if found.name == name => short,
        _ => id.to_owned(),
    }
}

/// The standard that a short name means, or the whole id, or the ARN.
pub(crate) fn standard<'a>(
    given: &str,
    standards: &'a [wire::Standard],
) -> Result<&'a wire::Standard, Failure> {
    match meant(given, standards)[..] {
        [standard] => Ok(standard),
        [] => Err(Failure::NotFound(format!(
            "there is no standard `{given}`; {}",
            match standards.len() {
                0 => "there is none".to_owned(),
                1 => format!("there is {}", names(standards.iter(), standards)),
                _ => format!("there are {}", names(standards.iter(), standards)),
            }
        ))),
        ref several => Err(Failure::Usage(format!(
            "`{given}` may mean several standards; say which: {}",
            names(several.iter().copied(), standards)
        ))),
    }
}

/// The standards that a name may mean; one if it is all of its name.
fn meant<'a>(given: &str, standards: &'a [wire::Standard]) -> Vec<&'a wire::Standard> {
    let wanted = given.trim().to_lowercase();
    let exact = |standard: &&wire::Standard| {
        id(&standard.name).eq_ignore_ascii_case(id(&wanted))
            || (!standard.arn.is_empty() && standard.arn.eq_ignore_ascii_case(&wanted))
    };
    if let Some(standard) = standards.iter().find(exact) {
        return vec![standard];
    }
    let means = |standard: &&wire::Standard| means(id(&wanted), id(&standard.name));
    standards.iter().filter(means).collect()
}

/// As 'muster standard list' shows them.
fn names<'a>(
    named: impl Iterator<Item = &'a wire::Standard>,
    standards: &[wire::Standard],
) -> String {
    let names: Vec<String> = named
        .map(|standard| short(&standard.name, standards))
        .collect();
    names.join(", ")
}

/// Whether what was typed is a family with a version or the beginning of one, or a family alone.
fn means(wanted: &str, id: &str) -> bool {
    let id = id.to_lowercase();
    let Some((family, version)) = parts(&id) else {
        return begins(wanted, &id, '-');
    };
    let of_family = |wanted: &str| {
        !wanted.is_empty()
            && (begins(wanted, family, '-') || initials(family).as_deref() == Some(wanted))
    };
    let versioned = |(wanted, number): (&str, &str)| {
        let number = number.strip_prefix('v').unwrap_or(number);
        !number.is_empty() && of_family(wanted) && begins(number, version, '.')
    };
    of_family(wanted)
        || parts(wanted).is_some_and(versioned)
        || wanted.rsplit_once(['-', '/']).is_some_and(versioned)
}

/// Whether a text is another one, or its beginning up to one of its seams.
fn begins(start: &str, text: &str, seam: char) -> bool {
    text.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(seam))
}

fn parts(id: &str) -> Option<(&str, &str)> {
    id.split_once("/v/")
}

/// `fsbp` for `aws-foundational-security-best-practices`.
fn initials(family: &str) -> Option<String> {
    let words = family.strip_prefix("aws-")?.split('-');
    Some(words.filter_map(|word| word.chars().next()).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn standards() -> Vec<wire::Standard> {
        [
            (
                "aws-foundational-security-best-practices/v/1.0.0",
                "AWS Foundational Security Best Practices v1.0.0",
                "standards",
            ),
            (
                "cis-aws-foundations-benchmark/v/1.2.0",
                "CIS AWS Foundations Benchmark v1.2.0",
                "ruleset",
            ),
            (
                "cis-aws-foundations-benchmark/v/3.0.0",
                "CIS AWS Foundations Benchmark v3.0.0",
                "standards",
            ),
            ("house-rules", "Rules of the house", "standards"),
        ]
        .map(|(id, title, family)| wire::Standard {
            name: format!("standards/{id}"),
            title: title.to_owned(),
            enabled: id != "cis-aws-foundations-benchmark/v/1.2.0",
            control_count: 37,
            arn: format!("arn:aws:securityhub:::{family}/{id}"),
        })
        .into()
    }

    fn read(given: &str) -> String {
        match standard(given, &standards()) {
            Ok(standard) => id(&standard.name).to_owned(),
            Err(failure) => format!("refused: {failure}"),
        }
    }

    #[test]
    fn standards_have_short_names() {
        let fsbp = "aws-foundational-security-best-practices/v/1.0.0";
        for given in ["fsbp", "FSBP-1.0.0", "fsbp-1", "fsbp/v/1.0", fsbp] {
            assert_eq!(read(given), fsbp, "{given}");
        }
        let cis = "cis-aws-foundations-benchmark/v/3.0.0";
        let arn = format!("arn:aws:securityhub:::standards/{cis}");
        for given in ["cis-3.0.0", "cis-3.0", "cis-3", "CIS-v3.0", "cis/3", &arn] {
            assert_eq!(read(given), cis, "{given}");
        }
        assert_eq!(read(&format!("standards/{cis}")), cis);
        assert_eq!(read("house"), "house-rules");
    }

    #[test]
    fn what_is_no_short_name_lists_what_there_is() {
        insta::assert_snapshot!(read("cis"), @"refused: `cis` may mean several standards; say which: cis-1.2.0, cis-3.0.0");
        insta::assert_snapshot!(read("cis-3.1"), @"refused: there is no standard `cis-3.1`; there are fsbp-1.0.0, cis-1.2.0, cis-3.0.0, house-rules");
        for given in ["", "-", "/v/", "cis-", "c", "fs", "cis-v", "/"] {
            assert!(read(given).starts_with("refused"), "{given}");
        }
        insta::assert_snapshot!(standard("x", &[]).unwrap_err(), @"there is no standard `x`; there is none");
    }

    #[test]
    fn short_names_are_unique() {
        let standards = standards();
        let shorts: Vec<String> = standards
            .iter()
            .map(|standard| short(&standard.name, &standards))
            .collect();
        assert_eq!(
            shorts,
            ["fsbp-1.0.0", "cis-1.2.0", "cis-3.0.0", "house-rules"]
        );
        let twin = wire::Standard {
            name: "standards/cis-other/v/3.0.0".to_owned(),
            ..wire::Standard::default()
        };
        let standards = [standards, vec![twin]].concat();
        assert_eq!(
            short(&standards[2].name, &standards),
            "cis-aws-foundations-benchmark/v/3.0.0"
        );
    }
}

//! Standards, as Security Hub names them.

/// A set of requirements that controls answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// Such as `cis-aws-foundations-benchmark/v/3.0.0`.
    pub id: String,
    pub title: String,
    /// What stands before its id where findings name it: `standards`, or `ruleset` for the oldest.
    family: &'static str,
    /// How findings name its requirements; `None` where AWS does not.
    requirements: Option<String>,
    /// Not one of those that come with the product.
    pub custom: bool,
}

/// The standard of custom controls that name none.
pub(super) const CUSTOM: &str = "custom/v/1.0.0";

/// Which are on in a new server. AWS turns on its own list and the benchmark of 2018 (1.2.0); these are the same list and a
/// benchmark that does not ask every account for fifteen alarms any more, which organizations have in one place. 5.0.0 has
/// the checks of 3.0.0 under other numbers and three more; who needs it turns it on.
pub(super) const ON_AT_FIRST: [&str; 2] = [
    "cis-aws-foundations-benchmark/v/3.0.0",
    "aws-foundational-security-best-practices/v/1.0.0",
];

impl Standard {
    fn new(id: &str, title: &str, family: &'static str, requirements: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            family,
            requirements: requirements.map(str::to_owned),
            custom: false,
        }
    }

    /// A standard that only custom controls name.
    pub(super) fn custom(id: &str) -> Self {
        let title = if id == CUSTOM {
            "Controls of your own"
        } else {
            id
        };
        Self {
            custom: true,
            ..Self::new(id, title, "standards", Some(id))
        }
    }

    /// As the Security Hub API names it.
    #[must_use]
    pub fn arn(&self) -> String {
        match self.family {
            "ruleset" => format!("arn:aws:securityhub:::{}", self.standards_id()),
            _ => format!("arn:aws:securityhub:us-east-1::{}", self.standards_id()),
        }
    }

    /// As findings name it, in `Compliance.AssociatedStandards`.
    #[must_use]
    pub fn standards_id(&self) -> String {
        format!("{}/{}", self.family, self.id)
    }

    /// As findings name one of its requirements, if they do.
    #[must_use]
    pub fn requirement(&self, number: &str) -> Option<String> {
        let name = self.requirements.as_ref()?;
        Some(format!("{name}/{number}"))
    }
}

/// Those that come with the product.
pub(super) fn all() -> Vec<Standard> {
    let cis = |version: &str, family| {
        let id = format!("cis-aws-foundations-benchmark/v/{version}");
        let title = format!("CIS AWS Foundations Benchmark v{version}");
        Standard::new(&id, &title, family, Some(&title))
    };
    vec![
        Standard::new(
            "aws-foundational-security-best-practices/v/1.0.0",
            "AWS Foundational Security Best Practices v1.0.0",
            "standards",
            None,
        ),
        cis("1.2.0", "ruleset"),
        cis("1.4.0", "standards"),
        cis("3.0.0", "standards"),
        cis("5.0.0", "standards"),
    ]
}

/// The order of numbers such as `1.2` and `1.10`, or `EC2.7`: by their parts, numbers as numbers.
pub(super) fn rank(number: &str) -> Vec<(String, u64)> {
    let parts = number.split('.');
    parts
        .map(|part| match part.parse() {
            Ok(number) => (String::new(), number),
            Err(_) => (part.to_owned(), 0),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standards_have_the_names_that_security_hub_gives_them() {
        let arns: Vec<String> = all().iter().map(Standard::arn).collect();
        assert_eq!(
            arns,
            [
                "arn:aws:securityhub:us-east-1::standards/aws-foundational-security-best-practices/v/1.0.0",
                "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0",
                "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/1.4.0",
                "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/3.0.0",
                "arn:aws:securityhub:us-east-1::standards/cis-aws-foundations-benchmark/v/5.0.0",
            ]
        );
        assert_eq!(
            all()[3].requirement("1.14").as_deref(),
            Some("CIS AWS Foundations Benchmark v3.0.0/1.14")
        );
        assert_eq!(all()[0].requirement("S3.8"), None);
    }

    #[test]
    fn numbers_are_ranked_as_numbers() {
        let mut numbers = ["5.6", "1.10", "2.1.4", "1.2", "2.1", "EC2.10", "EC2.9"];
        numbers.sort_by_key(|number| rank(number));
        assert_eq!(
            numbers,
            ["1.2", "1.10", "2.1", "2.1.4", "5.6", "EC2.9", "EC2.10"]
        );
    }
}

//! Products: the ARN that names a provider, and the names that the service fills in.

use crate::account::AccountId;

/// `arn:<partition>:securityhub:<region>:<account>:product/<company>/<product>`; Region and account may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProductArn {
    text: String,
    /// Byte ranges of Region, account, company and product in `text`.
    parts: [(usize, usize); 4],
}

/// The names of a company and a product that are not known are filled in as they stand, where no more fits.
const NAME_CHARACTERS_MAX: usize = 128;
/// Far more than any partition, Region or account has. What the service makes of the ARN fits in its fields.
const PART_BYTES_MAX: usize = 64;

impl ProductArn {
    /// `None` if the text is no product ARN.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account) = (parts.next()?, parts.next()?);
        let (company, product) = parts.next()?.strip_prefix("product/")?.split_once('/')?;
        let is_name = |name: &str| !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX;
        let good = arn == "arn"
            && partition.starts_with("aws")
            && partition.len() <= PART_BYTES_MAX
            && service == "securityhub"
            && text.len() <= 2048
            && region.len() <= PART_BYTES_MAX
            && region
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && account.len() <= PART_BYTES_MAX
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && is_name(company)
            && is_name(product);
        let range = |part: &str| {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            (start, start + part.len())
        };
        good.then(|| Self {
            parts: [region, account, company, product].map(range),
            text: text.to_owned(),
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn region(&self) -> &str {
        self.part(0)
    }

    /// The account of a custom product (`product/<account>/default`), which only that account may use.
    #[must_use]
    pub fn owner(&self) -> Option<AccountId> {
        self.part(2).parse().ok()
    }

    /// Whether the findings are those of control checks, which the service resolves by itself.
    #[must_use]
    pub fn is_control_check(&self) -> bool {
        (self.part(2), self.part(3)) == ("aws", "securityhub")
    }

    /// The name that the service shows for the product.
    #[must_use]
    pub fn product_name(&self) -> &str {
        self.known()
            .map_or(self.part(3), |(_, _, product, _)| product)
    }

    #[must_use]
    pub fn company_name(&self) -> &str {
        self.known()
            .map_or(self.part(2), |(_, _, _, company)| company)
    }

    fn part(&self, number: usize) -> &str {
        let (start, end) = self.parts[number];
        &self.text[start..end]
    }

    fn known(&self) -> Option<(&str, &str, &str, &str)> {
        let (company, product) = (self.part(2), self.part(3));
        if product == "default" && self.owner().is_some() {
            return Some((company, product, "Default", "Personal"));
        }
        KNOWN
            .iter()
            .copied()
            .find(|known| (known.0, known.1) == (company, product))
    }
}

/// Company and product of the ARN, and their names. Source: the integration pages of the Security Hub user guide.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    ("aws", "guardduty", "GuardDuty", "Amazon"),
    ("aws", "inspector", "Inspector", "Amazon"),
    ("aws", "macie", "Macie", "Amazon"),
    ("aws", "securityhub", "Security Hub", "AWS"),
    ("aws", "config", "Config", "AWS"),
    ("aws", "health", "Health", "AWS"),
    ("aws", "access-analyzer", "IAM Access Analyzer", "AWS"),
    ("aws", "firewall-manager", "Firewall Manager", "AWS"),
    ("aws", "detective", "Detective", "Amazon"),
    (
        "aws",
        "ssm-patch-manager",
        "Systems Manager Patch Manager",
        "AWS",
    ),
    (
        "aws",
        "iot-device-defender",
        "IoT Device Defender - Audit",
        "AWS",
    ),
    ("prowler", "prowler", "Prowler", "Prowler"),
    (
        "cloud-custodian",
        "cloud-custodian",
        "Cloud Custodian",
        "Cloud Custodian",
    ),
    (
        "crowdstrike",
        "crowdstrike-falcon",
        "CrowdStrike Falcon",
        "CrowdStrike",
    ),
    (
        "aquasecurity",
        "aquasecurity",
        "Aqua Security",
        "Aqua Security",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_product_arns_are_told_apart() {
        let own = ProductArn::parse(
            "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
        )
        .unwrap();
        assert_eq!(own.owner(), Some("111122223333".parse().unwrap()));
        assert_eq!(
            (own.product_name(), own.company_name()),
            ("Default", "Personal")
        );

        let aws =
            ProductArn::parse("arn:aws:securityhub:eu-west-1::product/aws/guardduty").unwrap();
        assert_eq!((aws.region(), aws.owner()), ("eu-west-1", None));
        assert_eq!(aws.product_name(), "GuardDuty");

        let other = ProductArn::parse(
            "arn:aws:securityhub:us-west-2:733251395267:product/alertlogic/althreatmanagement",
        )
        .unwrap();
        assert_eq!(
            (other.company_name(), other.product_name()),
            ("alertlogic", "althreatmanagement")
        );
    }

    #[test]
    fn other_arns_are_refused() {
        for text in [
            "",
            "arn:aws:securityhub:us-east-1::product/aws",
            "arn:aws:securityhub:us-east-1::product//guardduty",
            "arn:aws:guardduty:us-east-1::product/aws/guardduty",
            "arn:aws:securityhub:us east::product/aws/guardduty",
            "arn:aws:securityhub:us-east-1:12x:product/aws/guardduty",
            "aws/guardduty",
        ] {
            assert_eq!(ProductArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_fit_nowhere_are_refused() {
        let arn = |region: usize, company: usize, product: usize| {
            let (region, company) = ("r".repeat(region), "\u{e9}".repeat(company));
            let product = "p".repeat(product);
            format!("arn:aws:securityhub:{region}::product/{company}/{product}")
        };
        assert!(ProductArn::parse(&arn(64, 128, 128)).is_some());
        for text in [arn(65, 1, 1), arn(1, 129, 1), arn(1, 1, 129)] {
            assert_eq!(ProductArn::parse(&text), None, "{text}");
        }
    }
}

//! Invented findings in the shape and size of real ones, for benchmarks and tests. The same number always gives the
//! same finding.

use std::fmt::Write as _;

use crate::timestamp::{DAY, HOUR, MINUTE, Timestamp};

/// What the invented organization looks like.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub accounts: u64,
    /// Distinct resources over all accounts.
    pub resources: u64,
    /// The `UpdatedAt` of the newest findings.
    pub now: Timestamp,
}

/// How findings of one kind look.
struct Kind {
    product: &'static str,
    resource: &'static str,
    types: &'static str,
    titles: &'static [&'static str],
    generator: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind {
        product: "guardduty",
        resource: "AwsEc2Instance",
        types: "TTPs/Command and Control/Backdoor:EC2-C&CActivity.B",
        titles: &[
            "EC2 instance talks to a command and control server",
            "EC2 instance queries a domain of a botnet",
        ],
        generator: "arn:aws:guardduty:detector/12abc34d567e8fa901bc2d34e56789f0",
    },
    Kind {
        product: "guardduty",
        resource: "AwsIamAccessKey",
        types: "TTPs/Initial Access/UnauthorizedAccess:IAMUser-ConsoleLogin",
        titles: &[
            "Console login from an unusual place",
            "API calls from a Tor exit node",
        ],
        generator: "arn:aws:guardduty:detector/12abc34d567e8fa901bc2d34e56789f0",
    },
    Kind {
        product: "inspector",
        resource: "AwsEc2Instance",
        types: "Software and Configuration Checks/Vulnerabilities/CVE",
        titles: &[
            "openssl",
            "kernel",
            "curl",
            "glibc",
            "python3.11",
            "sudo",
            "openssh",
            "expat",
            "zlib",
            "systemd",
        ],
        generator: "AWSInspector",
    },
    Kind {
        product: "inspector",
        resource: "AwsEcrContainerImage",
        types: "Software and Configuration Checks/Vulnerabilities/CVE",
        titles: &[
            "log4j-core",
            "spring-web",
            "lodash",
            "requests",
            "netty-codec",
        ],
        generator: "AWSInspector",
    },
    Kind {
        product: "macie",
        resource: "AwsS3Bucket",
        types: "Sensitive Data Identifications/PII/SensitiveData:S3Object-Personal",
        titles: &[
            "The S3 object contains personal information",
            "The S3 object contains credentials",
        ],
        generator: "aws/macie",
    },
    Kind {
        product: "securityhub",
        resource: "AwsS3Bucket",
        types: "Software and Configuration Checks/Industry and Regulatory Standards/AWS-Foundational-Security-Best-Practices",
        titles: &[
            "S3 bucket should block public access",
            "S3 bucket should have logging",
            "S3 bucket should require TLS",
        ],
        generator: "security-control/S3.8",
    },
    Kind {
        product: "securityhub",
        resource: "AwsIamUser",
        types: "Software and Configuration Checks/Industry and Regulatory Standards/CIS AWS Foundations Benchmark",
        titles: &[
            "IAM user should have MFA",
            "IAM user should not have policies of its own",
        ],
        generator: "security-control/IAM.5",
    },
];

const SEVERITIES: [(&str, u8); 8] = [
    ("LOW", 1),
    ("MEDIUM", 40),
    ("MEDIUM", 53),
    ("LOW", 25),
    ("HIGH", 70),
    ("INFORMATIONAL", 0),
    ("HIGH", 81),
    ("CRITICAL", 90),
];

impl World {
    /// The account that finding `number` belongs to.
    #[must_use]
    pub fn account(&self, number: u64) -> String {
        format!("{:012}", 100_000_000_000 + 7_919 * (number % self.accounts))
    }

    /// ASFF in JSON, about 2.3 KB.
    #[must_use]
    pub fn finding(&self, number: u64) -> String {
        self.version(number, 0)
    }

    /// The same finding as its provider sends it again, `version` minutes later.
    #[must_use]
    pub fn version(&self, number: u64, version: i64) -> String {
        let dice = scatter(number);
        let pick = |shift: u32, count: usize| (dice >> shift) as usize % count;
        let kind = &KINDS[pick(3, KINDS.len())];
        let (label, normalized) = SEVERITIES[pick(9, SEVERITIES.len())];
        // Squaring the die gives a few resources most of the findings.
        let share = (dice >> 20 & 0xffff) as f64 / 65_536.0;
        let resource = (share * share * self.resources as f64) as u64 / self.accounts.max(1);
        let account = self.account(number);
        let region = ["us-east-1", "eu-west-1", "ap-southeast-2"][pick(40, 3)];
        let updated = self
            .now
            .plus(-((dice >> 12 & 0xf_ffff) as i64 * 80 * DAY / 0x10_0000) + version * MINUTE);
        let created = updated.plus(-(pick(30, 500) as i64) * HOUR - version * MINUTE);
        let title = kind.titles[pick(50, kind.titles.len())];
        let cve = 1_000 + pick(33, 4_000);
        let mut json = String::with_capacity(2_600);
        let Kind {
            product,
            types,
            generator,
            ..
        } = kind;
        write!(
            json,
            r#"{{"SchemaVersion":"2018-10-08","Id":"arn:aws:{product}:{region}:{account}:finding/{number:016x}","ProductArn":"arn:aws:securityhub:{region}::product/aws/{product}","ProductName":"{product}","CompanyName":"Amazon","Region":"{region}","GeneratorId":"{generator}","AwsAccountId":"{account}","Types":["{types}"],"FirstObservedAt":"{created}","LastObservedAt":"{updated}","CreatedAt":"{created}","UpdatedAt":"{updated}","Severity":{{"Label":"{label}","Normalized":{normalized},"Original":"{normalized}.0"}},"Confidence":{confidence},"Title":"CVE-2025-{cve} - {title}","Description":"{title}: seen on a resource of account {account} in {region}. The service that found it explains it further on its own page; look there for the evidence, the affected versions and the first steps, and ask the owner of the resource before changing it. If the finding comes back after it was resolved, somebody or something sets the old state again: check the templates that create the resource, not the resource alone.","#,
            confidence = pick(44, 101),
        )
        .expect("writing to a string");
        self.rest(
            &mut json,
            kind,
            Place {
                account: &account,
                region,
                resource,
                number,
            },
        );
        json
    }

    fn rest(&self, json: &mut String, kind: &Kind, place: Place<'_>) {
        let Place {
            account,
            region,
            resource,
            number,
        } = place;
        let dice = scatter(number ^ 0xabcd);
        let (id, details) = details(kind.resource, &place);
        let state = if dice.is_multiple_of(10) {
            "ARCHIVED"
        } else {
            "ACTIVE"
        };
        let compliance = match kind.product {
            "securityhub" => [
                r#""Compliance":{"Status":"FAILED","SecurityControlId":"S3.8","RelatedRequirements":["NIST.800-53.r5 AC-3","PCI DSS v4.0.1/1.4.4"],"AssociatedStandards":[{"StandardsId":"standards/aws-foundational-security-best-practices/v/1.0.0"}]},"#,
                r#""Compliance":{"Status":"PASSED","SecurityControlId":"IAM.5"},"#,
            ][(dice >> 8) as usize % 2],
            _ => "",
        };
        write!(
            json,
            r#"{compliance}"Remediation":{{"Recommendation":{{"Text":"Follow the runbook of the platform team.","Url":"https://docs.example.com/runbooks/{product}/{resource}"}}}},"SourceUrl":"https://{region}.console.example.com/{product}/home?region={region}#/findings?id={number:016x}","ProductFields":{{"aws/{product}/service/action":"observed","aws/{product}/service/count":"{count}","aws/{product}/service/resourceRole":"TARGET","aws/{product}/service/detectorId":"12abc34d567e8fa901bc2d34e56789f0"}},"Resources":[{{"Type":"{resource_type}","Id":"{id}","Partition":"aws","Region":"{region}","Tags":{{"team":"team-{team}","environment":"{environment}","cost-center":"{center}"}},"Details":{details}}}],"RecordState":"{state}","FindingProviderFields":{{"Severity":{{"Label":"{label}"}},"Types":["{types}"]}},"x-long-tail":{{"account":"{account}","evidence":["{a:016x}","{b:016x}"]}}}}"#,
            product = kind.product,
            count = dice % 400,
            resource_type = kind.resource,
            team = resource % 40,
            environment = ["prod", "stage", "dev"][resource as usize % 3],
            center = 4_000 + resource % 97,
            label = SEVERITIES[(scatter(number) >> 9) as usize % SEVERITIES.len()].0,
            types = kind.types,
            a = scatter(dice),
            b = scatter(dice ^ 1),
        )
        .expect("writing to a string");
    }
}

struct Place<'a> {
    account: &'a str,
    region: &'a str,
    resource: u64,
    number: u64,
}

fn details(resource_type: &str, place: &Place<'_>) -> (String, String) {
    let Place {
        account,
        region,
        resource,
        ..
    } = *place;
    let hex = scatter(resource ^ account.len() as u64) & 0xffff_ffff_ffff;
    match resource_type {
        "AwsEc2Instance" => (
            format!("arn:aws:ec2:{region}:{account}:instance/i-{resource:017x}"),
            format!(
                r#"{{"AwsEc2Instance":{{"Type":"m5.large","ImageId":"ami-{:012x}","IpV4Addresses":["198.51.100.{}","10.0.{}.{}"],"VpcId":"vpc-{:012x}","SubnetId":"subnet-{hex:012x}","LaunchedAt":"2026-01-05T08:00:00.000Z","IamInstanceProfileArn":"arn:aws:iam::{account}:instance-profile/web"}}}}"#,
                scatter(resource % 200) & 0xffff_ffff_ffff,
                resource % 256,
                resource / 256 % 256,
                resource % 256,
                resource % 50,
            ),
        ),
        "AwsIamAccessKey" => (
            format!("AWS::IAM::AccessKey:AKIA{resource:016X}"),
            format!(
                r#"{{"AwsIamAccessKey":{{"UserName":"user-{resource}","PrincipalName":"user-{resource}","PrincipalType":"IAMUser","Status":"Active"}}}}"#
            ),
        ),
        "AwsS3Bucket" => (
            format!("arn:aws:s3:::data-{account}-{resource}"),
            format!(
                r#"{{"AwsS3Bucket":{{"OwnerId":"{hex:064x}","OwnerName":"owner-{}","CreatedAt":"2025-03-01T10:00:00.000Z"}}}}"#,
                resource % 30
            ),
        ),
        "AwsIamUser" => (
            format!("arn:aws:iam::{account}:user/user-{resource}"),
            format!(
                r#"{{"AwsIamUser":{{"UserName":"user-{resource}","Path":"/","CreateDate":"2024-06-01T00:00:00.000Z"}}}}"#
            ),
        ),
        other => (
            format!(
                "arn:aws:ecr:{region}:{account}:repository/app-{}/sha256:{hex:064x}",
                resource % 100
            ),
            format!(
                r#"{{"{other}":{{"RegistryId":"{account}","RepositoryName":"app-{}","Architecture":"amd64","ImageTags":["v{}"]}}}}"#,
                resource % 100,
                resource % 9
            ),
        ),
    }
}

/// A fixed scattering of numbers. Source: the finalizer of SplitMix64.
fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding;

    #[test]
    fn samples_are_findings_of_the_promised_size() {
        let world = World {
            accounts: 20,
            resources: 2_000,
            now: Timestamp::from_seconds(1_795_000_000),
        };
        let sizes = (0..1_000).map(|number| {
            let text = world.finding(number);
            let reading = finding::read(text.as_bytes()).unwrap();
            assert_eq!(reading.account.as_str(), world.account(number));
            let later = finding::read(world.version(number, 1).as_bytes()).unwrap();
            assert!(later.key == reading.key && later.updated_at > reading.updated_at);
            text.len()
        });
        let mean = sizes.sum::<usize>() / 1_000;
        assert!((2_200..2_400).contains(&mean), "{mean}");
    }
}

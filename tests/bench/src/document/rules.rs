//! The rules that findings come from: what services report, how often, about which resources.

use std::ops::Range;

use super::form::Form;
use super::scatter;

/// One rule of a service.
pub(super) struct Rule {
    /// How often it reports, against the others.
    pub weight: f64,
    pub form: Form,
    pub sweep: Sweep,
    /// The rules of its family that report about resources of the same kind.
    pub peers: Range<usize>,
}

/// What findings that come one after the other have in common.
#[derive(Clone, Copy)]
pub(super) enum Sweep {
    /// The rule: a check goes over resources.
    Check,
    /// The resource: a scan finds several things.
    Scan,
    None,
}

/// Rules of one kind.
struct Family {
    /// The product in ARNs.
    product: &'static str,
    rules: u64,
    /// Of 100 findings.
    share: f64,
    types: &'static [&'static str],
    resources: &'static [Resource],
    extra: Extra,
}

/// What only some services report.
#[derive(Clone, Copy, PartialEq)]
enum Extra {
    Compliance,
    Vulnerability,
    Threat,
    Nothing,
}

#[derive(Clone, Copy)]
enum Resource {
    Instance,
    Image,
    Function,
    Bucket,
    User,
    AccessKey,
    SecurityGroup,
    Database,
    Key,
}

use Resource::{AccessKey, Bucket, Database, Function, Image, Instance, Key, SecurityGroup, User};

/// Shares as a busy organization sees them: mostly checks and vulnerabilities.
const FAMILIES: [Family; 9] = [
    Family {
        product: "securityhub",
        rules: 260,
        share: 43.0,
        types: &[
            "Software and Configuration Checks/Industry and Regulatory Standards/AWS-Foundational-Security-Best-Practices",
            "Software and Configuration Checks/Industry and Regulatory Standards/AWS Security Best Practices",
            "Software and Configuration Checks/Industry and Regulatory Standards/CIS AWS Foundations Benchmark",
            "Software and Configuration Checks/AWS Security Best Practices/Encryption",
        ],
        resources: &[
            Bucket,
            Instance,
            User,
            SecurityGroup,
            Function,
            Database,
            Key,
        ],
        extra: Extra::Compliance,
    },
    Family {
        product: "inspector",
        rules: 480,
        share: 33.0,
        types: &["Software and Configuration Checks/Vulnerabilities/CVE"],
        resources: &[Instance, Image, Instance, Function],
        extra: Extra::Vulnerability,
    },
    Family {
        product: "inspector",
        rules: 20,
        share: 3.0,
        types: &[
            "Software and Configuration Checks/AWS Security Best Practices/Network Reachability - Unexpected Port",
            "Software and Configuration Checks/AWS Security Best Practices/Network Reachability - Recognized port reachable from internet",
        ],
        resources: &[Instance],
        extra: Extra::Nothing,
    },
    Family {
        product: "guardduty",
        rules: 60,
        share: 7.0,
        types: &[
            "TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS",
            "TTPs/Discovery/Recon:EC2-PortProbeUnprotectedPort",
            "TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce",
            "TTPs/Command and Control/CryptoCurrency:EC2-BitcoinTool.B",
            "TTPs/Command and Control/Trojan:EC2-DNSDataExfiltration",
            "Effects/Resource Consumption/Cryptocurrency:EC2-BitcoinTool.B!DNS",
            "Effects/Data Exfiltration/Trojan:EC2-BlackholeTraffic",
            "Unusual Behaviors/VM/Behavior:EC2-NetworkPortUnusual",
            "Unusual Behaviors/VM/Backdoor:EC2-Spambot",
        ],
        resources: &[Instance],
        extra: Extra::Threat,
    },
    Family {
        product: "guardduty",
        rules: 40,
        share: 4.0,
        types: &[
            "TTPs/Initial Access/UnauthorizedAccess:IAMUser-ConsoleLoginSuccess.B",
            "TTPs/Discovery/IAMUser-AnomalousBehavior",
            "TTPs/Credential Access/IAMUser-AnomalousBehavior",
            "Unusual Behaviors/User/UnauthorizedAccess:IAMUser-InstanceCredentialExfiltration",
            "Effects/Data Exfiltration/Exfiltration:S3-AnomalousBehavior",
        ],
        resources: &[AccessKey, User, Bucket],
        extra: Extra::Threat,
    },
    Family {
        product: "macie",
        rules: 24,
        share: 4.0,
        types: &[
            "Sensitive Data Identifications/PII/SensitiveData:S3Object-Personal",
            "Sensitive Data Identifications/Passwords/SensitiveData:S3Object-Credentials",
            "Sensitive Data Identifications/Financial/SensitiveData:S3Object-Financial",
            "Effects/Data Exposure/Policy:IAMUser-S3BucketPublic",
        ],
        resources: &[Bucket],
        extra: Extra::Nothing,
    },
    Family {
        product: "config",
        rules: 40,
        share: 3.5,
        types: &["Software and Configuration Checks/AWS Config Analysis"],
        resources: &[Bucket, SecurityGroup, Database, Function],
        extra: Extra::Compliance,
    },
    Family {
        product: "access-analyzer",
        rules: 14,
        share: 1.5,
        types: &["Effects/Data Exposure/External Access Granted"],
        resources: &[Bucket, Key],
        extra: Extra::Nothing,
    },
    Family {
        product: "health",
        rules: 12,
        share: 1.0,
        types: &["Effects/Resource Consumption/Operational Issue"],
        resources: &[Instance, Database],
        extra: Extra::Nothing,
    },
];

/// Label, number, and how much of the catalog has it, in percent.
const SEVERITIES: [(&str, u32, u64); 5] = [
    ("INFORMATIONAL", 0, 8),
    ("LOW", 25, 24),
    ("MEDIUM", 53, 38),
    ("HIGH", 75, 24),
    ("CRITICAL", 95, 6),
];

pub(super) fn all() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (number, family) in (0..).zip(&FAMILIES) {
        // The first rules of a family report most.
        let part = |rule: u64| 1.0 / (4 + rule) as f64;
        let whole: f64 = (0..family.rules).map(part).sum();
        let kinds = family.resources.len() as u64;
        for kind in 0..kinds {
            let own: Vec<u64> = (0..family.rules)
                .filter(|rule| rule % kinds == kind)
                .collect();
            let peers = rules.len()..rules.len() + own.len();
            rules.extend(own.into_iter().map(|rule| Rule {
                weight: family.share * part(rule) / whole,
                form: Form::new(&pattern(family, rule, scatter(number << 32 | rule))),
                sweep: match family.extra {
                    Extra::Compliance => Sweep::Check,
                    Extra::Vulnerability => Sweep::Scan,
                    Extra::Threat | Extra::Nothing => Sweep::None,
                },
                peers: peers.clone(),
            }));
        }
    }
    rules
}

fn pattern(family: &Family, rule: u64, seed: u64) -> String {
    let Family {
        product,
        types,
        resources,
        extra,
        ..
    } = family;
    let mut prose = Prose(seed);
    let kind = types[seed as usize % types.len()];
    let (label, number, _) = severity(scatter(seed) % 100);
    let title = prose.sentence(6 + (seed % 6) as usize);
    let control = format!(
        "{}.{}",
        ["S3", "EC2", "IAM", "RDS", "Lambda", "KMS"][rule as usize % 6],
        1 + rule / 6
    );
    let cve = format!("CVE-202{}-{}", rule % 6, 1_000 + scatter(seed ^ 5) % 40_000);
    let (title, generator) = match extra {
        Extra::Compliance if rule.is_multiple_of(4) => (
            title,
            format!(
                "arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/{control}"
            ),
        ),
        Extra::Compliance => (title, format!("security-control/{control}")),
        Extra::Vulnerability => (
            format!("{cve} - {}", prose.word()),
            "AWSInspector".to_owned(),
        ),
        Extra::Threat => (
            title,
            format!(
                "arn:aws:guardduty:<region>:<account>:detector/12abc34d567e8fa901bc2d34e56789f0/{rule}"
            ),
        ),
        Extra::Nothing => (title, format!("{product}/{rule}")),
    };
    let description = prose.text(match extra {
        Extra::Compliance => 190,
        Extra::Vulnerability | Extra::Threat => 150,
        Extra::Nothing => 330,
    });
    let resource = resources[rule as usize % resources.len()];
    let application = if seed.is_multiple_of(3) {
        r#""ApplicationArn":"arn:aws:resource-groups:<region>:<account>:group/application-<team>/0a1b2c3d4e5f","ApplicationName":"application-<team>","#
    } else {
        ""
    };
    format!(
        r#"{{"SchemaVersion":"2018-10-08","Id":"arn:aws:{product}:<region>:<account>:finding/<id>","ProductArn":"arn:aws:securityhub:<region>::product/aws/{product}","Region":"<region>","GeneratorId":"{generator}","AwsAccountId":"<account>","Types":["{kind}"],"FirstObservedAt":"<created>","LastObservedAt":"<updated>","CreatedAt":"<created>","UpdatedAt":"<updated>","Severity":{{"Label":"{label}","Normalized":{number},"Original":"{label}"}},"Title":"{title}","Description":"{description}",{extra}"Remediation":{{"Recommendation":{{"Text":"For how to correct this, consult the documentation of the service.","Url":"https://docs.aws.amazon.com/console/{product}/{control}/remediation"}}}},"SourceUrl":"https://<region>.console.aws.amazon.com/{product}/findings?id=<id>","ProductFields":{{"aws/{product}/service/count":"<count>","aws/{product}/service/eventLastSeen":"<updated>"}},"Resources":[{{{application}{resource},"Partition":"aws","Region":"<region>","Tags":{{"team":"team-<team>","stage":"<stage>","cost-center":"<center>"}}}}],"RecordState":<state>,"FindingProviderFields":{{"Severity":{{"Label":"{label}","Original":"{number}"}},"Types":["{kind}"]}}}}"#,
        extra = properties(*extra, &control, &cve, &mut prose),
        resource = described(resource),
    )
}

fn severity(percent: u64) -> (&'static str, u32, u64) {
    let mut sum = 0;
    SEVERITIES
        .into_iter()
        .find(|(_, _, share)| {
            sum += share;
            percent < sum
        })
        .expect("the shares make up 100")
}

/// The properties that only findings of such rules have.
fn properties(extra: Extra, control: &str, cve: &str, prose: &mut Prose) -> String {
    match extra {
        Extra::Compliance => format!(
            r#""Compliance":{{"Status":"<outcome>","SecurityControlId":"{control}","RelatedRequirements":["NIST.800-53.r5 AC-{a}","NIST.800-53.r5 SC-{b}({a})","PCI DSS v4.0.1/{a}.{b}.4"],"AssociatedStandards":[{{"StandardsId":"standards/aws-foundational-security-best-practices/v/1.0.0"}},{{"StandardsId":"standards/nist-800-53/v/5.0.0"}}]}},"#,
            a = 1 + prose.roll() % 12,
            b = 2 + prose.roll() % 30,
        ),
        Extra::Vulnerability => {
            let package = prose.word();
            let (major, minor) = (prose.roll() % 9, prose.roll() % 40);
            format!(
                r#""Vulnerabilities":[{{"Id":"{cve}","VulnerablePackages":[{{"Name":"{package}","Version":"{major}.{minor}.<team>","Architecture":"X86_64","PackageManager":"OS","FixedInVersion":"0:{major}.{fixed}.0-1","FilePath":"usr/lib/{package}"}}],"Cvss":[{{"BaseScore":{score}.{tenth},"BaseVector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N","Source":"NVD"}}],"Vendor":{{"Name":"NVD","Url":"https://nvd.nist.gov/vuln/detail/{cve}"}},"FixAvailable":"YES","ExploitAvailable":"NO"}}],"#,
                fixed = minor + 1,
                score = 3 + prose.roll() % 6,
                tenth = prose.roll() % 10,
            )
        }
        Extra::Threat => r#""Action":{"ActionType":"NETWORK_CONNECTION","NetworkConnectionAction":{"ConnectionDirection":"INBOUND","Protocol":"TCP","Blocked":false,"RemoteIpDetails":{"IpAddressV4":"<stranger>","Organization":{"Asn":64500,"Org":"Example"}},"EventId":"<trace>"}},"ThreatIntelIndicators":[{"Type":"IPV4_ADDRESS","Value":"<stranger>","Category":"COMMAND_AND_CONTROL","LastObservedAt":"<updated>","Source":"Example Intelligence"}],"#.to_owned(),
        Extra::Nothing => String::new(),
    }
}

/// Type, id and details of a resource, as the members of its object.
const fn described(resource: Resource) -> &'static str {
    match resource {
        Instance => {
            r#""Type":"AwsEc2Instance","Id":"arn:aws:ec2:<region>:<account>:instance/i-<resource>","Details":{"AwsEc2Instance":{"Type":"m5.large","ImageId":"ami-<image>","IpV4Addresses":["<address>"],"KeyName":"team-<team>","IamInstanceProfileArn":"arn:aws:iam::<account>:instance-profile/team-<team>","VpcId":"vpc-<network>","SubnetId":"subnet-<subnet>","LaunchedAt":"2026-01-05T08:00:00.000Z"}}"#
        }
        Image => {
            r#""Type":"AwsEcrContainerImage","Id":"arn:aws:ecr:<region>:<account>:repository/service-<team>/sha256:<resource>","Details":{"AwsEcrContainerImage":{"RegistryId":"<account>","RepositoryName":"service-<team>","Architecture":"amd64","ImageTags":["build-<user>"],"ImagePublishedAt":"2026-03-01T10:00:00.000Z"}}"#
        }
        Function => {
            r#""Type":"AwsLambdaFunction","Id":"arn:aws:lambda:<region>:<account>:function:service-<team>-<user>","Details":{"AwsLambdaFunction":{"FunctionName":"service-<team>-<user>","Runtime":"python3.12","Role":"arn:aws:iam::<account>:role/service-<team>","MemorySize":512,"Timeout":30,"LastModified":"2026-03-01T10:00:00.000Z"}}"#
        }
        Bucket => {
            r#""Type":"AwsS3Bucket","Id":"arn:aws:s3:::team-<team>-<stage>-<resource>","Details":{"AwsS3Bucket":{"OwnerId":"f00d<account>cafe<account>0123456789abcdef0123456789abcdef","OwnerName":"owner-<team>","CreatedAt":"2025-03-01T10:00:00.000Z"}}"#
        }
        User => {
            r#""Type":"AwsIamUser","Id":"arn:aws:iam::<account>:user/person-<user>","Details":{"AwsIamUser":{"UserName":"person-<user>","UserId":"AIDAEXAMPLE<user>","Path":"/","CreateDate":"2024-06-01T00:00:00.000Z"}}"#
        }
        AccessKey => {
            r#""Type":"AwsIamAccessKey","Id":"AWS::IAM::AccessKey:AKIA<resource>","Details":{"AwsIamAccessKey":{"PrincipalId":"AIDAEXAMPLE<user>","PrincipalName":"person-<user>","PrincipalType":"IAMUser","Status":"Active"}}"#
        }
        SecurityGroup => {
            r#""Type":"AwsEc2SecurityGroup","Id":"arn:aws:ec2:<region>:<account>:security-group/sg-<resource>","Details":{"AwsEc2SecurityGroup":{"GroupName":"team-<team>","GroupId":"sg-<resource>","OwnerId":"<account>","VpcId":"vpc-<network>"}}"#
        }
        Database => {
            r#""Type":"AwsRdsDbInstance","Id":"arn:aws:rds:<region>:<account>:db:team-<team>-<user>","Details":{"AwsRdsDbInstance":{"DBInstanceIdentifier":"team-<team>-<user>","Engine":"postgres","EngineVersion":"16.3","StorageEncrypted":true,"DbiResourceId":"db-<resource>"}}"#
        }
        Key => {
            r#""Type":"AwsKmsKey","Id":"arn:aws:kms:<region>:<account>:key/<resource>","Details":{"AwsKmsKey":{"AWSAccountId":"<account>","KeyId":"<resource>","KeyManager":"CUSTOMER","KeyState":"Enabled"}}"#
        }
    }
}

/// Words that mean little, as many different ones as such texts have.
struct Prose(u64);

const STARTS: [&str; 24] = [
    "con", "re", "in", "de", "pro", "ex", "trans", "sub", "inter", "over", "under", "pre", "dis",
    "com", "per", "ob", "ad", "super", "contra", "intro", "extra", "post", "mal", "bene",
];
const MIDDLES: [&str; 28] = [
    "fig", "sign", "tract", "port", "vert", "ject", "duct", "form", "struct", "scrib", "mit",
    "cept", "tain", "spect", "press", "fer", "pos", "vid", "mov", "serv", "clud", "gress", "quir",
    "sist", "solv", "sum", "tend", "volv",
];
const ENDS: [&str; 12] = [
    "ation", "ed", "ing", "s", "ment", "ive", "able", "or", "ure", "al", "ence", "e",
];
const SMALL: [&str; 20] = [
    "the", "of", "a", "is", "to", "and", "in", "that", "for", "not", "with", "it", "are", "on",
    "this", "by", "be", "has", "or", "no",
];

impl Prose {
    fn roll(&mut self) -> u64 {
        self.0 = scatter(self.0);
        self.0 >> 16
    }

    fn word(&mut self) -> String {
        // Squaring the die makes some words frequent.
        let mut pick = |parts: &[&'static str]| {
            let share = (self.roll() % 1_000) as f64 / 1_000.0;
            parts[(share * share * parts.len() as f64) as usize]
        };
        format!("{}{}{}", pick(&STARTS), pick(&MIDDLES), pick(&ENDS))
    }

    fn sentence(&mut self, words: usize) -> String {
        let words: Vec<String> = (0..words)
            .map(|at| match at % 2 {
                0 => SMALL[self.roll() as usize % SMALL.len()].to_owned(),
                _ => self.word(),
            })
            .collect();
        let sentence = words.join(" ");
        format!("{}{}", sentence[..1].to_uppercase(), &sentence[1..])
    }

    /// Sentences of about so many bytes.
    fn text(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            let words = 7 + (self.roll() % 9) as usize;
            text += &self.sentence(words);
            text += ". ";
        }
        text.pop();
        text
    }
}

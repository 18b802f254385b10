//! The services that are called: what they are named where, and how they want to be asked.
//!
//! Source: the endpoint rule sets and service models that AWS publishes with its SDKs.

use muster_common::account::{Partition, Region};

/// A service that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    AccessAnalyzer,
    Account,
    CloudTrail,
    CloudWatch,
    Config,
    Ec2,
    Efs,
    GuardDuty,
    Iam,
    Inspector2,
    Kms,
    Logs,
    Macie2,
    Rds,
    S3,
    S3Control,
    SecurityHub,
    Sns,
}

/// How a service wants to be asked, and how it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// A method and a path; JSON.
    RestJson,
    /// Everything is a POST with a target; JSON.
    Json { target: &'static str },
    /// A form with an action; XML.
    Query { version: &'static str },
    /// As `Query`, with lists written otherwise and no element around the result.
    Ec2 { version: &'static str },
    /// A method and a path; XML.
    RestXml,
}

/// The names of a service.
struct Names {
    /// In signatures.
    signing: &'static str,
    /// The first part of the host.
    host: &'static str,
    /// In `AWS_ENDPOINT_URL_{ID}` and in `services` sections of the AWS configuration.
    id: &'static str,
}

const fn names(signing: &'static str, host: &'static str, id: &'static str) -> Names {
    Names { signing, host, id }
}

impl Service {
    const fn names(self) -> Names {
        match self {
            Self::AccessAnalyzer => names("access-analyzer", "access-analyzer", "AccessAnalyzer"),
            Self::Account => names("account", "account", "Account"),
            Self::CloudTrail => names("cloudtrail", "cloudtrail", "CloudTrail"),
            Self::CloudWatch => names("monitoring", "monitoring", "CloudWatch"),
            Self::Config => names("config", "config", "Config Service"),
            Self::Ec2 => names("ec2", "ec2", "EC2"),
            Self::Efs => names("elasticfilesystem", "elasticfilesystem", "EFS"),
            Self::GuardDuty => names("guardduty", "guardduty", "GuardDuty"),
            Self::Iam => names("iam", "iam", "IAM"),
            Self::Inspector2 => names("inspector2", "inspector2", "Inspector2"),
            Self::Kms => names("kms", "kms", "KMS"),
            Self::Logs => names("logs", "logs", "CloudWatch Logs"),
            Self::Macie2 => names("macie2", "macie2", "Macie2"),
            Self::Rds => names("rds", "rds", "RDS"),
            Self::S3 => names("s3", "s3", "S3"),
            Self::S3Control => names("s3", "s3-control", "S3 Control"),
            Self::SecurityHub => names("securityhub", "securityhub", "SecurityHub"),
            Self::Sns => names("sns", "sns", "SNS"),
        }
    }

    pub(super) const fn signing_name(self) -> &'static str {
        self.names().signing
    }

    pub(super) const fn id(self) -> &'static str {
        self.names().id
    }

    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::AccessAnalyzer
            | Self::Account
            | Self::Efs
            | Self::GuardDuty
            | Self::Inspector2
            | Self::Macie2
            | Self::SecurityHub => Protocol::RestJson,
            Self::CloudTrail => Protocol::Json {
                target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
            },
            Self::Config => Protocol::Json {
                target: "StarlingDoveService",
            },
            Self::Kms => Protocol::Json {
                target: "TrentService",
            },
            Self::Logs => Protocol::Json {
                target: "Logs_20140328",
            },
            Self::CloudWatch => Protocol::Query {
                version: "2010-08-01",
            },
            Self::Iam => Protocol::Query {
                version: "2010-05-08",
            },
            Self::Rds => Protocol::Query {
                version: "2014-10-31",
            },
            Self::Sns => Protocol::Query {
                version: "2010-03-31",
            },
            Self::Ec2 => Protocol::Ec2 {
                version: "2016-11-15",
            },
            Self::S3 | Self::S3Control => Protocol::RestXml,
        }
    }

    /// Calls that may be under way in a Region at the same time. AWS publishes rates for some: a few calls a second where
    /// there is little to describe, hundreds for S3, SNS and KMS; and who else works in the account shares them.
    pub(super) const fn at_once(self) -> usize {
        match self {
            Self::S3 => 32,
            Self::Kms | Self::Sns => 16,
            Self::Ec2 | Self::Efs | Self::Iam | Self::Rds => 8,
            Self::AccessAnalyzer
            | Self::Account
            | Self::CloudTrail
            | Self::CloudWatch
            | Self::Config
            | Self::GuardDuty
            | Self::Inspector2
            | Self::Logs
            | Self::Macie2
            | Self::S3Control
            | Self::SecurityHub => 4,
        }
    }

    /// Where the service is, seen from a Region: the same place for the few that a partition has once.
    pub(super) fn seat(self, region: &Region) -> Region {
        let seat = match (self, Partition::of(region)) {
            (Self::Account | Self::Iam, Partition::Aws) => "us-east-1",
            (Self::Account, Partition::China) => "cn-northwest-1",
            (Self::Iam, Partition::China) => "cn-north-1",
            (Self::Account | Self::Iam, Partition::GovCloud) => "us-gov-west-1",
            (Self::Account | Self::Iam, Partition::EuropeanSovereign) => "eusc-de-east-1",
            (_, _) => return region.clone(),
        };
        seat.parse().unwrap_or_else(|_| region.clone())
    }

    /// The endpoint in a Region, which is the service's [seat](Service::seat).
    pub(super) fn endpoint(self, seat: &Region) -> String {
        let partition = Partition::of(seat);
        let (host, suffix) = (self.names().host, partition.dns_suffix());
        match (self, partition) {
            (Self::Iam, Partition::Aws) => format!("https://iam.{suffix}"),
            (Self::Iam, Partition::GovCloud) => format!("https://iam.us-gov.{suffix}"),
            (_, _) => format!("https://{host}.{seat}.{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_asked_where_it_is() {
        for (service, region, seat, endpoint) in [
            (
                Service::Iam,
                "eu-west-1",
                "us-east-1",
                "https://iam.amazonaws.com",
            ),
            (
                Service::Iam,
                "us-gov-east-1",
                "us-gov-west-1",
                "https://iam.us-gov.amazonaws.com",
            ),
            (
                Service::Iam,
                "cn-northwest-1",
                "cn-north-1",
                "https://iam.cn-north-1.amazonaws.com.cn",
            ),
            (
                Service::Account,
                "eu-west-1",
                "us-east-1",
                "https://account.us-east-1.amazonaws.com",
            ),
            (
                Service::CloudWatch,
                "eu-west-1",
                "eu-west-1",
                "https://monitoring.eu-west-1.amazonaws.com",
            ),
            (
                Service::Ec2,
                "cn-north-1",
                "cn-north-1",
                "https://ec2.cn-north-1.amazonaws.com.cn",
            ),
        ] {
            let region: Region = region.parse().unwrap();
            let found = service.seat(&region);
            assert_eq!(found.as_str(), seat);
            assert_eq!(service.endpoint(&found), endpoint);
        }
    }
}

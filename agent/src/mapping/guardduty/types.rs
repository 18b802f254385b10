//! The types that Security Hub gives to GuardDuty's finding types.
//!
//! Source: GuardDuty user guide, "Integrating with AWS Security Hub", table of finding types. A type that the table does
//! not list follows the others of its purpose. Where a published finding differs from the table (`DefenseEvasion:EC2`,
//! `Persistence:IAMUser`), the finding counts.

/// The types for a finding type `Purpose:Resource/Family`.
pub(super) fn of(kind: &str) -> Vec<String> {
    let Some((purpose, about)) = kind.split_once(':') else {
        return vec![format!("TTPs/{}", hyphened(kind))];
    };
    let (resource, family) = about.split_once('/').unwrap_or((about, ""));
    let whole = hyphened(kind);
    let first = match form(purpose, resource, family) {
        Form::Under(category) => format!("{category}/{whole}"),
        Form::UnderPurpose => format!("TTPs/{}/{whole}", spaced(purpose)),
        Form::BarePurpose => format!("TTPs/{}/{}", spaced(purpose), hyphened(about)),
        Form::Flat => format!("TTPs/{whole}"),
        Form::AsItIs => format!("TTPs/{kind}"),
        Form::Anomaly(what) => format!("TTPs/AnomalousBehavior/{purpose}:{resource}-{what}"),
    };
    let second = match (purpose, resource) {
        ("CryptoCurrency", "Lambda") => Some("Effects/Resource Consumption"),
        ("Persistence", "IAMUser") if family != "AnomalousBehavior" => {
            Some("Unusual Behaviors/User")
        }
        (_, _) => None,
    };
    let second = second.map(|category| format!("{category}/{whole}"));
    std::iter::once(first).chain(second).collect()
}

/// How a type is put together.
enum Form<'a> {
    /// `{category}/Purpose:Resource-Family`
    Under(&'static str),
    /// `TTPs/{Purpose in words}/Purpose:Resource-Family`
    UnderPurpose,
    /// `TTPs/{Purpose in words}/Resource-Family`
    BarePurpose,
    /// `TTPs/Purpose:Resource-Family`
    Flat,
    /// `TTPs/Purpose:Resource/Family`
    AsItIs,
    /// `TTPs/AnomalousBehavior/Purpose:Resource-{what is unusual}`
    Anomaly(&'a str),
}

fn form<'a>(purpose: &str, resource: &str, family: &'a str) -> Form<'a> {
    let reputation = family.ends_with(".Reputation");
    match (purpose, resource) {
        ("AttackSequence", _) | ("PenTest", "IAMUser") => Form::AsItIs,
        ("PenTest", _) => Form::Flat,
        (_, "Kubernetes") => kubernetes(purpose, family),
        (_, "IAMUser") if family == "AnomalousBehavior" => Form::BarePurpose,
        ("Discovery", "RDS") => Form::BarePurpose,
        ("Discovery" | "Exfiltration" | "Impact", "S3") => Form::Flat,
        ("Impact", "EC2") if reputation => Form::Flat,
        ("Policy", "S3") if family == "BucketBlockPublicAccessDisabled" => {
            Form::Under("Effects/Data Exposure")
        }
        ("Policy", _) => Form::Flat,
        ("Behavior", _) => Form::Under("Unusual Behaviors/VM"),
        ("ResourceConsumption", _) => Form::Under("Unusual Behaviors/User"),
        ("Backdoor" | "CryptoCurrency", _) => Form::Under(COMMAND_AND_CONTROL),
        ("Recon", _) => Form::Under("TTPs/Discovery"),
        ("Stealth", _) => Form::Under("TTPs/Defense Evasion"),
        ("Trojan", _) => trojan(family),
        ("UnauthorizedAccess", _) => unauthorized(resource, family),
        ("PrivilegeEscalation", "Runtime") if family == "SuspiciousCommand" => {
            Form::Under("Software and Configuration Checks")
        }
        ("DefenseEvasion", "Runtime")
            if matches!(family, "PtraceAntiDebugging" | "SuspiciousCommand") =>
        {
            Form::Under("TTPs/DefenseEvasion")
        }
        (_, _) => Form::UnderPurpose,
    }
}

const COMMAND_AND_CONTROL: &str = "TTPs/Command and Control";
const DATA_EXFILTRATION: &str = "Effects/Data Exfiltration";

/// Purposes of one word stay as they are; those of several stand unspaced with EKS findings.
fn kubernetes<'a>(purpose: &str, family: &'a str) -> Form<'a> {
    if let Some(what) = family.strip_prefix("AnomalousBehavior.") {
        return Form::Anomaly(what);
    }
    match purpose {
        "Policy" => Form::Under("Software and Configuration Checks/AWS Security Best Practices"),
        "CredentialAccess" => Form::Under("TTPs/CredentialAccess"),
        "DefenseEvasion" => Form::Under("TTPs/DefenseEvasion"),
        "PrivilegeEscalation" => Form::Under("TTPs/PrivilegeEscalation"),
        _ => Form::UnderPurpose,
    }
}

fn trojan(family: &str) -> Form<'static> {
    if family.starts_with("DriveBySourceTraffic") {
        Form::Under("TTPs/Initial Access")
    } else if family.starts_with("DropPoint") {
        Form::Under(DATA_EXFILTRATION)
    } else {
        Form::Under(COMMAND_AND_CONTROL)
    }
}

fn unauthorized(resource: &str, family: &str) -> Form<'static> {
    let name = family.split(['.', '!']).next().unwrap_or(family);
    match (resource, name) {
        ("S3", _) => Form::Flat,
        (_, "RDPBruteForce" | "SSHBruteForce") => Form::Under("TTPs/Initial Access"),
        (_, "TorClient" | "TorRelay") => Form::Under("Effects/Resource Consumption"),
        (_, "ConsoleLogin") => Form::Under("Unusual Behaviors/User"),
        (_, "InstanceCredentialExfiltration" | "ResourceCredentialExfiltration") => {
            Form::Under(DATA_EXFILTRATION)
        }
        ("EC2" | "Lambda", "MaliciousIPCaller") | ("IAMUser", "TorIPCaller") => {
            Form::Under(COMMAND_AND_CONTROL)
        }
        (_, _) => Form::Flat,
    }
}

fn hyphened(kind: &str) -> String {
    kind.replace('/', "-")
}

/// `CredentialAccess` in words: `Credential Access`.
fn spaced(purpose: &str) -> String {
    let mut words = String::with_capacity(purpose.len() + 2);
    for letter in purpose.chars() {
        if letter.is_ascii_uppercase() && words.ends_with(|last: char| last.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.push(letter);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &[
        "AttackSequence:IAM/CompromisedCredentials",
        "Backdoor:EC2/C&CActivity.B!DNS",
        "Behavior:EC2/TrafficVolumeUnusual",
        "CredentialAccess:IAMUser/AnomalousBehavior",
        "CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed",
        "CredentialAccess:Kubernetes/TorIPCaller",
        "CredentialAccess:RDS/AnomalousBehavior.FailedLogin",
        "CryptoCurrency:Lambda/BitcoinTool.B",
        "CryptoCurrency:Runtime/BitcoinTool.B!DNS",
        "DefenseEvasion:EC2/UnusualDNSResolver",
        "DefenseEvasion:Runtime/FilelessExecution",
        "DefenseEvasion:Runtime/PtraceAntiDebugging",
        "DefenseImpairment:EC2/DisableOrModifyTools",
        "Discovery:Kubernetes/MaliciousIPCaller",
        "Discovery:RDS/TorIPCaller",
        "Discovery:S3/AnomalousBehavior",
        "Execution:EC2/MaliciousFile",
        "Exfiltration:IAMUser/AnomalousBehavior",
        "Impact:EC2/AbusedDomainRequest.Reputation",
        "Impact:EC2/PortSweep",
        "InitialAccess:IAMUser/AnomalousBehavior",
        "Object:S3/MaliciousFile",
        "PenTest:IAMUser/KaliLinux",
        "Persistence:IAMUser/NetworkPermissions",
        "PenTest:S3/KaliLinux",
        "Policy:IAMUser/RootCredentialUsage",
        "Policy:Kubernetes/ExposedDashboard",
        "Policy:S3/BucketBlockPublicAccessDisabled",
        "PrivilegeEscalation:Kubernetes/PrivilegedContainer",
        "PrivilegeEscalation:Runtime/DockerSocketAccessed",
        "PrivilegeEscalation:Runtime/SuspiciousCommand",
        "Recon:EC2/PortProbeUnprotectedPort",
        "Stealth:S3/ServerAccessLoggingDisabled",
        "Trojan:EC2/DNSDataExfiltration",
        "Trojan:EC2/DropPoint!DNS",
        "Trojan:Runtime/DriveBySourceTraffic!DNS",
        "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom",
        "UnauthorizedAccess:EC2/MetadataDNSRebind",
        "UnauthorizedAccess:EC2/SSHBruteForce",
        "UnauthorizedAccess:EC2/TorClient",
        "UnauthorizedAccess:IAMUser/ConsoleLogin",
        "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B",
        "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
        "UnauthorizedAccess:IAMUser/TorIPCaller",
        "UnauthorizedAccess:S3/TorIPCaller",
        "SomethingNew:EC2/Family",
        "neither purpose nor family",
    ];

    #[test]
    fn types_are_those_of_the_user_guide() {
        let types = KINDS.iter().map(|kind| of(kind).join(" + ") + "\n");
        insta::assert_snapshot!(types.collect::<String>(), @"
        TTPs/AttackSequence:IAM/CompromisedCredentials
        TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS
        Unusual Behaviors/VM/Behavior:EC2-TrafficVolumeUnusual
        TTPs/Credential Access/IAMUser-AnomalousBehavior
        TTPs/AnomalousBehavior/CredentialAccess:Kubernetes-SecretsAccessed
        TTPs/CredentialAccess/CredentialAccess:Kubernetes-TorIPCaller
        TTPs/Credential Access/CredentialAccess:RDS-AnomalousBehavior.FailedLogin
        TTPs/Command and Control/CryptoCurrency:Lambda-BitcoinTool.B + Effects/Resource Consumption/CryptoCurrency:Lambda-BitcoinTool.B
        TTPs/Command and Control/CryptoCurrency:Runtime-BitcoinTool.B!DNS
        TTPs/Defense Evasion/DefenseEvasion:EC2-UnusualDNSResolver
        TTPs/Defense Evasion/DefenseEvasion:Runtime-FilelessExecution
        TTPs/DefenseEvasion/DefenseEvasion:Runtime-PtraceAntiDebugging
        TTPs/Defense Impairment/DefenseImpairment:EC2-DisableOrModifyTools
        TTPs/Discovery/Discovery:Kubernetes-MaliciousIPCaller
        TTPs/Discovery/RDS-TorIPCaller
        TTPs/Discovery:S3-AnomalousBehavior
        TTPs/Execution/Execution:EC2-MaliciousFile
        TTPs/Exfiltration/IAMUser-AnomalousBehavior
        TTPs/Impact:EC2-AbusedDomainRequest.Reputation
        TTPs/Impact/Impact:EC2-PortSweep
        TTPs/Initial Access/IAMUser-AnomalousBehavior
        TTPs/Object/Object:S3-MaliciousFile
        TTPs/PenTest:IAMUser/KaliLinux
        TTPs/Persistence/Persistence:IAMUser-NetworkPermissions + Unusual Behaviors/User/Persistence:IAMUser-NetworkPermissions
        TTPs/PenTest:S3-KaliLinux
        TTPs/Policy:IAMUser-RootCredentialUsage
        Software and Configuration Checks/AWS Security Best Practices/Policy:Kubernetes-ExposedDashboard
        Effects/Data Exposure/Policy:S3-BucketBlockPublicAccessDisabled
        TTPs/PrivilegeEscalation/PrivilegeEscalation:Kubernetes-PrivilegedContainer
        TTPs/Privilege Escalation/PrivilegeEscalation:Runtime-DockerSocketAccessed
        Software and Configuration Checks/PrivilegeEscalation:Runtime-SuspiciousCommand
        TTPs/Discovery/Recon:EC2-PortProbeUnprotectedPort
        TTPs/Defense Evasion/Stealth:S3-ServerAccessLoggingDisabled
        TTPs/Command and Control/Trojan:EC2-DNSDataExfiltration
        Effects/Data Exfiltration/Trojan:EC2-DropPoint!DNS
        TTPs/Initial Access/Trojan:Runtime-DriveBySourceTraffic!DNS
        TTPs/Command and Control/UnauthorizedAccess:EC2-MaliciousIPCaller.Custom
        TTPs/UnauthorizedAccess:EC2-MetadataDNSRebind
        TTPs/Initial Access/UnauthorizedAccess:EC2-SSHBruteForce
        Effects/Resource Consumption/UnauthorizedAccess:EC2-TorClient
        Unusual Behaviors/User/UnauthorizedAccess:IAMUser-ConsoleLogin
        TTPs/UnauthorizedAccess:IAMUser-ConsoleLoginSuccess.B
        Effects/Data Exfiltration/UnauthorizedAccess:IAMUser-InstanceCredentialExfiltration.OutsideAWS
        TTPs/UnauthorizedAccess:IAMUser-MaliciousIPCaller
        TTPs/Command and Control/UnauthorizedAccess:IAMUser-TorIPCaller
        TTPs/UnauthorizedAccess:S3-TorIPCaller
        TTPs/Something New/SomethingNew:EC2-Family
        TTPs/neither purpose nor family
        ");
    }
}

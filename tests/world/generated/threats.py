"""The GuardDuty finding types that the generator knows: severity, what they befall, what was seen. Texts are our own."""

from typing import NamedTuple


class Threat(NamedTuple):
    """`resource` and `action` name the functions that build those parts; {name} in the title is the resource's."""

    type: str
    severity: float
    resource: str
    action: str
    title: str


THREATS = (
    Threat("Backdoor:EC2/C&CActivity.B", 8, "instance", "outbound", "{name} talks to a known command and control server"),
    Threat("Backdoor:EC2/C&CActivity.B!DNS", 8, "instance", "dns", "{name} looks up a command and control domain"),
    Threat("Backdoor:EC2/DenialOfService.Dns", 8, "instance", "outbound", "{name} behaves like part of a DNS flood"),
    Threat("Behavior:EC2/NetworkPortUnusual", 5, "instance", "outbound", "{name} talks on a port it never used before"),
    Threat("CryptoCurrency:EC2/BitcoinTool.B", 8, "instance", "outbound", "{name} talks to a mining pool"),
    Threat("CryptoCurrency:EC2/BitcoinTool.B!DNS", 8, "instance", "dns", "{name} looks up a mining pool"),
    Threat("Recon:EC2/PortProbeUnprotectedPort", 2, "instance", "probe", "An open port of {name} is being probed"),
    Threat("Recon:EC2/Portscan", 5, "instance", "outbound", "{name} scans the ports of another host"),
    Threat("Trojan:EC2/BlackholeTraffic", 5, "instance", "outbound", "{name} talks to an address that swallows malware traffic"),
    Threat("Trojan:EC2/DGADomainRequest.B", 8, "instance", "dns", "{name} looks up names that an algorithm made"),
    Threat("Trojan:EC2/DNSDataExfiltration", 8, "instance", "dns", "{name} carries data out in DNS queries"),
    Threat("Trojan:EC2/DropPoint!DNS", 5, "instance", "dns", "{name} looks up a place where stolen data is left"),
    Threat("UnauthorizedAccess:EC2/MetadataDNSRebind", 8, "instance", "dns", "{name} looks up a name that leads to its own metadata"),
    Threat("UnauthorizedAccess:EC2/RDPBruteForce", 2, "instance", "inbound", "Passwords for RDP are being tried on {name}"),
    Threat("UnauthorizedAccess:EC2/SSHBruteForce", 2, "instance", "inbound", "Passwords for SSH are being tried on {name}"),
    Threat("UnauthorizedAccess:EC2/TorClient", 8, "instance", "outbound", "{name} enters the Tor network"),
    Threat("Execution:Runtime/ReverseShell", 8, "instance", "runtime", "A process on {name} opened a reverse shell"),
    Threat("Execution:EC2/MaliciousFile", 8, "instance", "malware", "A volume of {name} holds a malicious file"),
    Threat("CredentialAccess:IAMUser/AnomalousBehavior", 5, "key", "api", "{name} reaches for credentials in an unusual way"),
    Threat("Discovery:IAMUser/AnomalousBehavior", 2, "key", "api", "{name} looks around in an unusual way"),
    Threat("Exfiltration:IAMUser/AnomalousBehavior", 8, "key", "api", "{name} takes data out in an unusual way"),
    Threat("PenTest:IAMUser/KaliLinux", 5, "key", "api", "{name} calls from an attacker's Linux distribution"),
    Threat("Persistence:IAMUser/AnomalousBehavior", 5, "key", "api", "{name} prepares to stay in an unusual way"),
    Threat("Policy:IAMUser/RootCredentialUsage", 2, "root", "api", "The root user called an API"),
    Threat("Recon:IAMUser/TorIPCaller", 5, "key", "api", "{name} lists resources from a Tor exit"),
    Threat("Stealth:IAMUser/CloudTrailLoggingDisabled", 2, "key", "api", "{name} stopped a trail"),
    Threat("Stealth:IAMUser/PasswordPolicyChange", 2, "key", "api", "{name} weakened the password policy"),
    Threat("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", 5, "key", "api", "{name} signed in from two far places"),
    Threat("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", 8, "key", "api", "Keys of {name} are used outside AWS"),
    Threat("Discovery:S3/MaliciousIPCaller", 8, "bucket", "api", "{name} is listed from a malicious address"),
    Threat("Exfiltration:S3/AnomalousBehavior", 8, "bucket", "api", "Objects of {name} are read in an unusual way"),
    Threat("Policy:S3/BucketBlockPublicAccessDisabled", 2, "bucket", "api", "Block Public Access of {name} was switched off"),
    Threat("Policy:S3/BucketPublicAccessGranted", 8, "bucket", "api", "{name} was opened to everybody"),
    Threat("Stealth:S3/ServerAccessLoggingDisabled", 2, "bucket", "api", "Access logging of {name} was switched off"),
    Threat("Discovery:Kubernetes/MaliciousIPCaller", 5, "cluster", "kubernetes", "{name} is explored from a malicious address"),
    Threat("Execution:Kubernetes/ExecInKubeSystemPod", 5, "cluster", "kubernetes", "A command ran in a system pod of {name}"),
    Threat(
        "Persistence:Kubernetes/ContainerWithSensitiveMount", 5, "cluster", "kubernetes", "A pod of {name} mounts a sensitive host path"
    ),
    Threat("PrivilegeEscalation:Kubernetes/PrivilegedContainer", 5, "cluster", "kubernetes", "A privileged container started in {name}"),
    Threat("CryptoCurrency:Runtime/BitcoinTool.B", 8, "service", "outbound", "A task of {name} talks to a mining pool"),
    Threat("Execution:Runtime/NewBinaryExecuted", 5, "service", "runtime", "A task of {name} ran a file that its image lacks"),
    Threat("CredentialAccess:RDS/AnomalousBehavior.FailedLogin", 2, "database", "login", "Unusual failed sign-ins to {name}"),
    Threat("CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce", 8, "database", "login", "A guessed password opened {name}"),
    Threat("Discovery:RDS/TorIPCaller", 5, "database", "login", "{name} is probed from a Tor exit"),
    Threat("Backdoor:Lambda/C&CActivity.B", 8, "function", "outbound", "{name} talks to a known command and control server"),
    Threat("CryptoCurrency:Lambda/BitcoinTool.B", 8, "function", "outbound", "{name} talks to a mining pool"),
    Threat("UnauthorizedAccess:Lambda/TorClient", 8, "function", "outbound", "{name} enters the Tor network"),
    Threat(
        "AttackSequence:IAM/CompromisedCredentials", 9, "key", "sequence", "Several signals show that keys of {name} are in foreign hands"
    ),
)
BANDS = {
    "LOW": tuple(threat for threat in THREATS if threat.severity < 4),
    "MEDIUM": tuple(threat for threat in THREATS if 4 <= threat.severity < 7),
    "HIGH": tuple(threat for threat in THREATS if 7 <= threat.severity < 9),
    "CRITICAL": tuple(threat for threat in THREATS if threat.severity >= 9),
}

"""What GuardDuty saw: the `action` of a finding's service part, or what stands there in place of one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .dice import DOMAINS, NETWORK_OWNERS, PLACES, Dice, epoch
from .estate import Estate
from .threats import Threat

CALLS = {
    "Policy:S3": ("s3.amazonaws.com", ("PutBucketPolicy", "PutBucketPublicAccessBlock")),
    "Stealth:S3": ("s3.amazonaws.com", ("PutBucketLogging",)),
    "Discovery:S3": ("s3.amazonaws.com", ("ListObjectsV2", "GetBucketAcl")),
    "Exfiltration:S3": ("s3.amazonaws.com", ("GetObject",)),
    "Stealth:IAMUser": ("cloudtrail.amazonaws.com", ("StopLogging", "DeleteTrail")),
    "UnauthorizedAccess:IAMUser": ("signin.amazonaws.com", ("ConsoleLogin",)),
}
OTHER_CALLS = ("iam.amazonaws.com", ("ListUsers", "CreateAccessKey", "GetAccountAuthorizationDetails", "AttachUserPolicy"))
AGENTS = ("aws-cli/2.22.0", "python-requests/2.32", "Boto3/1.35")


@dataclass(frozen=True)
class Scene:
    """Everything that an action may depend on."""

    dice: Dice
    estate: Estate
    threat: Threat
    subject: Any
    began: datetime
    ended: datetime


def _remote(dice: Dice) -> dict:
    city, code, country, lat, lon = dice.choice(PLACES)
    asn, asn_org, owner = dice.choice(NETWORK_OWNERS)
    return {
        "ipAddressV4": dice.address(),
        "organization": {"asn": asn, "asnOrg": asn_org, "isp": owner, "org": owner},
        "country": {"countryCode": code, "countryName": country},
        "city": {"cityName": city},
        "geoLocation": {"lat": lat, "lon": lon},
    }


def _api(scene: Scene) -> dict:
    service, calls = CALLS.get(scene.threat.type.partition("/")[0], OTHER_CALLS)
    call = {
        "api": scene.dice.choice(calls),
        "serviceName": service,
        "callerType": "Remote IP",
        "userAgent": scene.dice.choice(AGENTS),
        "remoteIpDetails": _remote(scene.dice),
        "affectedResources": {"AWS::S3::Bucket": scene.subject.name} if scene.threat.resource == "bucket" else {},
    }
    if scene.dice.random() < 0.2:
        call["errorCode"] = "AccessDenied"
        call["remoteAccountDetails"] = {"accountId": "999988887777", "affiliated": False}
    return {"action": {"actionType": "AWS_API_CALL", "awsApiCallAction": call}}


def _connection(scene: Scene, direction: str, ports: dict) -> dict:
    connection = {
        "connectionDirection": direction,
        "protocol": "TCP",
        "blocked": False,
        "localIpDetails": {"ipAddressV4": getattr(scene.subject, "private_ip", "10.20.9.9")},
        "remoteIpDetails": _remote(scene.dice),
    }
    return {"action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": connection | ports}}


def _outbound(scene: Scene) -> dict:
    port, name = scene.dice.choice(((443, "HTTPS"), (8333, "Unknown"), (9001, "Unknown"), (80, "HTTP")))
    local = {"port": scene.dice.randint(32768, 60999), "portName": "Unknown"}
    ports = {"localPortDetails": local, "remotePortDetails": {"port": port, "portName": name}}
    return _connection(scene, "OUTBOUND", ports)


def _inbound(scene: Scene) -> dict:
    port, name = (3389, "RDP") if "RDP" in scene.threat.type else (22, "SSH")
    remote = {"port": scene.dice.randint(32768, 60999), "portName": "Unknown"}
    return _connection(scene, "INBOUND", {"localPortDetails": {"port": port, "portName": name}, "remotePortDetails": remote})


def _probe(scene: Scene) -> dict:
    ports = scene.dice.sample(((22, "SSH"), (3389, "RDP"), (6379, "Unknown"), (9200, "Unknown")), scene.dice.randint(1, 3))
    probes = [
        {
            "localPortDetails": {"port": port, "portName": name},
            "localIpDetails": {"ipAddressV4": scene.subject.private_ip},
            "remoteIpDetails": _remote(scene.dice),
        }
        for port, name in ports
    ]
    return {"action": {"actionType": "PORT_PROBE", "portProbeAction": {"blocked": False, "portProbeDetails": probes}}}


def _dns(scene: Scene) -> dict:
    request = {"domain": scene.dice.choice(DOMAINS), "protocol": "UDP", "blocked": False, "vpcOwnerAccountId": scene.estate.account}
    return {"action": {"actionType": "DNS_REQUEST", "dnsRequestAction": request}}


def _login(scene: Scene) -> dict:
    attempt = {"user": "admin", "application": "mysql", "failedLoginAttempts": scene.dice.randint(1, 900)}
    attempt["successfulLoginAttempts"] = 1 if "Successful" in scene.threat.type else 0
    login = {"remoteIpDetails": _remote(scene.dice), "LoginAttributes": [attempt]}
    return {"action": {"actionType": "RDS_LOGIN_ATTEMPT", "rdsLoginAttemptAction": login}}


def _kubernetes(scene: Scene) -> dict:
    namespace, pod = scene.dice.choice(("kube-system", "default")), f"agent-{scene.dice.hex(5)}"
    call = {
        "requestUri": f"/api/v1/namespaces/{namespace}/pods/{pod}/exec",
        "verb": scene.dice.choice(("create", "list", "get")),
        "resource": "pods",
        "subresource": "exec",
        "namespace": namespace,
        "resourceName": pod,
        "sourceIPs": [scene.dice.address()],
        "userAgent": "kubectl/v1.31.0",
        "remoteIpDetails": _remote(scene.dice),
        "statusCode": scene.dice.choice((101, 200, 201, 403)),
    }
    return {"action": {"actionType": "KUBERNETES_API_CALL", "kubernetesApiCallAction": call}}


def _runtime(scene: Scene) -> dict:
    dice, parent = scene.dice, scene.dice.uuid()
    shell = {"name": "sh", "executablePath": "/bin/sh", "pid": 812, "namespacePid": 12, "userId": 0, "euid": 0, "uuid": parent}
    process = {
        "name": "updater",
        "executablePath": f"/tmp/.{dice.hex(6)}/updater",
        "executableSha256": dice.hex(64),
        "pid": dice.randint(900, 32000),
        "namespacePid": dice.randint(20, 400),
        "pwd": "/tmp",
        "startTime": epoch(scene.began),
        "uuid": dice.uuid(),
        "parentUuid": parent,
        "user": "root",
        "userId": 0,
        "euid": 0,
        "lineage": [shell | {"startTime": epoch(scene.began)}],
    }
    return {"featureName": "RuntimeMonitoring", "runtimeDetails": {"process": process, "context": {"modifiedAt": epoch(scene.began)}}}


def _malware(scene: Scene) -> dict:
    name, dice = "Trojan.Linux.Invented", scene.dice
    volume = f"arn:aws:ec2:{scene.estate.region}:{scene.estate.account}:volume/vol-0{dice.hex(16)}"
    path = {"filePath": f"/opt/{dice.hex(6)}/lib.so", "volumeArn": volume, "hash": dice.hex(64), "fileName": "lib.so"}
    found = {"name": name, "severity": "HIGH", "itemCount": 1, "filePaths": [path]}
    detections = {
        "scannedItemCount": {"totalGb": 30, "files": dice.randint(40_000, 200_000), "volumes": 1},
        "threatsDetectedItemCount": {"files": 1},
        "highestSeverityThreatDetails": {"severity": "HIGH", "threatName": name, "count": 1},
        "threatDetectedByName": {"itemCount": 1, "uniqueThreatNameCount": 1, "shortened": False, "threatNames": [found]},
    }
    scan = {"scanId": dice.hex(32), "scanStartedAt": epoch(scene.began), "scanCompletedAt": epoch(scene.ended), "sources": ["AWS"]}
    return {
        "featureName": "EbsVolumeScan",
        "ebsVolumeScanDetails": scan | {"scanDetections": detections, "scanType": "GUARDDUTY_INITIATED"},
    }


def _sequence(scene: Scene) -> dict:
    dice, user = scene.dice, scene.subject
    key = f"AKIA{user.id.upper()}"
    account = {"uid": scene.estate.account, "account": scene.estate.account}
    actor = {
        "id": "actor-1",
        "user": {"name": user.name, "uid": f"AIDA{user.id.upper()}", "type": "IAMUser", "credentialUid": key, "account": account},
    }
    times = {
        "createdAt": epoch(scene.began),
        "updatedAt": epoch(scene.ended),
        "firstSeenAt": epoch(scene.began),
        "lastSeenAt": epoch(scene.ended),
    }
    signals = [
        {"uid": dice.hex(32), "type": "CLOUD_TRAIL", "name": name, "severity": 5, "count": dice.randint(1, 9), "actorIds": ["actor-1"]}
        | times
        for name in ("CreateAccessKey", "StopLogging", "GetSecretValue")
    ]
    sequence = {
        "uid": dice.hex(32),
        "description": f"{user.name} made keys, stopped a trail and read a secret within a day.",
        "actors": [actor],
        "resources": [{"uid": key, "resourceType": "ACCESS_KEY", "accountId": scene.estate.account, "region": scene.estate.region}],
        "endpoints": [{"id": "endpoint-1", "ip": dice.address(), "connection": {"direction": "INBOUND"}}],
        "signals": signals,
        "sequenceIndicators": [{"key": "ATTACK_TACTIC", "values": ["Persistence", "Defense Evasion", "Credential Access"]}],
    }
    return {"featureName": "ExtendedThreatDetection", "detection": {"sequence": sequence}}


ACTIONS: dict[str, Callable[[Scene], dict]] = {
    "api": _api,
    "outbound": _outbound,
    "inbound": _inbound,
    "probe": _probe,
    "dns": _dns,
    "login": _login,
    "kubernetes": _kubernetes,
    "runtime": _runtime,
    "malware": _malware,
    "sequence": _sequence,
}

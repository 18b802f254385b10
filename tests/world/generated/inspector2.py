"""Inspector findings, as ListFindings returns them: flaws in packages and in code, and ports that can be reached."""

from datetime import datetime

from .dice import Dice, epoch
from .estate import Estate, Instance, Named
from .profiles import Profile
from .vulnerabilities import Vulnerability, vulnerabilities

KINDS = ("instance", "image", "function", "code", "network")
KIND_WEIGHTS = (50, 25, 12, 5, 8)
RUNTIMES = ("PYTHON_3_9", "NODEJS_18_X", "JAVA_17")
CODE_FLAWS = (
    ("python/hardcoded-credentials@v1.0", "Hardcoded credentials", "CWE-798", "CRITICAL"),
    ("python/sql-injection@v1.0", "SQL injection", "CWE-89", "HIGH"),
    ("python/log-injection@v1.0", "Log injection", "CWE-117", "MEDIUM"),
    ("python/insecure-temporary-file@v1.0", "Insecure temporary file", "CWE-377", "LOW"),
)
PORTS = ((22, "SSH", "HIGH"), (3389, "RDP", "HIGH"), (443, "HTTPS", "MEDIUM"), (8080, "HTTP", "LOW"), (5432, "PostgreSQL", "HIGH"))


def findings(estate: Estate, profile: Profile, count: int, until: datetime) -> list[dict]:
    """`count` findings about the estate, no two about the same flaw of the same resource."""
    dice = Dice("inspector2", estate.account, estate.region)
    made: dict[str, dict] = {}
    while len(made) < count:
        kind = dice.choices(KINDS, KIND_WEIGHTS)[0]
        flaw = MAKERS[kind](dice, estate, profile, count, until)
        finding = _frame(dice, estate, profile, until) | flaw
        made.setdefault(f"{finding['title']}|{finding['resources'][0]['id']}|{finding.get('codeVulnerabilityDetails')}", finding)
    return list(made.values())


def _frame(dice: Dice, estate: Estate, profile: Profile, until: datetime) -> dict:
    first, last = dice.life(until)
    status = dice.choice(("CLOSED", "SUPPRESSED")) if dice.random() < profile.settled else "ACTIVE"
    return {
        "findingArn": f"arn:aws:inspector2:{estate.region}:{estate.account}:finding/{dice.hex(32)}",
        "awsAccountId": estate.account,
        "status": status,
        "firstObservedAt": epoch(first),
        "lastObservedAt": epoch(last),
        "updatedAt": epoch(last),
    }


def _instance_package(dice: Dice, estate: Estate, profile: Profile, count: int, until: datetime) -> dict:
    flaw = _flaw(dice, profile, count)
    return _package(dice, flaw, _instance_resource(estate, dice.skewed(estate.instances)), {})


def _image_package(dice: Dice, estate: Estate, profile: Profile, count: int, until: datetime) -> dict:
    image, flaw = dice.skewed(estate.images), _flaw(dice, profile, count)
    digest = f"sha256:{image.id}"
    details = {
        "repositoryName": image.name,
        "imageTags": ["1.4.2", "stable"],
        "pushedAt": epoch(estate.buckets[0].created),
        "architecture": "amd64",
        "author": "builder@example.com",
        "imageHash": digest,
        "registry": estate.account,
        "platform": "ORCHARD_LINUX_4",
        "inUseCount": dice.randint(0, 6),
    }
    resource = _resource(estate, "AWS_ECR_CONTAINER_IMAGE", f"{image.arn}/{digest}", image.name, {"awsEcrContainerImage": details})
    return _package(dice, flaw, resource, {"sourceLayerHash": f"sha256:{dice.hex(64)}"})


def _function_package(dice: Dice, estate: Estate, profile: Profile, count: int, until: datetime) -> dict:
    function, flaw = dice.skewed(estate.functions), _flaw(dice, profile, count)
    return _package(dice, flaw, _function_resource(dice, estate, function), {"filePath": f"site-packages/{flaw.package}/METADATA"})


def _function_code(dice: Dice, estate: Estate, profile: Profile, count: int, until: datetime) -> dict:
    function, line = dice.skewed(estate.functions), dice.randint(1, 40 + count)
    detector, name, cwe, severity = dice.choice(CODE_FLAWS)
    details = {
        "cwes": [cwe],
        "detectorId": detector,
        "detectorName": name,
        "detectorTags": ["security", cwe.lower()],
        "filePath": {"fileName": "handler.py", "filePath": "handler.py", "startLine": line, "endLine": line + 2},
        "referenceUrls": [f"https://cwe.example.com/{cwe}"],
        "ruleId": f"Rule-{dice.randint(1000, 9999)}",
    }
    return {
        "type": "CODE_VULNERABILITY",
        "title": f"{cwe} - {name}",
        "description": f"{name} in line {line} of handler.py of {function.name}.",
        "severity": severity,
        "remediation": {"recommendation": {"text": "Change the code as the rule explains."}},
        "resources": [_function_resource(dice, estate, function)],
        "codeVulnerabilityDetails": details,
    }


def _reachable_port(dice: Dice, estate: Estate, profile: Profile, count: int, until: datetime) -> dict:
    instance = dice.skewed(estate.instances)
    port, service, severity = dice.choice(PORTS) if dice.random() < 0.5 else (dice.randint(1024, 65535), "UNKNOWN", "MEDIUM")
    steps = (
        (f"igw-0{dice.hex(16)}", "AWS::EC2::InternetGateway"),
        (f"acl-0{dice.hex(16)}", "AWS::EC2::NetworkAcl"),
        (estate.security_group, "AWS::EC2::SecurityGroup"),
        (instance.interface, "AWS::EC2::NetworkInterface"),
        (instance.id, "AWS::EC2::Instance"),
    )
    path = [{"componentId": component, "componentType": kind} for component, kind in steps]
    return {
        "type": "NETWORK_REACHABILITY",
        "title": f"Port {port} is reachable from an Internet Gateway - TCP",
        "description": f"On the instance {instance.id}, port {port} ({service}) can be reached from the internet through {steps[0][0]}.",
        "severity": severity,
        "remediation": {"recommendation": {"text": f"Close port {port} in the security group {estate.security_group}."}},
        "resources": [_instance_resource(estate, instance)],
        "networkReachabilityDetails": {
            "openPortRange": {"begin": port, "end": port},
            "protocol": "TCP",
            "networkPath": {"steps": path},
        },
    }


def _flaw(dice: Dice, profile: Profile, count: int) -> Vulnerability:
    """A vulnerability of a severity that the profile draws, the famous ones more often."""
    return dice.skewed(vulnerabilities(profile.severity(dice), 48 + count))


def _package(dice: Dice, flaw: Vulnerability, resource: dict, place: dict) -> dict:
    vulnerable = {
        "name": flaw.package,
        "version": flaw.version,
        "epoch": 0,
        "release": "1.or4",
        "arch": "X86_64",
        "packageManager": flaw.manager,
        "fixedInVersion": f"0:{flaw.fixed}" if flaw.fixed else "NotAvailable",
        "remediation": f"orchard-pkg upgrade {flaw.package}" if flaw.fixed else "NotAvailable",
    }
    scored = {"baseScore": flaw.score, "scoringVector": flaw.vector, "version": "3.1", "source": "NVD"}
    adjusted = {
        "scoreSource": "NVD",
        "cvssSource": "NVD",
        "version": "3.1",
        "score": flaw.score,
        "scoringVector": flaw.vector,
        "adjustments": [],
    }
    details = {
        "vulnerabilityId": flaw.id,
        "vulnerablePackages": [vulnerable | place],
        "source": "NVD",
        "sourceUrl": f"https://vulnerabilities.example.com/{flaw.id}",
        "cvss": [scored],
        "relatedVulnerabilities": [],
        "vendorSeverity": flaw.severity.capitalize(),
        "vendorCreatedAt": 1_700_000_000 + int(flaw.id[-5:]),
        "vendorUpdatedAt": 1_710_000_000 + int(flaw.id[-5:]),
        "referenceUrls": [f"https://advisories.example.com/{flaw.package}/{flaw.id}"],
    }
    finding = {
        "type": "PACKAGE_VULNERABILITY",
        "title": f"{flaw.id} - {flaw.package}",
        "description": flaw.description,
        "severity": flaw.severity,
        "inspectorScore": flaw.score,
        "inspectorScoreDetails": {"adjustedCvss": adjusted},
        "epss": {"score": flaw.epss},
        "exploitAvailable": "YES" if flaw.exploited else "NO",
        "fixAvailable": "YES" if flaw.fixed else "NO",
        "remediation": {"recommendation": {"text": "None Provided"}},
        "resources": [resource],
        "packageVulnerabilityDetails": details,
    }
    if flaw.exploited:
        finding["exploitabilityDetails"] = {"lastKnownExploitAt": details["vendorUpdatedAt"]}
    return finding


def _instance_resource(estate: Estate, instance: Instance) -> dict:
    details = {
        "type": instance.type,
        "imageId": instance.image,
        "ipV4Addresses": [instance.private_ip, instance.public_ip],
        "ipV6Addresses": [],
        "iamInstanceProfileArn": f"arn:aws:iam::{estate.account}:instance-profile/app-runtime",
        "vpcId": estate.vpc,
        "subnetId": estate.subnet,
        "launchedAt": epoch(instance.launched),
        "platform": "ORCHARD_LINUX_4",
    }
    return _resource(estate, "AWS_EC2_INSTANCE", instance.id, instance.name, {"awsEc2Instance": details})


def _function_resource(dice: Dice, estate: Estate, function: Named) -> dict:
    details = {
        "functionName": function.name,
        "runtime": RUNTIMES[int(function.id[0], 16) % len(RUNTIMES)],
        "codeSha256": function.id,
        "version": "$LATEST",
        "executionRoleArn": f"arn:aws:iam::{estate.account}:role/app-runtime",
        "packageType": "ZIP",
        "architectures": ["X86_64"],
        "lastModifiedAt": epoch(estate.buckets[0].created),
    }
    return _resource(estate, "AWS_LAMBDA_FUNCTION", f"{function.arn}:$LATEST", function.name, {"awsLambdaFunction": details})


def _resource(estate: Estate, kind: str, identity: str, name: str, details: dict) -> dict:
    return {"type": kind, "id": identity, "partition": "aws", "region": estate.region, "tags": estate.tags(name), "details": details}


MAKERS = {
    "instance": _instance_package,
    "image": _image_package,
    "function": _function_package,
    "code": _function_code,
    "network": _reachable_port,
}

"""VPCs: the default one of each Region and one more, their flow logs, network ACLs, security groups, endpoints."""

from typing import NamedTuple

from .site import Site

ANYWHERE, ANYWHERE_6 = "0.0.0.0/0", "::/0"
ENDPOINTS = ("ec2", "ecr.api", "ecr.dkr", "ssm", "ssm-contacts", "ssm-incidents")
ENDPOINT_CONTROLS = ("EC2.10", "EC2.55", "EC2.56", "EC2.57", "EC2.58", "EC2.60")


class Group(NamedTuple):
    """A security group that lets one range of ports in, and the controls that it breaks."""

    name: str
    protocol: str
    ports: tuple[int, int]
    sources: tuple[str, ...]
    breaks: frozenset[str]


def _group(name: str, protocol: str, ports: tuple[int, int], sources: tuple[str, ...], breaks: str = "") -> Group:
    return Group(name, protocol, ports, sources, frozenset(f"EC2.{number}" for number in breaks.split()))


GROUP_CONTROLS = ("EC2.13", "EC2.14", "EC2.18", "EC2.19", "EC2.53", "EC2.54")
WEB = _group("web", "tcp", (443, 443), (ANYWHERE, ANYWHERE_6))
ADMIN = _group("admin", "tcp", (22, 22), ("10.0.0.0/8",))
SSH = _group("ssh", "tcp", (22, 22), (ANYWHERE,), "13 18 19 53")
RDP_6 = _group("rdp-v6", "tcp", (3389, 3389), (ANYWHERE_6,), "14 18 19 54")
RANGE = _group("range", "tcp", (20, 4000), (ANYWHERE, ANYWHERE_6), "13 14 18 19 53 54")
ALL = _group("all", "-1", (-1, -1), (ANYWHERE,), "13 14 18 19 53")
GROUPS = {"hardened": (WEB, ADMIN), "mixed": (WEB, ADMIN, SSH, RDP_6), "bad": (SSH, RDP_6, RANGE, ALL)}
BARE_DEFAULT_GROUPS = {"hardened": "everywhere", "mixed": "at home", "bad": "nowhere"}
OPEN_ACLS = {"hardened": (), "mixed": ("open",), "bad": ("open", "open-v6")}


def configure(site: Site) -> None:
    for region in site.regions:
        ec2 = site.client("ec2", region)
        default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        second = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        _write_flow_logs(site, region, default, second)
        _empty_default_groups(site, region)
        _open_groups(site, region, default)
        _write_acls(site, region, default)
        _stay_inside(site, region, default, second)


def _arn(site: Site, region: str, kind: str, id: str) -> str:
    return f"arn:aws:ec2:{region}:{site.account}:{kind}/{id}"


def _write_flow_logs(site: Site, region: str, default: str, second: str) -> None:
    """The hardened account logs what is rejected in both VPCs, the mixed one everything in one and what is accepted in the other."""
    traffic = {"hardened": {default: "REJECT", second: "REJECT"}, "mixed": {default: "ALL", second: "ACCEPT"}, "bad": {}}[site.profile]
    for vpc, kind in traffic.items():
        target = {"LogDestinationType": "s3", "LogDestination": site.buckets[region]["logs"].arn}
        site.client("ec2", region).create_flow_logs(ResourceType="VPC", ResourceIds=[vpc], TrafficType=kind, **target)
    for vpc in (default, second):
        site.judge(traffic.get(vpc) in ("ALL", "REJECT"), "EC2.6", resource=_arn(site, region, "vpc", vpc), region=region)


def _empty_default_groups(site: Site, region: str) -> None:
    ec2 = site.client("ec2", region)
    bare = BARE_DEFAULT_GROUPS[site.profile] in ("everywhere", "at home" if region == site.home else "elsewhere")
    for group in ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]:
        if bare:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
        site.judge(bare, "EC2.2", resource=_arn(site, region, "security-group", group["GroupId"]), region=region)


def _open_groups(site: Site, region: str, vpc: str) -> None:
    ec2 = site.client("ec2", region)
    for group in GROUPS[site.profile]:
        id = ec2.create_security_group(GroupName=group.name, Description=f"lets {group.name} in", VpcId=vpc)["GroupId"]
        ports = {} if group.protocol == "-1" else {"FromPort": group.ports[0], "ToPort": group.ports[1]}
        v4 = [{"CidrIp": source} for source in group.sources if ":" not in source]
        v6 = [{"CidrIpv6": source} for source in group.sources if ":" in source]
        permission = {"IpProtocol": group.protocol, "IpRanges": v4, "Ipv6Ranges": v6} | ports
        ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[permission])
        for control in GROUP_CONTROLS:
            site.judge(control not in group.breaks, control, resource=_arn(site, region, "security-group", id), region=region)


def _write_acls(site: Site, region: str, vpc: str) -> None:
    """A default ACL lets everything in and is not judged by EC2.21; one that is in use passes EC2.16."""
    ec2 = site.client("ec2", region)
    closed = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    _enter(ec2, closed, ANYWHERE, (443, 443))
    _enter(ec2, closed, "10.0.0.0/8", (22, 22), rule=110)
    site.judge(True, "EC2.21", resource=_arn(site, region, "network-acl", closed), region=region)
    used = ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, {"Name": "vpc-id", "Values": [vpc]}])
    association = used["NetworkAcls"][0]["Associations"][0]["NetworkAclAssociationId"]
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=closed)
    site.judge(True, "EC2.16", resource=_arn(site, region, "network-acl", closed), region=region)
    for name in OPEN_ACLS[site.profile]:
        acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        _enter(ec2, acl, ANYWHERE if name == "open" else ANYWHERE_6, (0, 65535) if name == "open" else (3389, 3389))
        site.judge(False, "EC2.16", "EC2.21", resource=_arn(site, region, "network-acl", acl), region=region)


def _enter(ec2, acl: str, source: str, ports: tuple[int, int], rule: int = 100) -> None:
    source_block = {"Ipv6CidrBlock" if ":" in source else "CidrBlock": source}
    entry = {"RuleNumber": rule, "Protocol": "6", "RuleAction": "allow", "Egress": False, **source_block}
    ec2.create_network_acl_entry(NetworkAclId=acl, PortRange={"From": ports[0], "To": ports[1]}, **entry)


def _stay_inside(site: Site, region: str, default: str, second: str) -> None:
    """AWS's services through endpoints, no public addresses, no way to the internet: all of it or nothing."""
    ec2, inside = site.client("ec2", region), site.profile == "hardened"
    if inside:
        ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
        for vpc in (default, second):
            for name in ENDPOINTS:
                service = f"com.amazonaws.{region}.{name}"
                ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", PrivateDnsEnabled=True)
    site.judge(inside, "EC2.172", region=region)
    for vpc in (default, second):
        site.judge(inside, *ENDPOINT_CONTROLS, resource=_arn(site, region, "vpc", vpc), region=region)
    for subnet in ec2.describe_subnets()["Subnets"]:
        if inside and subnet["MapPublicIpOnLaunch"]:
            ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": False})
        public = subnet["MapPublicIpOnLaunch"] and not inside
        site.judge(not public, "EC2.15", resource=_arn(site, region, "subnet", subnet["SubnetId"]), region=region)

"""EC2 instances, their volumes, and snapshots of them."""

from typing import NamedTuple

from .site import Site


class Machine(NamedTuple):
    """An instance. `virtualization` is its image's; of the types that are left, m3 takes both."""

    name: str
    imdsv2: bool
    encrypted: bool
    public: bool
    virtualization: str
    type: str


GOOD = Machine("billing-1", True, True, False, "hvm", "t3.micro")
POOR = Machine("bastion-1", False, False, True, "paravirtual", "m3.medium")
MACHINES = {
    "hardened": (GOOD,),
    "mixed": (GOOD, POOR._replace(encrypted=True)),
    "bad": (POOR, POOR._replace(name="search-1", public=False, virtualization="hvm")),
}
ENCRYPTED_BY_DEFAULT = {"hardened": "everywhere", "mixed": "at home", "bad": "nowhere"}
SNAPSHOT_BLOCK = {"hardened": "block-all-sharing", "mixed": "block-new-sharing", "bad": None}


def configure(site: Site) -> None:
    for region in site.regions:
        _encrypt_by_default(site, region)
        for machine in MACHINES[site.profile]:
            _launch(site, region, machine)
        _keep_snapshots(site, region)


def _encrypt_by_default(site: Site, region: str) -> None:
    on = ENCRYPTED_BY_DEFAULT[site.profile] in ("everywhere", "at home" if region == site.home else "elsewhere")
    if on:
        site.client("ec2", region).enable_ebs_encryption_by_default()
    site.judge(on, "EC2.7", region=region)


def _launch(site: Site, region: str, machine: Machine) -> None:
    ec2 = site.client("ec2", region)
    subnet = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    base = {"Architecture": "x86_64", "RootDeviceName": "/dev/sda1", "VirtualizationType": machine.virtualization}
    run = ec2.run_instances(
        ImageId=ec2.register_image(Name=f"{machine.name}-base", **base)["ImageId"],
        InstanceType=machine.type,
        MinCount=1,
        MaxCount=1,
        MetadataOptions={"HttpTokens": "required" if machine.imdsv2 else "optional", "HttpEndpoint": "enabled"},
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": machine.public}],
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "Encrypted": machine.encrypted}}],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": machine.name}]}],
    )
    instance = f"arn:aws:ec2:{region}:{site.account}:instance/{run['Instances'][0]['InstanceId']}"
    site.judge(machine.imdsv2, "EC2.8", resource=instance, region=region)
    site.judge(not machine.public, "EC2.9", resource=instance, region=region)
    site.judge(machine.virtualization == "hvm", "EC2.24", resource=instance, region=region)
    attached = [{"Name": "attachment.instance-id", "Values": [run["Instances"][0]["InstanceId"]]}]
    for volume in ec2.describe_volumes(Filters=attached)["Volumes"]:
        arn = f"arn:aws:ec2:{region}:{site.account}:volume/{volume['VolumeId']}"
        site.judge(machine.encrypted, "EC2.3", resource=arn, region=region)


def _keep_snapshots(site: Site, region: str) -> None:
    """The bad account gives a snapshot to everybody. Blocking new sharing is not blocking all of it."""
    ec2 = site.client("ec2", region)
    volume = ec2.describe_volumes()["Volumes"][0]["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    if site.profile == "bad":
        ec2.modify_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
    if block := SNAPSHOT_BLOCK[site.profile]:
        ec2.enable_snapshot_block_public_access(State=block)
    site.judge(site.profile != "bad", "EC2.1", region=region)
    site.judge(block == "block-all-sharing", "EC2.182", region=region)

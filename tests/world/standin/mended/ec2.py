"""Amazon EC2: default security groups that let themselves in, owners of snapshots, what blocks public access, and how an
image that an account registers is virtualized."""

from functools import wraps

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

UNBLOCKED = "unblocked"


def mend() -> None:
    EC2Backend.create_security_group = _with_self_ingress(EC2Backend.create_security_group)
    EC2Response.register_image = _virtualized(EC2Response.register_image)
    EC2Response.describe_snapshots = _of_owners(EC2Response.describe_snapshots)
    EC2Response.get_snapshot_block_public_access_state = _snapshot_block
    EC2Response.enable_snapshot_block_public_access = _block_snapshots
    EC2Response.disable_snapshot_block_public_access = _unblock_snapshots
    EC2Response.describe_vpc_block_public_access_options = _vpc_block
    EC2Response.modify_vpc_block_public_access_options = _block_vpcs


def _with_self_ingress(create):
    @wraps(create)
    def create_with_ingress(backend: EC2Backend, *args, **kwargs):
        group = create(backend, *args, **kwargs)
        if group.is_default:
            itself = {"GroupId": group.id}
            backend.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[itself], vpc_id=group.vpc_id)
        return group

    return create_with_ingress


def _virtualized(register):
    """Without VirtualizationType an image is paravirtual, as the API reference says."""

    @wraps(register)
    def registered(response: EC2Response) -> ActionResult:
        made = register(response)
        image = response.ec2_backend.amis[made.result["ImageId"]]
        image.virtualization_type = response._get_param("VirtualizationType") or "paravirtual"
        image.architecture = response._get_param("Architecture") or "x86_64"
        image.root_device_name = response._get_param("RootDeviceName") or "/dev/sda1"
        return made

    return registered


def _of_owners(describe):
    @wraps(describe)
    def described(response: EC2Response) -> ActionResult:
        found = describe(response)
        owners = {response.current_account if owner == "self" else owner for owner in response._get_param("OwnerIds", [])}
        snapshots = [snapshot for snapshot in found.result["Snapshots"] if not owners or snapshot.owner_id in owners]
        return ActionResult(found.result | {"Snapshots": snapshots})

    return described


def _snapshot_block(response: EC2Response) -> ActionResult:
    return ActionResult({"State": getattr(response.ec2_backend, "snapshot_block", UNBLOCKED), "ManagedBy": "account"})


def _block_snapshots(response: EC2Response) -> ActionResult:
    response.ec2_backend.snapshot_block = response._get_param("State")
    return ActionResult({"State": response.ec2_backend.snapshot_block})


def _unblock_snapshots(response: EC2Response) -> ActionResult:
    response.ec2_backend.snapshot_block = UNBLOCKED
    return ActionResult({"State": UNBLOCKED})


def _vpc_block(response: EC2Response) -> ActionResult:
    mode = getattr(response.ec2_backend, "vpc_block", "off")
    options = {
        "AwsAccountId": response.current_account,
        "AwsRegion": response.region,
        "State": "default-state" if mode == "off" else "update-complete",
        "InternetGatewayBlockMode": mode,
        "ManagedBy": "account",
        "ExclusionsAllowed": "allowed",
    }
    return ActionResult({"VpcBlockPublicAccessOptions": options})


def _block_vpcs(response: EC2Response) -> ActionResult:
    response.ec2_backend.vpc_block = response._get_param("InternetGatewayBlockMode")
    return _vpc_block(response)

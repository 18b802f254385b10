"""Which control looked at which resource: the pairs that Security Hub's and Prowler's findings speak of."""

from typing import NamedTuple

from .controls import CONTROLS, Control
from .dice import Dice
from .estate import Estate


class Checked(NamedTuple):
    """A control and one resource, in ASFF's words; `name` is the resource's short name."""

    control: Control
    type: str
    id: str
    name: str


def checked(dice: Dice, estate: Estate) -> list[Checked]:
    """All pairs of the estate, shuffled."""
    arn = f"arn:aws:ec2:{estate.region}:{estate.account}"
    subjects = {
        "account": [("AwsAccount", f"AWS::::Account:{estate.account}", estate.account)],
        "bucket": [("AwsS3Bucket", bucket.arn, bucket.name) for bucket in estate.buckets],
        "cluster": [("AwsEksCluster", cluster.arn, cluster.name) for cluster in estate.clusters],
        "database": [("AwsRdsDbInstance", database.arn, database.name) for database in estate.databases],
        "function": [("AwsLambdaFunction", function.arn, function.name) for function in estate.functions],
        "group": [("AwsEc2SecurityGroup", f"{arn}:security-group/{estate.security_group}", estate.security_group)],
        "image": [("AwsEcrRepository", image.arn, image.name) for image in estate.images],
        "instance": [("AwsEc2Instance", instance.arn, instance.name) for instance in estate.instances],
        "user": [("AwsIamUser", user.arn, user.name) for user in estate.users],
        "vpc": [("AwsEc2Vpc", f"{arn}:vpc/{estate.vpc}", estate.vpc)],
    }
    pairs = [Checked(control, *subject) for control in CONTROLS for subject in subjects[control.kind]]
    dice.shuffle(pairs)
    return pairs

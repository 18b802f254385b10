"""What moto says wrongly of an account's configuration, put right: one file per service, each with a `mend`.

In: moto's own classes, once, before the first call. Out: the same classes, which answer as AWS does. Moto keeps the
state, so that every operation of a service still sees what every other one wrote.
"""

from . import cloudtrail, config, ec2, iam, kms, rds, s3, sns

SERVICES = (cloudtrail, config, ec2, iam, kms, rds, s3, sns)


def mend() -> None:
    """Mends all services of this process."""
    for service in SERVICES:
        service.mend()

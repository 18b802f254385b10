"""What moto says wrongly of an account's configuration, put right: one file per service, each with a `mend`.

In: moto's own classes, once, before the first call that may meet them. Out: the same classes, which answer as AWS does. Moto
keeps the state, so that every operation of a service still sees what every other one wrote.
"""

from functools import cache
from threading import Lock

from . import iam

_mending = Lock()


def mend(service: str) -> None:
    """Mends what a call of the service may meet: of IAM and STS only IAM, of any other one all services."""
    with _mending:
        _mend_identities()
        if service not in ("iam", "sts"):
            _mend_configuration()


@cache
def _mend_identities() -> None:
    iam.mend()


@cache
def _mend_configuration() -> None:
    # Only now: to import moto's EC2 takes longer than everything else that a stand-in does when it starts.
    from . import cloudtrail, config, ec2, kms, rds, s3, sns

    for service in (cloudtrail, config, ec2, kms, rds, s3, sns):
        service.mend()

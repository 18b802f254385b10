"""What moto says wrongly of an account's configuration, put right: one file per service, each with a `mend`.

In: moto's own classes, once, before the first call that may meet them. Out: the same classes, which answer as AWS does. Moto
keeps the state, so that every operation of a service still sees what every other one wrote.
"""

from threading import Lock

from . import iam

_mending = Lock()
_mended = False


def mend_identities() -> None:
    """Mends IAM, which the door and every signed call meet: when the stand-in starts."""
    iam.mend()


def mend_configuration() -> None:
    """Mends all other services; a second time changes nothing."""
    global _mended
    with _mending:
        if not _mended:
            # Only now: to import moto's EC2 takes longer than everything else that a stand-in does when it starts.
            from . import cloudtrail, config, ec2, kms, rds, s3, sns

            for service in (cloudtrail, config, ec2, kms, rds, s3, sns):
                service.mend()
            _mended = True

"""AWS Config: a recorder that was started records, and has said so to its bucket."""

from functools import wraps

from moto.config.models import ConfigRecorderStatus


def mend() -> None:
    start = ConfigRecorderStatus.start

    @wraps(start)
    def started(status: ConfigRecorderStatus) -> None:
        start(status)
        status.last_status = "SUCCESS"

    ConfigRecorderStatus.start = started

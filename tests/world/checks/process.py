"""A running stand-in for the checks, shared by all of them, and what they need to speak to it."""

import atexit
import itertools
import json
import subprocess
import sys
import tempfile
import time
import unittest
from functools import cache
from pathlib import Path

from botocore.config import Config
from botocore.exceptions import ClientError

from accounts import SESSION, Account, Credentials
from door import Door

WORLD = Path(__file__).parent.parent
NUMBERS = itertools.count(200000000001)
PATIENCE = 60.0


class StandIn:
    """One process."""

    def __init__(self, *options: str):
        self._folder = tempfile.TemporaryDirectory()
        self.ready_file = Path(self._folder.name) / "ready.json"
        command = [sys.executable, str(WORLD / "stand_in.py"), "--port", "0", "--ready-file", str(self.ready_file), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(self.ready_file.exists)
        self.port = json.loads(self.ready_file.read_text())["port"]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.door = Door(self.endpoint)

    def stop(self) -> int:
        """Ends the process as an operator would; once is enough. Out: its exit status."""
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self._folder.cleanup()
        return status


def until(holds) -> None:
    """Waits until something holds; raises TimeoutError when it does not come about."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come about")
        time.sleep(0.01)


@cache
def shared() -> StandIn:
    """The stand-in that all checks share; it ends with this process."""
    stand_in = StandIn("--quiet")
    atexit.register(stand_in.stop)
    return stand_in


class StandInCase(unittest.TestCase):
    """A check with an account of its own, so that checks do not meet each other."""

    def setUp(self) -> None:
        self.stand_in = shared()
        self.door = self.stand_in.door
        self.account = str(next(NUMBERS))
        self.entry = Account(self.stand_in.endpoint, self.account)

    def agent(self) -> Credentials:
        """A session of the role MusterAgent."""
        return self.entry.session(self.entry.role("MusterAgent"))

    def client(self, service: str, region: str = "us-east-1", credentials: Credentials | None = None):
        """A real client that never retries."""
        config = Config(retries={"total_max_attempts": 1}, proxies={}, read_timeout=PATIENCE)
        who = (credentials or self.agent()).for_boto3()
        return SESSION.client(service, region, endpoint_url=self.stand_in.endpoint, config=config, **who)

    def put(self, service: str, findings: list[dict], region: str = "us-east-1", **more) -> dict:
        """Puts findings into this check's account."""
        return self.door.post("findings", service=service, account=self.account, region=region, findings=findings, **more)

    def refusal(self, call, **arguments) -> tuple[int, str, str]:
        """(status, code, message) of a call that a client must see refused."""
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        answer = caught.exception.response
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]

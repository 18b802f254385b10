"""The seeder and the account maker, run as programs: what they write is what is there."""

import configparser
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from accounts import SESSION

from .process import WORLD, StandInCase

SERVICES = ("guardduty", "inspector2", "macie2", "securityhub")


class Seeding(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def run_(self, program: str, *options: str) -> str:
        command = [sys.executable, str(WORLD / program), "--endpoint", self.stand_in.endpoint, "--out", str(self.out), *options]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def arn(self, profile: configparser.ConfigParser) -> str:
        """Whose credentials they are, by STS."""
        how = {"region_name": "us-east-1", "endpoint_url": self.stand_in.endpoint}
        return SESSION.client("sts", **how, **profile["default"]).get_caller_identity()["Arn"]

    def seed(self, size: int = 120) -> dict:
        self.run_("seed.py", "--account", f"{self.account}:bad", "--account", f"0{self.account[1:]}", "--findings", str(size))
        return json.loads((self.out / "expected.json").read_text())

    def test_what_is_expected_is_there_and_nothing_else(self) -> None:
        self.seed(200)
        expected = self.seed()
        self.assertEqual(len(expected["accounts"]), 2)
        total = 0
        for account, entry in expected["accounts"].items():
            for service in SERVICES:
                listed = entry["services"][service]
                name = {"inspector2": "findingArn", "securityhub": "Id"}.get(service, "id")
                places = [{"service": service, "account": account, "region": region} for region in entry["regions"]]
                there = {finding[name] for place in places for finding in self.door.get("findings", **place)["findings"]}
                self.assertEqual(there, set(listed["ids"]))
                self.assertEqual(listed["count"], len(listed["ids"]))
                self.assertLessEqual(set(listed["active"]), set(listed["ids"]))
                total += listed["count"]
            for kind, listed in entry["drop"].items():
                document = json.loads((self.out / account / "drop" / f"{kind}.json").read_text())
                self.assertEqual(len(document), listed["count"])
                total += listed["count"]
        self.assertEqual(expected["total"], total)

    def test_accounts_are_configured_unless_said_otherwise(self) -> None:
        controls = self.seed()["accounts"][self.account]["controls"]
        self.assertEqual(controls, self.door.get("controls", account=self.account)["controls"])
        self.assertEqual(sorted(controls["S3.8"]), ["eu-west-1", "us-east-1"])
        bare = f"1{self.account[1:]}"
        self.run_("seed.py", "--account", bare, "--findings", "20", "--unconfigured")
        self.assertNotIn("controls", json.loads((self.out / "expected.json").read_text())["accounts"][bare])
        self.assertIsNone(self.door.get("controls", account=bare)["controls"])

    def test_seeding_again_changes_nothing(self) -> None:
        self.assertEqual(self.seed(), self.seed())

    def test_the_credentials_are_the_agents(self) -> None:
        self.seed()
        profile = configparser.ConfigParser()
        path = self.out / self.account / "credentials"
        profile.read(path)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.arn(profile), f"arn:aws:sts::{self.account}:assumed-role/MusterAgent/agent")

    def test_accounts_prints_whose_credentials_it_wrote(self) -> None:
        role, session = f"arn:aws:iam::{self.account}:role/", f"arn:aws:sts::{self.account}:assumed-role/"
        user, root = f"arn:aws:iam::{self.account}:user/ada", f"arn:aws:iam::{self.account}:root"
        federated = f"arn:aws:sts::{self.account}:federated-user/eve"
        for options, printed, identity in (
            ((), f"{role}MusterAgent", f"{session}MusterAgent/agent"),
            (("--session", "two"), f"{role}MusterAgent", f"{session}MusterAgent/two"),
            (("--other-role", "Stranger"), f"{role}Stranger", f"{session}Stranger/agent"),
            (("--user", "ada"), user, user),
            (("--root",), root, root),
            (("--federated", "eve"), federated, federated),
        ):
            self.assertEqual(self.run_("accounts.py", "--account", self.account, *options).strip(), printed)
            profile = configparser.ConfigParser()
            profile.read(self.out / "credentials")
            self.assertEqual(self.arn(profile), identity)

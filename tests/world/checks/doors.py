"""The /world/ endpoints: what was asked of the stand-in, and what is put into it."""

from accounts import Account, Credentials

from .process import StandIn, StandInCase

REGION = "us-east-1"


class Requests(StandInCase):
    def test_every_call_is_counted_the_refused_ones_too(self) -> None:
        guardduty, kms = self.client("guardduty"), self.client("kms")
        guardduty.list_detectors()
        self.client("guardduty", region="eu-west-1").list_detectors()
        self.refusal(guardduty.list_findings, DetectorId="0" * 32)
        kms.list_keys()
        counts = self.door.get("requests")["requests"][self.account]
        self.assertEqual(counts["guardduty"], {"ListDetectors": 2, "ListFindings": 1})
        self.assertEqual(counts["kms"], {"ListKeys": 1})
        here = self.door.get("requests", region="eu-west-1")["requests"][self.account]
        self.assertEqual(here, {"guardduty": {"ListDetectors": 1}})

    def test_what_a_seeder_does_is_not_counted(self) -> None:
        self.entry.client("kms").create_key()
        self.client("kms").list_keys()
        self.assertEqual(self.door.get("requests")["requests"][self.account]["kms"], {"ListKeys": 1})

    def test_operations_of_motos_rest_services_have_their_names(self) -> None:
        self.client("lambda").list_functions()
        self.client("s3").list_buckets()
        self.client("efs").describe_file_systems()
        counts = self.door.get("requests")["requests"][self.account]
        self.assertEqual(counts["lambda"], {"ListFunctions": 1})
        self.assertEqual(counts["s3"], {"ListBuckets": 1})
        self.assertEqual(counts["elasticfilesystem"], {"DescribeFileSystems": 1})


class Doors(StandInCase):
    def test_findings_are_counted_and_given_back(self) -> None:
        self.put("macie2", [{"id": "a"}, {"id": "b"}])
        self.put("macie2", [{"id": "b", "count": 2}])
        self.assertEqual(self.door.get("findings")["counts"][self.account], {REGION: {"macie2": 2}})
        given = self.door.get("findings", service="macie2", account=self.account, region=REGION)["findings"]
        self.assertEqual(given, [{"id": "a"}, {"id": "b", "count": 2}])

    def test_a_session_of_a_role_is_one_for_moto_too(self) -> None:
        for seconds in ({}, {"seconds": 2_000_000}):
            key = self.door.post("keys", account=self.account, principal="role", name="MusterAgent", **seconds)
            session = Credentials(key["arn"], key["access_key_id"], key["secret_access_key"], key["session_token"])
            told = self.client("sts", credentials=session).get_caller_identity()
            self.assertEqual(told["Arn"], f"arn:aws:sts::{self.account}:assumed-role/MusterAgent/agent")
            self.assertEqual(self.client("kms", credentials=session).list_keys()["Keys"], [])
        roles = self.entry.client("iam").list_roles()["Roles"]
        self.assertEqual([role["RoleName"] for role in roles], ["MusterAgent"])

    def test_an_account_that_begins_with_the_door_is_mended_too(self) -> None:
        fresh = StandIn("--quiet")
        self.addCleanup(fresh.stop)
        fresh.door.post("keys", account=self.account, principal="role", name="MusterAgent")
        policies = Account(fresh.endpoint, self.account).client("iam").list_policies(Scope="AWS")["Policies"]
        self.assertIn("AWSSupportAccess", [policy["PolicyName"] for policy in policies])

    def test_nonsense_is_refused_in_words(self) -> None:
        for path, given, words in (
            ("findings", {"service": "config", "account": self.account, "region": REGION, "findings": []}, "config is none of"),
            ("findings", {"service": "macie2", "account": self.account, "region": REGION, "findings": [{}]}, "'id' is missing"),
            ("findings", {"service": "macie2", "account": 1, "region": REGION, "findings": []}, "12 digits"),
            ("regions", {"account": self.account}, "'regions' is missing"),
            ("keys", {"account": self.account, "principal": "king"}, "king"),
            ("nowhere", {}, "does not exist"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                self.door.post(path, **given)

    def test_motos_default_account_is_no_account(self) -> None:
        with self.assertRaises(ValueError):
            Account(self.stand_in.endpoint, "123456789012")

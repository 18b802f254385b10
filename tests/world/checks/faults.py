"""Faults happen to whom, where and as often as they were ordered, and every client understands them."""

import threading
import time

from botocore.exceptions import ClientError, ConnectionClosedError

from .process import StandInCase, until
from .proof import Proof

SERVICES = {
    "account": ("ListRegions", "TooManyRequestsException", "InternalServerException"),
    "guardduty": ("ListDetectors", "ThrottlingException", "InternalServerErrorException"),
    "inspector2": ("ListFindings", "ThrottlingException", "InternalServerException"),
    "macie2": ("GetMacieSession", "ThrottlingException", "InternalServerException"),
    "securityhub": ("DescribeHub", "ThrottlingException", "InternalException"),
}


class Faults(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.door.delete, "faults")

    def break_(self, service: str, kind: str, **more) -> None:
        self.door.post("faults", account=self.account, service=service, kind=kind, **more)

    def call(self, service: str):
        client = self.client(service)
        operation = SERVICES[service][0]
        return getattr(client, {name: method for method, name in client.meta.method_to_api_mapping.items()}[operation])

    def test_a_denial_names_caller_action_and_resource(self) -> None:
        for service, (operation, _, _) in SERVICES.items():
            self.break_(service, "deny", operation=operation)
            status, code, message = self.refusal(self.call(service))
            self.assertEqual((status, code), (403, "AccessDeniedException"))
            who = f"User: arn:aws:sts::{self.account}:assumed-role/MusterAgent/agent is not authorized to perform"
            self.assertTrue(message.startswith(f"{who}: {service}:{operation} on resource: arn:aws:{service}:"), message)

    def test_the_type_of_an_error_stands_in_the_header_that_sdks_read(self) -> None:
        self.break_("inspector2", "throttle")
        with self.assertRaises(ClientError) as caught:
            self.call("inspector2")()
        headers = caught.exception.response["ResponseMetadata"]["HTTPHeaders"]
        self.assertEqual((headers["x-amzn-errortype"], headers["content-type"]), ("ThrottlingException", "application/json"))

    def test_throttling_and_internal_errors_have_each_services_code(self) -> None:
        for service, (operation, throttled, internal) in SERVICES.items():
            self.break_(service, "throttle", operation=operation, times=1)
            self.break_(service, "error500", operation=operation, times=1)
            call = self.call(service)
            self.assertEqual(self.refusal(call)[:2], (429, throttled))
            self.assertEqual(self.refusal(call)[:2], (500, internal))

    def test_a_fault_ends_after_its_times(self) -> None:
        self.break_("account", "throttle", times=2)
        call = self.call("account")
        self.assertEqual([self.refusal(call)[0], self.refusal(call)[0]], [429, 429])
        call()

    def test_a_fault_keeps_to_its_account_operation_and_region(self) -> None:
        self.break_("guardduty", "deny", operation="ListFindings", region="eu-west-1")
        self.client("guardduty").list_detectors()
        self.client("guardduty", region="eu-west-1").list_detectors()
        call = self.client("guardduty", region="eu-west-1").list_findings
        self.assertEqual(self.refusal(call, DetectorId="0" * 32)[0], 403)
        call = self.client("guardduty").list_findings
        self.assertEqual(self.refusal(call, DetectorId="0" * 32)[0], 400)

    def test_a_page_of_html_is_no_answer(self) -> None:
        self.break_("securityhub", "html")
        with self.assertRaises(ClientError) as caught:
            self.call("securityhub")()
        self.assertEqual(caught.exception.response["ResponseMetadata"]["HTTPStatusCode"], 502)
        self.assertTrue(caught.exception.response["ResponseMetadata"]["HTTPHeaders"]["content-type"].startswith("text/html"))

    def test_a_slow_call_is_answered_late(self) -> None:
        self.break_("account", "slow", seconds=0.3, times=1)
        call, began = self.call("account"), time.monotonic()
        call()
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_a_hanging_call_is_cut_when_faults_are_cleared(self) -> None:
        self.break_("account", "hang")
        call, ends = self.call("account"), []

        def hang() -> None:
            try:
                call()
            except ConnectionClosedError as end:
                ends.append(end)

        hanging = threading.Thread(target=hang)
        hanging.start()
        until(lambda: self.door.get("requests")["requests"].get(self.account, {}).get("account"))
        self.assertTrue(hanging.is_alive())
        self.door.delete("faults")
        hanging.join(20)
        self.assertEqual(len(ends), 1)
        call()

    def test_motos_services_break_too_each_in_its_protocol(self) -> None:
        for service, call, code in (
            ("iam", self.client("iam").list_users, "AccessDenied"),
            ("ec2", self.client("ec2").describe_vpcs, "UnauthorizedOperation"),
            ("kms", self.client("kms").list_keys, "AccessDeniedException"),
            ("s3", self.client("s3").list_buckets, "AccessDenied"),
            ("lambda", self.client("lambda").list_functions, "AccessDeniedException"),
        ):
            self.break_(service, "deny")
            self.assertEqual(self.refusal(call)[1], code)

    def test_sts_breaks_in_the_format_that_was_asked_for(self) -> None:
        self.break_("sts", "throttle", operation="GetCallerIdentity")
        answer = Proof.signed(self.agent(), f"127.0.0.1:{self.stand_in.port}").send(self.stand_in.port, accept="application/json")
        self.assertEqual((answer.status, answer.document()["Error"]["Code"]), (400, "Throttling"))

    def test_nonsense_is_refused(self) -> None:
        for fault in ({"kind": "explode"}, {"kind": "deny", "often": 3}, {"kind": "deny", "times": "3"}):
            with self.assertRaises(ValueError):
                self.door.post("faults", service="account", **fault)

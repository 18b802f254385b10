"""GetCallerIdentity says who signed, and only to who signed rightly."""

from dataclasses import replace
from datetime import timedelta

from accounts import Credentials
from standin.call import Call
from standin.signature import Claim, signature

from .process import StandInCase, until
from .proof import BODY, Proof

TWENTY = timedelta(minutes=20)
JSON = "application/json"


class Identity(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        self.host = f"127.0.0.1:{self.stand_in.port}"
        self.credentials = self.agent()

    def proof(self, credentials: Credentials | None = None, host: str = "", **how) -> Proof:
        return Proof.signed(credentials or self.credentials, host or self.host, **how)

    def identity(self, proof: Proof) -> dict:
        answer = proof.send(self.stand_in.port, accept=JSON)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.document()["GetCallerIdentityResponse"]["GetCallerIdentityResult"]

    def assert_refused(self, proof: Proof, status: int, code: str, words: str = "") -> None:
        """Refused in both formats."""
        answer = proof.send(self.stand_in.port, accept=JSON)
        error = answer.document()["Error"]
        self.assertEqual((answer.status, answer.content_type, error["Code"], error["Type"]), (status, JSON, code, "Sender"))
        self.assertIn(words, error["Message"])
        answer = proof.send(self.stand_in.port)
        self.assertEqual((answer.status, answer.content_type, answer.xml("Code")), (status, "text/xml", code))
        self.assertIn(words, answer.xml("Message"))

    def test_a_role_is_told_its_account_arn_and_unique_id_in_json(self) -> None:
        answer = self.proof().send(self.stand_in.port, accept=JSON)
        self.assertEqual((answer.status, answer.content_type), (200, JSON))
        response = answer.document()["GetCallerIdentityResponse"]
        self.assertIn("RequestId", response["ResponseMetadata"])
        role = self.client("iam").get_role(RoleName="MusterAgent")["Role"]
        self.assertEqual(
            response["GetCallerIdentityResult"],
            {
                "Account": self.account,
                "Arn": f"arn:aws:sts::{self.account}:assumed-role/MusterAgent/agent",
                "UserId": f"{role['RoleId']}:agent",
            },
        )

    def test_without_a_wish_for_json_the_answer_is_xml(self) -> None:
        answer = self.proof().send(self.stand_in.port)
        self.assertEqual((answer.status, answer.content_type, answer.xml("Account")), (200, "text/xml", self.account))

    def test_the_unique_id_is_the_roles_own_in_every_session(self) -> None:
        first, second = (self.identity(self.proof(self.entry.session(self.entry.role("MusterAgent"), name))) for name in ("one", "two"))
        self.assertEqual(first["UserId"].split(":")[0], second["UserId"].split(":")[0])
        self.assertTrue(second["UserId"].startswith("AROA") and second["UserId"].endswith(":two"))

    def test_a_proof_may_be_signed_for_any_endpoint_of_sts(self) -> None:
        for host, region in (
            (self.host, "eu-west-1"),
            ("sts.amazonaws.com", "us-east-1"),
            ("sts.us-east-1.amazonaws.com", "us-east-1"),
            ("sts.eu-west-1.amazonaws.com", "eu-west-1"),
        ):
            proof = self.proof(host=host, region=region)
            self.assertEqual(self.identity(proof)["Account"], self.account)
            self.assertEqual(self.identity(proof.changed(Host=self.host))["Account"], self.account)

    def test_a_proof_for_another_endpoint_or_region_is_refused(self) -> None:
        proof = self.proof(host="sts.eu-west-1.amazonaws.com", region="eu-west-1")
        self.assert_refused(proof.changed(Host="sts.eu-central-1.amazonaws.com"), 403, "SignatureDoesNotMatch")
        proof = self.proof(host="sts.eu-west-1.amazonaws.com", region="us-east-1")
        self.assert_refused(proof, 403, "SignatureDoesNotMatch", "scoped to a valid region")

    def test_users_root_and_federated_users_are_told_apart(self) -> None:
        user = self.identity(self.proof(self.entry.user("ada")))
        known = self.client("iam").get_user(UserName="ada")["User"]
        self.assertEqual((user["Arn"], user["UserId"]), (f"arn:aws:iam::{self.account}:user/ada", known["UserId"]))
        root = self.identity(self.proof(self.entry.root()))
        self.assertEqual((root["Arn"], root["UserId"]), (f"arn:aws:iam::{self.account}:root", self.account))
        federated = self.identity(self.proof(self.entry.federated_user("eve")))
        self.assertEqual(federated["Arn"], f"arn:aws:sts::{self.account}:federated-user/eve")

    def test_real_clients_understand_answer_and_refusal(self) -> None:
        self.assertEqual(self.client("sts").get_caller_identity()["Account"], self.account)
        wrong = Credentials("", self.credentials.key_id, "wrong", self.credentials.token)
        sts = self.client("sts", credentials=wrong)
        self.assertEqual(self.refusal(sts.get_caller_identity)[:2], (403, "SignatureDoesNotMatch"))

    def test_an_extra_signed_header_counts(self) -> None:
        proof = self.proof(X_Muster_Binding="abc")
        self.assertEqual(self.identity(proof)["Account"], self.account)
        self.assertIn("x-muster-binding", proof.headers["Authorization"])
        self.assert_refused(proof.changed(X_Muster_Binding="abd"), 403, "SignatureDoesNotMatch")
        self.assert_refused(proof.changed(X_Muster_Binding=None), 403, "SignatureDoesNotMatch")

    def test_a_wrong_signature_or_secret_is_refused(self) -> None:
        proof = self.proof()
        spoiled = proof.headers["Authorization"][:-4] + "0000"
        self.assert_refused(proof.changed(Authorization=spoiled), 403, "SignatureDoesNotMatch", "does not match")
        wrong = Credentials("", self.credentials.key_id, "wrong", self.credentials.token)
        self.assert_refused(self.proof(wrong), 403, "SignatureDoesNotMatch", "does not match")

    def test_a_changed_body_is_refused(self) -> None:
        proof = self.proof()
        altered = Proof(proof.headers, BODY + "&x=1")
        altered = altered.changed(Content_Length=None)
        self.assert_refused(altered, 403, "SignatureDoesNotMatch")

    def test_a_key_that_nobody_has_is_refused(self) -> None:
        self.assert_refused(self.proof(Credentials("", "AKIANOBODYHASTHISKEY", "secret")), 403, "InvalidClientTokenId")

    def test_a_date_twenty_minutes_off_is_refused(self) -> None:
        self.assert_refused(self.proof(late=TWENTY), 403, "SignatureDoesNotMatch", "Signature expired")
        self.assert_refused(self.proof(late=-TWENTY), 403, "SignatureDoesNotMatch", "Signature not yet current")
        self.assertEqual(self.identity(self.proof(late=timedelta(minutes=14)))["Account"], self.account)

    def test_a_session_that_is_over_is_refused(self) -> None:
        short = self.entry.session(self.entry.role("MusterAgent"), seconds=1)
        until(lambda: self.proof(short).send(self.stand_in.port).status == 403)
        self.assert_refused(self.proof(short), 403, "ExpiredToken", "expired")
        guardduty = self.client("guardduty", credentials=short)
        self.assertEqual(self.refusal(guardduty.list_detectors)[:2], (403, "ExpiredTokenException"))
        kms = self.client("kms", credentials=short)
        self.assertEqual(self.refusal(kms.list_keys)[1], "ExpiredTokenException")

    def test_another_sessions_token_or_none_is_refused(self) -> None:
        mine = self.credentials
        for token in (self.agent().token, ""):
            self.assert_refused(self.proof(Credentials("", mine.key_id, mine.secret, token)), 403, "InvalidClientTokenId")

    def test_a_role_made_anew_is_another_role(self) -> None:
        iam = self.client("iam")
        before = self.identity(self.proof())["UserId"]
        iam.delete_role(RoleName="MusterAgent")
        self.assert_refused(self.proof(), 403, "InvalidClientTokenId")
        after = self.identity(self.proof(self.agent()))["UserId"]
        self.assertNotEqual(before, after)
        self.assert_refused(self.proof(), 403, "InvalidClientTokenId")

    def test_a_key_that_was_switched_off_is_refused(self) -> None:
        user = self.entry.user("ben")
        self.client("iam").update_access_key(UserName="ben", AccessKeyId=user.key_id, Status="Inactive")
        self.assert_refused(self.proof(user), 403, "InvalidClientTokenId")

    def test_a_request_that_is_not_or_half_signed_is_refused(self) -> None:
        proof = self.proof()
        self.assert_refused(proof.changed(Authorization=None), 403, "MissingAuthenticationToken")
        self.assert_refused(proof.changed(Authorization="Bearer abc"), 400, "IncompleteSignature")
        header = proof.headers["Authorization"]
        self.assert_refused(proof.changed(Authorization=header.partition(", Signature")[0]), 400, "IncompleteSignature", "Signature")
        self.assert_refused(proof.changed(X_Amz_Date=None), 400, "IncompleteSignature", "X-Amz-Date")
        self.assert_refused(proof.changed(Authorization=header.replace("host;", "")), 403, "SignatureDoesNotMatch", "'Host'")

    def test_a_list_of_signed_headers_that_is_no_sorted_set_is_refused(self) -> None:
        """Even with the signature that belongs to it, for which the stand-in's own arithmetic must be borrowed."""
        proof = self.proof()
        headers = {name.lower(): value for name, value in proof.headers.items()}
        call = Call("POST", "/", "", headers, BODY.encode())
        honest = Claim.read(call)
        self.assertEqual(signature(call, self.credentials.secret, honest, self.host), honest.signature)
        for names in (("host", *honest.signed_headers), tuple(reversed(honest.signed_headers))):
            claim = replace(honest, signed_headers=names)
            signed = signature(call, self.credentials.secret, claim, self.host)
            header = headers["authorization"].replace(";".join(honest.signed_headers), ";".join(names))
            self.assert_refused(proof.changed(Authorization=header.replace(honest.signature, signed)), 403, "SignatureDoesNotMatch")

    def test_a_proof_scoped_to_another_service_is_refused(self) -> None:
        header = self.proof().headers["Authorization"].replace("/sts/", "/iam/")
        self.assert_refused(self.proof().changed(Authorization=header), 403, "SignatureDoesNotMatch", "correct service")

    def test_the_finding_services_authenticate_too(self) -> None:
        mine = self.credentials
        for credentials, code in (
            (Credentials("", "AKIANOBODYHASTHISKEY", "secret"), "UnrecognizedClientException"),
            (Credentials("", mine.key_id, mine.secret, self.agent().token), "UnrecognizedClientException"),
            (Credentials("", mine.key_id, "wrong", mine.token), "InvalidSignatureException"),
        ):
            for service, operation in (("account", "list_regions"), ("guardduty", "list_detectors"), ("securityhub", "describe_hub")):
                call = getattr(self.client(service, credentials=credentials), operation)
                self.assertEqual(self.refusal(call)[:2], (403, code))

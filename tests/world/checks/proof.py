"""GetCallerIdentity requests signed by botocore's signer, sent by hand so that they can be spoiled on the way."""

import http.client
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from xml.etree import ElementTree

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from accounts import Credentials

BODY = "Action=GetCallerIdentity&Version=2011-06-15"


@dataclass(frozen=True)
class Proof:
    """A signed request, ready to be sent."""

    headers: dict[str, str]
    body: str = field(default=BODY)

    @classmethod
    def signed(cls, credentials: Credentials, host: str, region: str = "us-east-1", late: timedelta = timedelta(), **extra: str) -> "Proof":
        """As an honest caller signs it for that host, `late` ago, with extra signed headers (_ for -)."""
        headers = {"Host": host, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        headers |= {name.replace("_", "-"): value for name, value in extra.items()}
        request = AWSRequest("POST", f"http://{host}/", headers=headers, data=BODY)
        signer = SigV4Auth(SigningCredentials(credentials.key_id, credentials.secret, credentials.token or None), "sts", region)
        with patch("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) - late):
            signer.add_auth(request)
        return cls(dict(request.headers.items()))

    def changed(self, **headers: str | None) -> "Proof":
        """The same with other headers (_ for -); None takes one away."""
        altered = dict(self.headers)
        for name, value in headers.items():
            altered = {known: old for known, old in altered.items() if known.lower() != name.replace("_", "-").lower()}
            altered |= {} if value is None else {name.replace("_", "-"): value}
        return replace(self, headers=altered)

    def send(self, port: int, accept: str = "*/*") -> "Answer":
        """Sends it over loopback, whatever host it names, with a wish for a format that is not signed."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", "/", self.body, self.headers | {"Accept": accept})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers["Content-Type"], answer.read().decode())
        finally:
            connection.close()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    text: str

    def document(self) -> dict:
        return json.loads(self.text)

    def xml(self, name: str) -> str:
        """The text of the first element of that name."""
        namespace = "{https://sts.amazonaws.com/doc/2011-06-15/}"
        return ElementTree.fromstring(self.text).findtext(f".//{namespace}{name}")

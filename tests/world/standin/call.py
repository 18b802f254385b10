"""A request as it came over the wire, before anyone decided what it means."""

import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs, parse_qsl

SCOPE = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request. `path` and `query` are raw (still percent-encoded); header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, environ: dict) -> "Call":
        """Reads a WSGI environment and leaves its body readable for whoever comes next.

        A chunked body is left where it is: only uploads to moto use one.
        """
        path, _, query = environ.get("RAW_URI", environ.get("PATH_INFO", "/")).partition("?")
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                headers[name.replace("_", "-").lower()] = environ[name]
        body = b""
        if environ.get("CONTENT_LENGTH", "").isdigit():
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
        return cls(environ["REQUEST_METHOD"], path, query, headers, body)

    @cached_property
    def scope(self) -> tuple[str, str, str] | None:
        """(access key id, Region, signing name) that the Authorization header claims; None when unsigned."""
        found = SCOPE.search(self.headers.get("authorization", ""))
        return (found[1], found[3], found[4]) if found else None

    @property
    def key_id(self) -> str:
        return self.scope[0] if self.scope else ""

    @property
    def region(self) -> str:
        return self.scope[1] if self.scope else "us-east-1"

    @property
    def service(self) -> str:
        """The signing name of the service, or "" for a request that names none.

        GetCallerIdentity is known by its action, so that one unsigned or signed for another service is refused as AWS refuses it.
        """
        if self.action == "GetCallerIdentity":
            return "sts"
        return self.scope[2] if self.scope else ""

    @cached_property
    def action(self) -> str:
        """The Action parameter of the Query protocol, or ""."""
        form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        parameters = parse_qs(self.body.decode("utf-8", "replace")) if form else {}
        return (parameters.get("Action") or parse_qs(self.query).get("Action") or [""])[0]

    @property
    def target(self) -> str:
        """The X-Amz-Target header of the AWS JSON protocols, or ""."""
        return self.headers.get("x-amz-target", "")

    @property
    def wants_json(self) -> bool:
        return "application/json" in self.headers.get("accept", "")

    def parameters(self) -> dict[str, str]:
        """The query string, decoded."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def document(self) -> dict:
        """The JSON object in the body, {} when there is none. Raises ValueError for anything else."""
        document = json.loads(self.body) if self.body else {}
        if not isinstance(document, dict):
            raise ValueError("the body is not a JSON object")
        return document

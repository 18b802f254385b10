"""How a program speaks to the stand-in's /world/ endpoints."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlencode

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Door:
    """The admin side of one stand-in. Every method gives the answer's JSON object, and raises ValueError for a refusal."""

    def __init__(self, endpoint: str):
        self.endpoint = endpoint.rstrip("/")

    def get(self, path: str, **parameters: str) -> dict:
        return self._send("GET", f"{path}?{urlencode(parameters)}" if parameters else path, None)

    def post(self, path: str, **given) -> dict:
        return self._send("POST", path, given)

    def delete(self, path: str) -> dict:
        return self._send("DELETE", path, None)

    def _send(self, method: str, path: str, given: dict | None) -> dict:
        body = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(f"{self.endpoint}/world/{path}", body, {"Content-Type": "application/json"}, method=method)
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise ValueError(refusal.read().decode()) from refusal

"""What goes back over the wire."""

import json
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus


def request_id() -> str:
    """A fresh request id, as AWS puts one into every answer."""
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Reply:
    """A finished answer."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_document(cls, document: dict, status: int = 200, headers: dict[str, str] | None = None) -> "Reply":
        """A JSON answer."""
        return cls(status, "application/json", json.dumps(document).encode(), headers or {})

    def send(self, start_response) -> list[bytes]:
        """Speaks WSGI."""
        headers = {"Content-Type": self.content_type, "Content-Length": str(len(self.body)), "x-amzn-RequestId": request_id()}
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", list((headers | self.headers).items()))
        return [self.body]

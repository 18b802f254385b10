"""Pages that survive change: a token names the last item seen, not a count, and fits only the query that it came from."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

from .refusal import Reason, Refusal

SECRET = secrets.token_bytes(16)
SEAL = 16


def page(
    items: list[Any], place: Callable[[Any], tuple], size: int, token: str | None, query: Any, descending: bool = False
) -> tuple[list[Any], str | None]:
    """One page of the items, and the token of the next one or None.

    `place` gives an item's sort key: a unique tuple of JSON scalars. `query` is whatever else the request asked for.
    Raises `Refusal` for a token that was not given out for that query.
    """
    ordered = sorted(items, key=place, reverse=descending)
    if token:
        last = _open(token, query)
        ordered = [item for item in ordered if (place(item) < last if descending else place(item) > last)]
    shown = ordered[:size]
    return shown, _seal(place(shown[-1]), query) if len(ordered) > size else None


def size(asked: Any, default: int, most: int) -> int:
    """The page size that a request asks for. Raises `Refusal` when it is no whole number from 1 to `most`."""
    if asked is None:
        return default
    if not isinstance(asked, int) or isinstance(asked, bool) or not 1 <= asked <= most:
        raise Refusal(Reason.INVALID, f"maxResults must be between 1 and {most}.")
    return asked


def _seal(last: tuple, query: Any) -> str:
    body = json.dumps(last).encode()
    return base64.urlsafe_b64encode(_mac(body, query) + body).decode()


def _open(token: str, query: Any) -> tuple:
    try:
        sealed = base64.urlsafe_b64decode(token.encode())
    except ValueError:
        raise Refusal(Reason.INVALID, "The provided pagination token is invalid.") from None
    mac, body = sealed[:SEAL], sealed[SEAL:]
    if not hmac.compare_digest(mac, _mac(body, query)):
        raise Refusal(Reason.INVALID, "The provided pagination token is invalid.")
    return tuple(json.loads(body))


def _mac(body: bytes, query: Any) -> bytes:
    return hmac.new(SECRET, body + json.dumps(query, sort_keys=True).encode(), hashlib.sha256).digest()[:SEAL]

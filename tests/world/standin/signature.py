"""AWS Signature Version 4, verified: exactly the signed headers, the body that came, a date within fifteen minutes.

In: a `Call` and the `Key` that it names. Out: nothing, or a `Refusal` in AWS's own words. Not here: which keys exist.
Source: the "Signing AWS API requests" section of the IAM user guide.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from .call import Call
from .keyring import INVALID_TOKEN, Key
from .refusal import Reason, Refusal

ALGORITHM = "AWS4-HMAC-SHA256"
BASIC = "%Y%m%dT%H%M%SZ"
SKEW = timedelta(minutes=15)
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Claim:
    """The Authorization header, parsed. `date` is the one of the credential scope, `timestamp` that of the request."""

    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str

    @classmethod
    def read(cls, call: Call) -> "Claim":
        """Raises `Refusal` for a header that is missing or lacks a part."""
        header = call.headers.get("authorization", "")
        if not header:
            raise Refusal(Reason.MISSING_TOKEN, "Request is missing Authentication Token")
        algorithm, _, rest = header.partition(" ")
        if algorithm != ALGORITHM:
            raise Refusal(Reason.INCOMPLETE_SIGNATURE, f"Unsupported AWS 'algorithm': '{algorithm}'.")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        for name in ("Credential", "SignedHeaders", "Signature"):
            if not parts.get(name):
                raise Refusal(Reason.INCOMPLETE_SIGNATURE, f"Authorization header requires '{name}' parameter. Authorization={header}")
        scope = parts["Credential"].split("/")
        if len(scope) != 5 or scope[4] != "aws4_request":
            raise Refusal(
                Reason.INCOMPLETE_SIGNATURE, f"Credential must have exactly 5 slash-delimited elements, got '{parts['Credential']}'"
            )
        timestamp = call.headers.get("x-amz-date", "")
        if not timestamp:
            raise Refusal(
                Reason.INCOMPLETE_SIGNATURE, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            )
        return cls(scope[1], scope[2], scope[3], tuple(parts["SignedHeaders"].split(";")), parts["Signature"], timestamp)


def authenticate(call: Call, key: Key | None, now: datetime) -> None:
    """Returns when the key that the call names exists, still holds, and signed this very request. Raises `Refusal` otherwise."""
    claim = Claim.read(call)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY, INVALID_TOKEN)
    key.check_token(call, now)
    _check_headers(call, claim)
    _check_date(claim, now)
    _check_scope(call, claim)
    if not any(hmac.compare_digest(signature(call, key.secret, claim, host), claim.signature) for host in _hosts(call, claim)):
        raise Refusal(Reason.BAD_SIGNATURE, MISMATCH)


def signature(call: Call, secret: str, claim: Claim, host: str) -> str:
    """The signature that the request should carry if it was signed for that host."""
    headers = call.headers | {"host": host}
    canonical = "\n".join(
        (
            call.method,
            quote(call.path, safe="/-_.~"),
            _canonical_query(call.query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            hashlib.sha256(call.body).hexdigest(),
        )
    )
    scope = f"{claim.date}/{claim.region}/{claim.service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, claim.timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    derived = f"AWS4{secret}".encode()
    for part in (claim.date, claim.region, claim.service, "aws4_request", to_sign):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    return derived.hex()


def _check_headers(call: Call, claim: Claim) -> None:
    signed = claim.signed_headers
    if "host" not in signed:
        raise Refusal(Reason.BAD_SIGNATURE, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if list(signed) != sorted(set(signed)) or any(name not in call.headers for name in signed):
        raise Refusal(Reason.BAD_SIGNATURE, MISMATCH)


def _check_date(claim: Claim, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, BASIC).replace(tzinfo=UTC)
    except ValueError:
        message = f"Date must be in ISO-8601 'basic format'. Got '{claim.timestamp}'."
        raise Refusal(Reason.INCOMPLETE_SIGNATURE, message) from None
    if claim.date != claim.timestamp[:8]:
        message = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
        raise Refusal(Reason.BAD_SIGNATURE, f"{message}: '{claim.date}' != '{claim.timestamp[:8]}', from '{claim.timestamp}'.")
    server, earliest, latest = (moment.strftime(BASIC) for moment in (now, now - SKEW, now + SKEW))
    if signed_at < now - SKEW:
        message = f"Signature expired: {claim.timestamp} is now earlier than {earliest} ({server} - 15 min.)"
        raise Refusal(Reason.BAD_SIGNATURE, message)
    if signed_at > now + SKEW:
        message = f"Signature not yet current: {claim.timestamp} is still later than {latest} ({server} + 15 min.)"
        raise Refusal(Reason.BAD_SIGNATURE, message)


def _check_scope(call: Call, claim: Claim) -> None:
    """An endpoint of AWS takes only signatures of its own service and Region; a loopback host has no Region."""
    if claim.service != call.service:
        raise Refusal(Reason.BAD_SIGNATURE, f"Credential should be scoped to correct service: '{call.service}'.")
    labels = call.headers["host"].split(":")[0].split(".")
    if labels[-2:] != ["amazonaws", "com"]:
        return
    region = labels[1] if len(labels) == 4 else "us-east-1"
    if claim.region != region:
        raise Refusal(Reason.BAD_SIGNATURE, "Credential should be scoped to a valid region.")


def _hosts(call: Call, claim: Claim) -> list[str]:
    """The hosts the request may have been signed for: the one it came with, or AWS's own when it came to a loopback address.

    Standing in for AWS means being reached under an address that AWS does not have.
    """
    host = call.headers["host"]
    if host.rsplit(":", 1)[0] not in LOOPBACK:
        return [host]
    return [host, f"{claim.service}.{claim.region}.amazonaws.com", f"{claim.service}.amazonaws.com"]


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=")[::2] for part in query.split("&") if part)
    return "&".join(sorted(f"{quote(unquote(name), safe='-_.~')}={quote(unquote(value), safe='-_.~')}" for name, value in pairs))

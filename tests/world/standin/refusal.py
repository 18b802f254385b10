"""Why a call is refused, and how each of AWS's protocols says so."""

from enum import Enum
from xml.sax.saxutils import escape

from .call import Call
from .reply import Reply, request_id


class Reason(Enum):
    """What went wrong, in no protocol's words."""

    MISSING_TOKEN = "missing token"
    INCOMPLETE_SIGNATURE = "incomplete signature"
    UNKNOWN_KEY = "unknown key"
    EXPIRED_TOKEN = "expired token"
    BAD_SIGNATURE = "bad signature"
    DENIED = "denied"
    THROTTLED = "throttled"
    INVALID = "invalid"
    NOT_SUBSCRIBED = "not subscribed"
    CONFLICT = "conflict"
    INTERNAL = "internal"


class Refusal(Exception):
    """Raised by whoever finds the reason; turned into an answer in one place."""

    def __init__(self, reason: Reason, message: str):
        super().__init__(message)
        self.reason = reason
        self.message = message


QUERY = {
    Reason.MISSING_TOKEN: (403, "MissingAuthenticationToken"),
    Reason.INCOMPLETE_SIGNATURE: (400, "IncompleteSignature"),
    Reason.UNKNOWN_KEY: (403, "InvalidClientTokenId"),
    Reason.EXPIRED_TOKEN: (403, "ExpiredToken"),
    Reason.BAD_SIGNATURE: (403, "SignatureDoesNotMatch"),
    Reason.DENIED: (403, "AccessDenied"),
    Reason.THROTTLED: (400, "Throttling"),
    Reason.INVALID: (400, "ValidationError"),
    Reason.INTERNAL: (500, "InternalFailure"),
}
EC2 = QUERY | {
    Reason.UNKNOWN_KEY: (401, "AuthFailure"),
    Reason.DENIED: (403, "UnauthorizedOperation"),
    Reason.THROTTLED: (503, "RequestLimitExceeded"),
    Reason.INTERNAL: (500, "InternalError"),
}
S3 = QUERY | {
    Reason.UNKNOWN_KEY: (403, "InvalidAccessKeyId"),
    Reason.EXPIRED_TOKEN: (400, "ExpiredToken"),
    Reason.THROTTLED: (503, "SlowDown"),
    Reason.INTERNAL: (500, "InternalError"),
}
REST_JSON = {
    Reason.MISSING_TOKEN: (403, "MissingAuthenticationTokenException"),
    Reason.INCOMPLETE_SIGNATURE: (403, "IncompleteSignatureException"),
    Reason.UNKNOWN_KEY: (403, "UnrecognizedClientException"),
    Reason.EXPIRED_TOKEN: (403, "ExpiredTokenException"),
    Reason.BAD_SIGNATURE: (403, "InvalidSignatureException"),
    Reason.DENIED: (403, "AccessDeniedException"),
    Reason.THROTTLED: (429, "ThrottlingException"),
    Reason.INVALID: (400, "ValidationException"),
    Reason.NOT_SUBSCRIBED: (403, "AccessDeniedException"),
    Reason.CONFLICT: (409, "ConflictException"),
    Reason.INTERNAL: (500, "InternalServerException"),
}
AWS_JSON = {reason: (500 if status == 500 else 400, code) for reason, (status, code) in REST_JSON.items()}
OWN_CODES = {
    "account": {Reason.THROTTLED: (429, "TooManyRequestsException")},
    "guardduty": {Reason.INVALID: (400, "BadRequestException"), Reason.INTERNAL: (500, "InternalServerErrorException")},
    "securityhub": {
        Reason.INVALID: (400, "InvalidInputException"),
        Reason.NOT_SUBSCRIBED: (401, "InvalidAccessException"),
        Reason.INTERNAL: (500, "InternalException"),
    },
}


def refuse(call: Call, refusal: Refusal) -> Reply:
    """The answer that an AWS SDK for the called service turns into its own error type."""
    if call.service == "s3":
        status, code = S3[refusal.reason]
        return _xml(status, f"<Error>{_elements(code, refusal.message)}<RequestId>{request_id()}</RequestId></Error>")
    if call.service == "ec2":
        status, code = EC2[refusal.reason]
        error = f"<Errors><Error>{_elements(code, refusal.message)}</Error></Errors>"
        return _xml(status, f"<Response>{error}<RequestID>{request_id()}</RequestID></Response>")
    if call.action or call.service == "sts":
        return _query(call, refusal)
    codes = AWS_JSON if call.target else REST_JSON | OWN_CODES.get(call.service, {})
    status, code = codes[refusal.reason]
    if call.service == "securityhub":
        document = {"Message": refusal.message, "Code": code}
    else:
        document = {"__type": code, "message": refusal.message}
    return Reply.of_document(document, status, {"x-amzn-errortype": code})


def _query(call: Call, refusal: Refusal) -> Reply:
    status, code = QUERY[refusal.reason]
    blame = "Receiver" if status >= 500 else "Sender"
    if call.wants_json:
        error = {"Code": code, "Message": refusal.message, "Type": blame}
        return Reply.of_document({"Error": error, "RequestId": request_id()}, status)
    namespace = "https://sts.amazonaws.com/doc/2011-06-15/" if call.service == "sts" else f"https://{call.service}.amazonaws.com/doc/"
    error = f"<Error><Type>{blame}</Type>{_elements(code, refusal.message)}</Error>"
    return _xml(status, f'<ErrorResponse xmlns="{namespace}">{error}<RequestId>{request_id()}</RequestId></ErrorResponse>')


def _elements(code: str, message: str) -> str:
    return f"<Code>{code}</Code><Message>{escape(message)}</Message>"


def _xml(status: int, text: str) -> Reply:
    return Reply(status, "text/xml", text.encode())

"""AWS STS GetCallerIdentity: who signed this request."""

from .call import Call
from .keyring import Principal
from .reply import Reply, request_id

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def caller_identity(call: Call, principal: Principal) -> Reply:
    """The answer in the format that the Accept header asks for: JSON, or XML as STS's default."""
    fields = {"Account": principal.account, "Arn": principal.arn, "UserId": principal.user_id}
    if call.wants_json:
        response = {"GetCallerIdentityResult": fields, "ResponseMetadata": {"RequestId": request_id()}}
        return Reply.of_document({"GetCallerIdentityResponse": response})
    result = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    metadata = f"<ResponseMetadata><RequestId>{request_id()}</RequestId></ResponseMetadata>"
    response = f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>{metadata}"
    return Reply(200, "text/xml", f'<GetCallerIdentityResponse xmlns="{NAMESPACE}">{response}</GetCallerIdentityResponse>'.encode())

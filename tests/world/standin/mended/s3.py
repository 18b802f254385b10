"""Amazon S3: versioning with MFA delete, ACLs that tell every permission, logging that does not mind its target's policy."""

import re
from functools import wraps

from moto.core.responses import ActionResult
from moto.s3.models import FakeAcl, FakeBucket, FakeGrant
from moto.s3.responses import S3Response

MFA_DELETE = re.compile(r"<MfaDelete>(Enabled|Disabled)</MfaDelete>")


def mend() -> None:
    FakeBucket._log_permissions_enabled_policy = staticmethod(lambda target_bucket, target_prefix: True)
    S3Response._bucket_response_put = _remembering(S3Response._bucket_response_put)
    S3Response.get_bucket_versioning = _versioning
    S3Response._acl_to_dict = staticmethod(_told_one_by_one(S3Response._acl_to_dict))


def _remembering(put):
    @wraps(put)
    def put_and_remember(response: S3Response, request, bucket_name: str, querystring: dict):
        answer = put(response, request, bucket_name, querystring)
        asked = MFA_DELETE.search(response.body.decode("utf-8", "replace")) if "versioning" in querystring else None
        if asked:
            response.backend.get_bucket(bucket_name).mfa_delete = asked[1]
        return answer

    return put_and_remember


def _told_one_by_one(tell):
    @wraps(tell)
    def told(acl: FakeAcl) -> dict:
        """A grant of two permissions is two grants; moto tells the first."""
        return tell(FakeAcl([FakeGrant(grant.grantees, [one]) for grant in acl.grants for one in grant.permissions]))

    return told


def _versioning(response: S3Response):
    bucket = response.backend.get_bucket(response.bucket_name)
    response.data["Action"] = "GetBucketVersioning"
    return response.serialized(ActionResult({"Status": bucket.versioning_status, "MFADelete": getattr(bucket, "mfa_delete", None)}))

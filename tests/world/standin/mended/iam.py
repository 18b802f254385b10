"""AWS IAM: the root user, dates in the past, the credential report, and the few of AWS's own policies that matter here.

Not here: the other thousand managed policies, which cost tens of megabytes per account.
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import cache, wraps

from cryptography import x509
from moto.core.responses import ActionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.exceptions import ReportNotPresentException
from moto.iam.models import (
    AccessKey,
    AccessKeyLastUsed,
    AccountSummary,
    AWSManagedPolicy,
    Certificate,
    IAMBackend,
    User,
    VirtualMfaDevice,
    iam_backends,
)
from moto.iam.responses import IamResponse

MANAGED = ("AdministratorAccess", "AWSCloudShellFullAccess", "AWSSupportAccess", "PowerUserAccess", "SecurityAudit", "ViewOnlyAccess")
MFA_KINDS = ("none", "virtual", "hardware")
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
    "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
NO_KEY = ["false", "N/A", "N/A", "N/A", "N/A"]
NO_CERTIFICATES = ["false", "N/A", "false", "N/A"]
ROOT_AGE = timedelta(days=900)


def mend() -> None:
    IAMBackend._init_aws_policies = _few_policies
    IAMBackend.get_credential_report = _credential_report
    IamResponse.get_credential_report = _report_of_today
    IamResponse.list_server_certificates = _server_certificates
    AccountSummary.summary_map = property(_with_password(AccountSummary.summary_map.fget))


def keep_root(account: str, mfa: str, access_keys: int, password_last_used: datetime | None) -> None:
    """Makes the root user of the account be kept like this. Raises ValueError for what cannot be."""
    if mfa not in MFA_KINDS or access_keys not in (0, 1, 2):
        raise ValueError(f"a root user has an mfa of {', '.join(MFA_KINDS)} and at most two access keys")
    iam = _iam(account)
    iam.account_summary._account_mfa_enabled = int(mfa != "none")
    iam.account_summary._account_access_keys_present = int(access_keys > 0)
    iam.root_keys, iam.root_password_last_used = access_keys, password_last_used
    device = VirtualMfaDevice(account, "us-east-1", "/root-account-mfa-device")
    iam.virtual_mfa_devices.pop(device.serial_number, None)
    if mfa == "virtual":
        device.enable_date = _root_since()
        device.user_attribute = device.user = {"Arn": f"arn:aws:iam::{account}:root", "UserId": account, "CreateDate": _root_since()}
        iam.virtual_mfa_devices[device.serial_number] = device


def keep_user(account: str, name: str, dates: dict[str, datetime], keys: list[dict[str, datetime]]) -> None:
    """Puts a user's dates into the past: `created`, `password_last_used`, `password_last_changed`; of each of his keys,
    in order, `created` and `last_used`. Raises ValueError for a user or key that does not exist."""
    user = _iam(account).users.get(name)
    if user is None or len(keys) > len(user.access_keys):
        raise ValueError(f"{account} has no user {name} with {len(keys)} keys")
    user.create_date = dates.get("created", user.create_date)
    user.password_last_used = dates.get("password_last_used", user.password_last_used)
    user.password_last_changed = dates.get("password_last_changed", user.create_date)
    for key, when in zip(user.access_keys, keys, strict=False):
        key.create_date = when.get("created", key.create_date)
        key.last_used = AccessKeyLastUsed(when["last_used"], "s3", "us-east-1") if "last_used" in when else key.last_used


@cache
def _documents() -> dict[str, dict]:
    known = json.loads(aws_managed_policies_data)
    return {name: known[name] for name in MANAGED}


def _few_policies(backend: IAMBackend) -> list[AWSManagedPolicy]:
    return [AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data) for name, data in _documents().items()]


def _with_password(summarize):
    @wraps(summarize)
    def summarized(summary: AccountSummary) -> dict[str, int]:
        return summarize(summary) | {"AccountPasswordPresent": 1}

    return summarized


def _report_of_today(response: IamResponse) -> ActionResult:
    report = response.backend.get_credential_report()
    return ActionResult({"Content": report, "ReportFormat": "text/csv", "GeneratedTime": datetime.now(UTC).replace(microsecond=0)})


def _server_certificates(response: IamResponse) -> ActionResult:
    """With the dates that stand in the certificates."""
    return ActionResult(
        {"ServerCertificateMetadataList": [_listing(it) for it in response.backend.list_server_certificates()], "IsTruncated": False}
    )


def _listing(kept: Certificate) -> dict:
    certificate = x509.load_pem_x509_certificate(kept.cert_body.encode())
    return {
        "ServerCertificateName": kept.cert_name,
        "Path": kept.path,
        "Arn": kept.arn,
        "ServerCertificateId": f"ASCA{hashlib.sha256(kept.arn.encode()).hexdigest()[:17].upper()}",
        "UploadDate": certificate.not_valid_before_utc,
        "Expiration": certificate.not_valid_after_utc,
    }


def _credential_report(backend: IAMBackend) -> str:
    if not backend.credential_report:
        raise ReportNotPresentException("Credential report not present")
    longest = backend.account_password_policy.max_password_age if backend.account_password_policy else None
    rows = [_root_row(backend), *(_user_row(user, longest) for user in list(backend.users.values()))]
    return "\n".join([COLUMNS, *(",".join(row) for row in rows)])


def _root_row(backend: IAMBackend) -> list[str]:
    used, keys = getattr(backend, "root_password_last_used", None), getattr(backend, "root_keys", 0)
    key = ["true", _text(_root_since()), "N/A", "N/A", "N/A"]
    mfa = backend.account_summary._account_mfa_enabled
    row = ["<root_account>", f"arn:aws:iam::{backend.account_id}:root", _text(_root_since()), "true", _text(used, "no_information")]
    row += [_text(_root_since()), "not_supported", "true" if mfa else "false"]
    return row + (key if keys > 0 else NO_KEY) + (key if keys > 1 else NO_KEY) + NO_CERTIFICATES


def _user_row(user: User, longest: int | None) -> list[str]:
    row = [user.name, user.arn, _text(user.create_date), "true" if user.password else "false"]
    if user.password:
        changed = getattr(user, "password_last_changed", user.create_date)
        rotation = changed + timedelta(days=longest) if longest else None
        row += [_text(user.password_last_used, "no_information"), _text(changed), _text(rotation)]
    else:
        row += ["N/A", "N/A", "N/A"]
    row.append("true" if user.mfa_devices else "false")
    for place in (0, 1):
        row += _key_columns(user.access_keys[place]) if place < len(user.access_keys) else NO_KEY
    return row + NO_CERTIFICATES


def _key_columns(key: AccessKey) -> list[str]:
    used = [_text(key.last_used.timestamp), key.last_used.region, key.last_used.service] if key.last_used else ["N/A", "N/A", "N/A"]
    return ["true" if key.status == "Active" else "false", _text(key.create_date), *used]


def _text(when: datetime | None, otherwise: str = "N/A") -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S+00:00") if when else otherwise


def _root_since() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - ROOT_AGE


def _iam(account: str) -> IAMBackend:
    return iam_backends[account]["aws"]

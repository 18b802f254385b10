"""Access keys: whose they are, until when they hold, and what moto's IAM says about their owner.

In: an access key id. Out: its `Key`, or None. Keys of roles and users are moto's, also where a session of a role is asked for
here; keys that moto cannot make (of a root user, of a federated user) are issued here and made known to moto. Moto takes any
unknown key for account 123456789012; here an unknown key is nobody's.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps

from moto.iam.models import AccessKey, get_account_id_from, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends
from moto.sts.utils import random_session_token

from .call import Call
from .refusal import Reason, Refusal

INVALID_TOKEN = "The security token included in the request is invalid"
FEDERATION_LIFE = timedelta(hours=12)
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Principal:
    """Who AWS says is calling."""

    account: str
    arn: str
    user_id: str


@dataclass(frozen=True)
class Key:
    """An access key that exists. `token` and `expires_at` are None for keys that last."""

    id: str
    secret: str
    principal: Principal
    token: str | None = None
    expires_at: datetime | None = None

    def check_token(self, call: Call, now: datetime) -> None:
        """Raises `Refusal` unless the call carries this key's own token and the session still lasts."""
        if (self.token or "") != call.headers.get("x-amz-security-token", ""):
            raise Refusal(Reason.UNKNOWN_KEY, INVALID_TOKEN)
        if self.expires_at and self.expires_at <= now:
            raise Refusal(Reason.EXPIRED_TOKEN, "The security token included in the request is expired")


class KeyRing:
    """All keys of all accounts."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[AssumedRole, str]] = {}
        self._issued: dict[str, Key] = {}
        self._watch_assume_role()

    def find(self, key_id: str) -> Key | None:
        """None when nobody has that key, it was switched off, or its role or user is gone."""
        return self._issued.get(key_id) or self._session_key(key_id) or self._user_key(key_id)

    def issue_root_key(self, account: str) -> Key:
        """A lasting key of the account's root user."""
        access_key = self._make_known(account, "AKIA")
        principal = Principal(account, f"arn:aws:iam::{account}:root", account)
        return self._issue(Key(access_key.access_key_id, access_key.secret_access_key, principal))

    def issue_federated_key(self, account: str, name: str) -> Key:
        """A session of a federated user, as GetFederationToken gives one."""
        access_key = self._make_known(account, "ASIA")
        principal = Principal(account, f"arn:aws:sts::{account}:federated-user/{name}", f"{account}:{name}")
        expires_at = datetime.now(UTC) + FEDERATION_LIFE
        return self._issue(Key(access_key.access_key_id, access_key.secret_access_key, principal, random_session_token(), expires_at))

    def issue_session_key(self, account: str, role: str, seconds: int) -> Key:
        """A session of the role, which is created when it does not exist."""
        iam, arn = iam_backends[account]["aws"], f"arn:aws:iam::{account}:role/{role}"
        if not any(known.arn == arn for known in iam.get_roles()):
            iam.create_role(role, json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}), "/", None, "", [], "3600")
        session = sts_backends[account]["aws"].assume_role("us-east-1", "agent", arn, None, seconds, None)
        return self._session_key(session.access_key_id)

    def _issue(self, key: Key) -> Key:
        self._issued[key.id] = key
        return key

    def _make_known(self, account: str, prefix: str) -> AccessKey:
        access_key = AccessKey(user_name=None, prefix=prefix, account_id=account)
        iam_backends[account]["aws"].access_keys[access_key.access_key_id] = access_key
        return access_key

    def _session_key(self, key_id: str) -> Key | None:
        if key_id not in self._sessions:
            return None
        session, role_id = self._sessions[key_id]
        if _role_id(session) != role_id:
            return None
        principal = Principal(session.account_id, session.arn, f"{role_id}:{session.session_name}")
        expires_at = session.expiration.replace(tzinfo=UTC)
        return Key(key_id, session.secret_access_key, principal, session.session_token, expires_at)

    def _user_key(self, key_id: str) -> Key | None:
        account = get_account_id_from(key_id)
        iam = iam_backends[account]["aws"]
        access_key = iam.access_keys.get(key_id)
        user = iam.users.get(access_key.user_name) if access_key else None
        if user is None or access_key.status != "Active":
            return None
        return Key(key_id, access_key.secret_access_key, Principal(account, user.arn, user.id))

    def _watch_assume_role(self) -> None:
        """Remembers, for each session, the role that stood there when it began: a role made anew is another one."""
        assume = STSBackend.assume_role

        @wraps(assume)
        def assume_and_remember(backend: STSBackend, *args, **kwargs) -> AssumedRole:
            session = assume(backend, *args, **kwargs)
            self._sessions[session.access_key_id] = (session, _role_id(session))
            return session

        STSBackend.assume_role = assume_and_remember


def _role_id(session: AssumedRole) -> str:
    """The unique id of the session's role; for a role that moto's IAM lacks, one that depends on its ARN alone."""
    for role in list(iam_backends[session.account_id]["aws"].get_roles()):
        if role.arn == session.role_arn:
            return role.id
    digest = base64.b32encode(hashlib.sha256(session.role_arn.encode()).digest()).decode()
    return f"AROA{digest[:17]}"

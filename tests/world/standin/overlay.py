"""The WSGI middleware: serves what the stand-in knows better than moto, and hands everything else on."""

import logging
from datetime import UTC, datetime

from . import access_analyzer, account, guardduty, inspector2, macie2, mended, securityhub
from .admin import Admin
from .call import Call
from .identity import caller_identity
from .keyring import INVALID_TOKEN, Key
from .ledger import NOBODY
from .operations import operation
from .refusal import Reason, Refusal, refuse
from .reply import Reply
from .signature import authenticate
from .world import Ask, World

log = logging.getLogger(__name__)

REGIONAL = {
    "access-analyzer": access_analyzer.OPERATIONS,
    "guardduty": guardduty.OPERATIONS,
    "inspector2": inspector2.OPERATIONS,
    "macie2": macie2.OPERATIONS,
    "securityhub": securityhub.OPERATIONS,
}
ADMINISTRATOR = ":assumed-role/OrganizationAccountAccessRole/"
GLOBAL = {"account", "iam", "organizations", "s3", "sts"}
IDENTITIES = {"iam", "sts"}
SERVED = REGIONAL | {"account": account.OPERATIONS}
RESOURCES = {
    "access-analyzer": "arn:aws:access-analyzer:{region}:{account}:*",
    "account": "arn:aws:account::{account}:account",
    "guardduty": "arn:aws:guardduty:{region}:{account}:detector/{detector}",
    "inspector2": "arn:aws:inspector2:{region}:{account}:{path}",
    "macie2": "arn:aws:macie2:{region}:{account}:*",
    "securityhub": "arn:aws:securityhub:{region}:{account}:hub/default",
}


class Overlay:
    """The stand-in as one WSGI application in front of moto's."""

    def __init__(self, moto, world: World):
        self._moto = moto
        self._world = world
        self._admin = Admin(world)

    def __call__(self, environ: dict, start_response):
        call = Call.read(environ)
        if call.path.startswith("/world/") and not call.scope:
            return self._admin.answer(call).send(start_response)
        if not call.service:
            return self._moto(environ, start_response)
        try:
            reply = self._answer(call)
        except Refusal as refusal:
            log.info("%s %s refused: %s", call.service, call.path, refusal.message)
            reply = refuse(call, refusal)
        if reply:
            return reply.send(start_response)
        if call.service not in IDENTITIES:
            mended.mend_configuration()
        return self._moto(environ, _typed(call, start_response))

    def _answer(self, call: Call) -> Reply | None:
        """The answer to a call, or None for one that is moto's. Raises `Refusal`."""
        name, labels = operation(call)
        serve = SERVED.get(call.service, {}).get(name)
        ours = serve is not None or (call.service, name) == ("sts", "GetCallerIdentity")
        key = self._world.keys.find(call.key_id)
        caller = key.principal.account if key else NOBODY
        if not (key and ADMINISTRATOR in key.principal.arn):
            self._world.ledger.count(caller, call.service, call.region, name)
        self._admit(call, key, ours)
        denial = _denial(call, key, name, labels)
        if broken := self._world.faults.strike(caller, call.service, call.region, name, denial):
            return broken
        if not ours:
            return None
        if serve is None:
            return caller_identity(call, key.principal)
        try:
            ask = Ask(caller, call.region, labels, call.parameters(), call.document())
        except ValueError as error:
            raise Refusal(Reason.INVALID, f"The body is not JSON: {error}") from error
        return Reply.of_document(serve(self._world, ask))

    def _admit(self, call: Call, key: Key | None, ours: bool) -> None:
        """Raises `Refusal` for a caller that AWS would not know.

        What moto serves it serves to anyone, so that AssumeRole can begin a world; only sessions that are over end there too,
        and no Region that is not enabled serves anything but the services that have no Region.
        """
        now = datetime.now(UTC)
        if ours:
            authenticate(call, key, now)
        elif key:
            key.check_token(call, now)
        if key and call.service not in GLOBAL and call.region not in self._world.regions.enabled(key.principal.account):
            raise Refusal(Reason.UNKNOWN_KEY, INVALID_TOKEN)


def _typed(call: Call, start_response):
    """Moto calls its JSON a page of HTML; AWS answers in the type that it was asked in. A failure of moto's is such a page."""
    if not call.target:
        return start_response

    def start(status: str, headers: list[tuple[str, str]], exc_info=None):
        kept = [(name, value) for name, value in headers if status >= "5" or name.lower() != "content-type"]
        kept += [] if status >= "5" else [("Content-Type", call.headers.get("content-type", "application/x-amz-json-1.1"))]
        return start_response(status, kept, exc_info)

    return start


def _denial(call: Call, key: Key | None, name: str, labels: dict[str, str]) -> str:
    """What AWS says to a caller whose policies do not allow the operation."""
    arn, account_id = (key.principal.arn, key.principal.account) if key else ("unknown", "")
    resource = RESOURCES.get(call.service, "*").format(
        account=account_id, region=call.region, path=call.path, detector=labels.get("DetectorId", "*")
    )
    action = f"{call.service}:{name}"
    return (
        f"User: {arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )

"""The door for tests, under /world/: what to put into the world, what to break, what was asked.

Every answer is a JSON object; a request that makes no sense gets 400 and {"error": why}.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

from .call import Call
from .faults import Fault, Kind
from .keyring import Key
from .mended.iam import keep_root, keep_user
from .refusal import Refusal
from .reply import Reply
from .shelf import IDENTITY
from .world import World


class Admin:
    """Serves /world/; needs no credentials, for it is reached over loopback only."""

    def __init__(self, world: World):
        self._world = world
        self._doors: dict[tuple[str, str], Callable[[dict], dict]] = {
            ("GET", "/world/ping"): lambda _: {"ok": True},
            ("POST", "/world/findings"): self._put_findings,
            ("GET", "/world/findings"): self._findings,
            ("POST", "/world/regions"): self._enable_regions,
            ("POST", "/world/enable"): self._turn_service,
            ("POST", "/world/keys"): self._issue_key,
            ("POST", "/world/root"): self._keep_root,
            ("POST", "/world/controls"): self._put_controls,
            ("GET", "/world/controls"): self._controls,
            ("POST", "/world/users"): self._keep_user,
            ("POST", "/world/faults"): self._add_fault,
            ("DELETE", "/world/faults"): self._clear_faults,
            ("GET", "/world/requests"): lambda given: {"requests": world.ledger.totals(given.get("region"))},
            ("POST", "/world/reset"): self._reset,
        }

    def answer(self, call: Call) -> Reply:
        """Answers any request under /world/."""
        door = self._doors.get((call.method, call.path))
        if door is None:
            return Reply.of_document({"error": f"{call.method} {call.path} does not exist"}, 404)
        try:
            given = call.parameters() if call.method == "GET" else call.document()
            return Reply.of_document(door(given))
        except KeyError as missing:
            return Reply.of_document({"error": f"{missing} is missing"}, 400)
        except (ValueError, TypeError, Refusal) as error:
            return Reply.of_document({"error": str(error)}, 400)

    def _put_findings(self, given: dict) -> dict:
        place = self._place(given)
        count = self._world.shelf.put(place, given["findings"], given.get("replace", False))
        self._world.subscriptions.turn(*place, on=True)
        return {"count": count}

    def _findings(self, given: dict) -> dict:
        if not given:
            return {"counts": self._world.shelf.counts()}
        return {"findings": self._world.shelf.findings(self._place(given))}

    def _enable_regions(self, given: dict) -> dict:
        self._world.regions.enable(_account(given), given["regions"])
        return {"regions": list(self._world.regions.enabled(_account(given)))}

    def _turn_service(self, given: dict) -> dict:
        self._world.subscriptions.turn(*self._place(given), on=given["on"])
        return {"on": given["on"]}

    def _issue_key(self, given: dict) -> dict:
        match given["principal"]:
            case "root":
                return _credentials(self._world.keys.issue_root_key(_account(given)))
            case "federated-user":
                return _credentials(self._world.keys.issue_federated_key(_account(given), given["name"]))
            case "role":
                return _credentials(self._world.keys.issue_session_key(_account(given), given["name"], given.get("seconds", 3600)))
        raise ValueError(f"no key can be issued for a {given['principal']}")

    def _keep_root(self, given: dict) -> dict:
        keep_root(_account(given), given["mfa"], given.get("access_keys", 0), _times(given, "password_last_used").get("password_last_used"))
        return {"ok": True}

    def _keep_user(self, given: dict) -> dict:
        dates = _times(given, "created", "password_last_used", "password_last_changed")
        keys = [_times(key, "created", "last_used") for key in given.get("keys", [])]
        keep_user(_account(given), given["name"], dates, keys)
        return {"ok": True}

    def _put_controls(self, given: dict) -> dict:
        self._world.controls[_account(given)] = {"how": given["how"], "controls": given["controls"]}
        return self._world.controls[given["account"]]

    def _controls(self, given: dict) -> dict:
        return self._world.controls.get(_account(given), {"how": None, "controls": None})

    def _add_fault(self, given: dict) -> dict:
        unknown = set(given) - {field.name for field in fields(Fault)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if not isinstance(given.get("times", 1), int):
            raise ValueError("times is not a whole number")
        self._world.faults.add(Fault(**(given | {"kind": Kind(given["kind"]), "service": given["service"]})))
        return {"ok": True}

    def _clear_faults(self, _: dict) -> dict:
        self._world.faults.clear()
        return {"ok": True}

    def _reset(self, _: dict) -> dict:
        self._world.reset()
        return {"ok": True}

    def _place(self, given: dict) -> tuple[str, str, str]:
        """(service, account, Region). Raises ValueError unless the service is one of ours and the Region enabled."""
        service, account, region = given["service"], _account(given), given["region"]
        if service not in IDENTITY:
            raise ValueError(f"{service} is none of {', '.join(IDENTITY)}")
        if region not in self._world.regions.enabled(account):
            raise ValueError(f"{region} is not enabled in {account}; POST /world/regions enables it")
        return service, account, region


def _account(given: dict) -> str:
    account = given["account"]
    if not (isinstance(account, str) and len(account) == 12 and account.isdigit()):
        raise ValueError(f"{account!r} is not an account id: a string of 12 digits")
    return account


def _times(given: dict, *names: str) -> dict[str, datetime]:
    """Those of the moments that are given. Raises ValueError for one that is not ISO 8601 with its offset."""
    times = {name: datetime.fromisoformat(given[name]) for name in names if given.get(name)}
    if any(time.tzinfo is None for time in times.values()):
        raise ValueError("a moment lacks its offset from UTC")
    return times


def _credentials(key: Key) -> dict:
    return {
        "access_key_id": key.id,
        "secret_access_key": key.secret,
        "session_token": key.token,
        "arn": key.principal.arn,
    }

"""Fills the stand-in with accounts, their findings and their configuration, and writes down what is there.

usage: python seed.py --endpoint URL --out DIR --account 111122223333[:PROFILE] [--account ...]
                      [--findings 340] [--regions us-east-1 eu-west-1] [--role MusterAgent] [--unconfigured]

PROFILE is hardened, mixed (the default) or bad. Writes, per account, DIR/<account>/credentials and the drop-folder
documents DIR/<account>/drop/*.json, and for all of them DIR/expected.json:

  {"accounts": {ID: {"profile", "role", "regions", "services": {SERVICE: LIST}, "drop": {KIND: LIST}, "controls": CONTROLS}}, "total": N}
  LIST = {"count": N, "ids": [...], "active": [...]}
  CONTROLS = {CONTROL: {REGION or "global": {"failed": [RESOURCE, ...], "passed": [RESOURCE, ...]}}}

where the ids are each source's own and `active` those that are not archived, closed or suppressed at their source.
Of the controls in CONTROLS, by their Security Hub ids, exactly the resources in `failed` must fail and at least those in
`passed` must pass; a control or Region that is not there is not judged. With --unconfigured there is no "controls".
Seeding again changes nothing but the credentials.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from accounts import Account
from atomic import write_whole
from configure import configure
from door import Door
from findings import account_findings, last_midnight
from generated.profiles import PROFILES, Profile

ID: dict[str, Callable[[dict], str]] = {
    "guardduty": lambda finding: finding["id"],
    "inspector2": lambda finding: finding["findingArn"],
    "macie2": lambda finding: finding["id"],
    "securityhub": lambda finding: finding["Id"],
    "prowler-asff": lambda finding: finding["Id"],
    "prowler-ocsf": lambda finding: finding["finding_info"]["uid"],
}
IS_ACTIVE: dict[str, Callable[[dict], bool]] = {
    "guardduty": lambda finding: not finding["service"]["archived"],
    "inspector2": lambda finding: finding["status"] == "ACTIVE",
    "macie2": lambda finding: not finding["archived"],
    "securityhub": lambda finding: finding["RecordState"] == "ACTIVE",
    "prowler-asff": lambda finding: True,
    "prowler-ocsf": lambda finding: True,
}


@dataclass(frozen=True)
class Plan:
    """What all accounts have in common."""

    size: int
    regions: list[str]
    role: str
    until: datetime
    configured: bool


def seed(door: Door, plan: Plan, account: str, profile: Profile, out: Path) -> dict:
    """Makes one account as it should be. Out: its part of expected.json."""
    made = account_findings(account, profile, plan.size, plan.regions, plan.until)
    entry = Account(door.endpoint, account)
    entry.session(entry.role(plan.role)).write(out)
    door.post("regions", account=account, regions=plan.regions)
    by_service: dict[str, list[dict]] = {}
    for region, services in made.services.items():
        for service, found in services.items():
            door.post("findings", service=service, account=account, region=region, findings=found, replace=True)
            by_service.setdefault(service, []).extend(found)
    for kind, found in made.drop.items():
        write_whole(out / "drop" / f"{kind}.json", json.dumps(found, indent=1) + "\n")
    controls = {}
    if plan.configured:
        controls = {"controls": configure(door, account, profile.name, plan.regions, plan.until)}
    return {
        "profile": profile.name,
        "role": plan.role,
        "regions": plan.regions,
        "services": {service: _listed(service, found) for service, found in sorted(by_service.items())},
        "drop": {kind: _listed(kind, found) for kind, found in sorted(made.drop.items())},
    } | controls


def _listed(source: str, found: list[dict]) -> dict:
    ids = sorted({ID[source](finding) for finding in found})
    active = sorted({ID[source](finding) for finding in found if IS_ACTIVE[source](finding)})
    return {"count": len(ids), "ids": ids, "active": active}


def _account(text: str) -> tuple[str, Profile]:
    account, _, profile = text.partition(":")
    return account, PROFILES[profile or "mixed"]


def main() -> None:
    parser = argparse.ArgumentParser(description="fill the stand-in with accounts and findings")
    parser.add_argument("--endpoint", required=True, help="the stand-in, as http://127.0.0.1:PORT")
    parser.add_argument("--out", type=Path, required=True, help="the folder for credentials, drop documents, expected.json")
    parser.add_argument("--account", type=_account, action="append", required=True, metavar="ID[:PROFILE]")
    parser.add_argument("--findings", type=int, default=340, help="how many a mixed account has; others have their share of it")
    parser.add_argument("--regions", nargs="+", default=["us-east-1", "eu-west-1"], help="the enabled Regions of each account")
    parser.add_argument("--role", default="MusterAgent")
    parser.add_argument("--until", type=datetime.fromisoformat, default=last_midnight(), help="the end of the story, with its offset")
    parser.add_argument("--unconfigured", action="store_true", help="findings only: the accounts stay as empty as moto makes them")
    options = parser.parse_args()

    door = Door(options.endpoint)
    plan = Plan(options.findings, options.regions, options.role, options.until, not options.unconfigured)
    accounts = {account: seed(door, plan, account, profile, options.out / account) for account, profile in options.account}
    total = sum(listed["count"] for entry in accounts.values() for group in ("services", "drop") for listed in entry[group].values())
    write_whole(options.out / "expected.json", json.dumps({"accounts": accounts, "total": total}, indent=1) + "\n")
    print(f"{total} findings in {len(accounts)} accounts")


if __name__ == "__main__":
    main()

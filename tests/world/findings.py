"""Makes the findings of an account: the same ones for the same account, profile and size, wherever and whenever.

usage: python findings.py --account 111122223333 [--profile mixed] [--findings 340] [--regions us-east-1 eu-west-1]
                          [--until 2026-11-01T00:00:00+00:00]

Prints everything as one JSON object: Region -> service -> findings, and under "drop" the documents for a drop folder.
Only dates depend on `--until`, which is the end of the story; by default the last midnight (UTC).
"""

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from generated import guardduty, inspector2, macie2, prowler, securityhub
from generated.estate import estate
from generated.profiles import PROFILES, Profile

SHARES = {"inspector2": 0.38, "securityhub": 0.28, "guardduty": 0.18, "macie2": 0.06}
DROP_SHARE = 0.10
MAKERS = {"guardduty": guardduty, "inspector2": inspector2, "macie2": macie2, "securityhub": securityhub}


@dataclass(frozen=True)
class AccountFindings:
    """All findings of one account. `services` is Region -> service -> findings; `drop` is kind of document -> findings."""

    services: dict[str, dict[str, list[dict]]]
    drop: dict[str, list[dict]]


def account_findings(account: str, profile: Profile, size: int, regions: list[str], until: datetime) -> AccountFindings:
    """The findings of an account in its Regions: about `size` in all, times the profile's volume."""
    total = size * profile.volume
    estates = [estate(account, region, until) for region in regions]
    services = {
        owned.region: {
            service: MAKERS[service].findings(owned, profile, max(1, round(total * share / len(regions))), until)
            for service, share in SHARES.items()
        }
        for owned in estates
    }
    return AccountFindings(services, prowler.documents(estates, profile, round(total * DROP_SHARE), until))


def last_midnight() -> datetime:
    """The end of the story unless somebody says otherwise: the same all day, so that seeding twice changes nothing."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def main() -> None:
    parser = argparse.ArgumentParser(description="print the findings of an account")
    parser.add_argument("--account", required=True, help="12 digits")
    parser.add_argument("--profile", choices=PROFILES, default="mixed")
    parser.add_argument("--findings", type=int, default=340, help="how many a mixed account has; others have their share of it")
    parser.add_argument("--regions", nargs="+", default=["us-east-1", "eu-west-1"])
    parser.add_argument("--until", type=datetime.fromisoformat, default=last_midnight())
    options = parser.parse_args()
    made = account_findings(options.account, PROFILES[options.profile], options.findings, options.regions, options.until)
    print(json.dumps(made.services | {"drop": made.drop}, indent=1))


if __name__ == "__main__":
    main()

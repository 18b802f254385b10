"""Configures an account of the stand-in well, badly or in between, and says what must be found.

In: an account that nobody configured, and a profile. Out: what the Security Hub controls must find there; the stand-in
keeps it, so that to configure an account again changes nothing.
"""

from datetime import datetime

from accounts import Account
from configured import alarms, buckets, keys, machines, networks, people, powers, recorders, stores, trails
from configured.site import Site
from door import Door

PARTS = (people, powers, keys, buckets, trails, alarms, recorders, networks, machines, stores)


def configure(door: Door, account: str, profile: str, regions: list[str], until: datetime) -> dict:
    """The account's `controls` as expected.json has them. Raises ValueError for an account that was configured otherwise."""
    how = {"profile": profile, "regions": regions}
    known = door.get("controls", account=account)
    if known["controls"] is None:
        site = Site(Account(door.endpoint, account), door, profile, regions, until)
        for part in PARTS:
            part.configure(site)
        known = door.post("controls", account=account, how=how, controls=site.verdicts.listed())
    if known["how"] != how:
        raise ValueError(f"{account} is configured already, as {known['how']}")
    return known["controls"]

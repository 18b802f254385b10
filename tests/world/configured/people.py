"""The root user, the IAM users with their credentials, and the password policy."""

from typing import NamedTuple

from .site import Site

PASSWORD = "Correct-Horse-9-Battery"


class Key(NamedTuple):
    """An access key: how many days ago it was made, and last used if ever."""

    made: int
    used: int | None


class Person(NamedTuple):
    """An IAM user. `console` is how many days ago he last signed in with his password; None: he has none."""

    name: str
    console: int | None = None
    mfa: bool = False
    keys: tuple[Key, ...] = ()


class Root(NamedTuple):
    """The root user."""

    mfa: str
    access_keys: int
    used: int


ROOTS = {"hardened": Root("hardware", 0, 400), "mixed": Root("virtual", 0, 120), "bad": Root("none", 1, 2)}
PEOPLE = {
    "hardened": (
        Person("ada.quill", console=1, mfa=True),
        Person("ben.marsh", keys=(Key(30, 1),)),
        Person("cleo.tarn", console=6, mfa=True, keys=(Key(80, 2),)),
        Person("dev.orchard"),
    ),
    "mixed": (
        Person("ada.quill", console=1, mfa=True, keys=(Key(20, 1),)),
        Person("ben.marsh", console=3),
        Person("cleo.tarn", keys=(Key(120, 2),)),
        Person("dev.orchard", keys=(Key(70, 60),)),
    ),
    "bad": (
        Person("ada.quill", console=200, keys=(Key(500, 1), Key(95, 94))),
        Person("ben.marsh", keys=(Key(400, 1),)),
        Person("cleo.tarn", console=2, keys=(Key(100, None),)),
        Person("dev.orchard", console=120, mfa=True),
    ),
}
STRONG = {
    "MinimumPasswordLength": 14,
    "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True,
    "RequireSymbols": True,
    "RequireNumbers": True,
    "PasswordReusePrevention": 24,
    "MaxPasswordAge": 90,
    "AllowUsersToChangePassword": True,
}
PASSWORD_RULES = {
    "hardened": STRONG,
    "mixed": STRONG | {"RequireSymbols": False, "PasswordReusePrevention": 5},
    "bad": None,
}
PASSWORD_CONTROLS = {
    "IAM.11": "RequireUppercaseCharacters",
    "IAM.12": "RequireLowercaseCharacters",
    "IAM.13": "RequireSymbols",
    "IAM.14": "RequireNumbers",
    "IAM.15": "MinimumPasswordLength",
    "IAM.16": "PasswordReusePrevention",
    "IAM.17": "MaxPasswordAge",
}


def configure(site: Site) -> None:
    _keep_root(site, ROOTS[site.profile])
    _rule_passwords(site, PASSWORD_RULES[site.profile])
    for person in PEOPLE[site.profile]:
        _make(site, person)
        _judge(site, person)


def _keep_root(site: Site, root: Root) -> None:
    used = site.before(root.used)
    site.door.post("root", account=site.account, mfa=root.mfa, access_keys=root.access_keys, password_last_used=used)
    site.judge(root.access_keys == 0, "IAM.4")
    site.judge(root.mfa == "hardware", "IAM.6")
    site.judge(root.mfa != "none", "IAM.9")


def _rule_passwords(site: Site, rules: dict | None) -> None:
    """A rule holds when it is as strict as the strong policy's; IAM.7 wants the rules about characters all at once."""
    if rules:
        site.client("iam").update_account_password_policy(**rules)
    for control, rule in PASSWORD_CONTROLS.items():
        site.judge(bool(rules) and rules[rule] == STRONG[rule], control)
    site.judge(site.profile == "hardened", "IAM.7")


def _make(site: Site, person: Person) -> None:
    iam = site.client("iam")
    iam.create_user(UserName=person.name)
    if person.console is not None:
        iam.create_login_profile(UserName=person.name, Password=PASSWORD)
    if person.mfa:
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName=person.name)["VirtualMFADevice"]["SerialNumber"]
        iam.enable_mfa_device(UserName=person.name, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321")
    for _ in person.keys:
        iam.create_access_key(UserName=person.name)
    dates = {}
    if person.console is not None:
        dates = {"password_last_used": site.before(person.console), "password_last_changed": site.before(max(person.console, 20))}
    keys = [{"created": site.before(key.made)} | ({} if key.used is None else {"last_used": site.before(key.used)}) for key in person.keys]
    site.door.post("users", account=site.account, name=person.name, created=site.before(600), keys=keys, **dates)


def _judge(site: Site, person: Person) -> None:
    """Whoever has no such credential is not judged."""
    who = f"arn:aws:iam::{site.account}:user/{person.name}"
    if person.keys:
        site.judge(all(key.made <= 90 for key in person.keys), "IAM.3", resource=who)
    if person.console is not None:
        site.judge(person.mfa, "IAM.5", resource=who)
    used = [key.made if key.used is None else key.used for key in person.keys]
    used += [] if person.console is None else [person.console]
    if used:
        site.judge(max(used) <= 90, "IAM.8", resource=who)
        site.judge(max(used) <= 45, "IAM.22", resource=who)

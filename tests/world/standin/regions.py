"""The Regions of each account."""

DEFAULT = ("us-east-1", "eu-west-1")
ALWAYS_ENABLED = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1")
OPT_IN = ("af-south-1", "ap-east-1", "me-south-1")


class Regions:
    """The enabled Regions of every account; an account that nobody spoke of has `DEFAULT`."""

    def __init__(self) -> None:
        self._enabled: dict[str, tuple[str, ...]] = {}

    def enable(self, account: str, regions: list[str]) -> None:
        """Makes exactly these Regions the account's enabled ones."""
        self._enabled[account] = tuple(dict.fromkeys(regions))

    def enabled(self, account: str) -> tuple[str, ...]:
        return self._enabled.get(account, DEFAULT)

    def statuses(self, account: str) -> dict[str, str]:
        """Region -> its opt-in status as the account service words it, the disabled ones included."""
        enabled = {region: "ENABLED_BY_DEFAULT" if region in ALWAYS_ENABLED else "ENABLED" for region in self.enabled(account)}
        return dict.fromkeys(OPT_IN, "DISABLED") | enabled

    def clear(self) -> None:
        self._enabled.clear()

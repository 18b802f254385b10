"""KMS keys, and the access analyzer of each Region."""

from .site import Site

ROTATED = {"hardened": (True,), "mixed": (True, False), "bad": (False,)}
ANALYZERS = {"hardened": ("ACCOUNT", "ACCOUNT"), "mixed": ("ACCOUNT", "ACCOUNT_UNUSED_ACCESS"), "bad": (None, None)}


def configure(site: Site) -> None:
    for region in site.regions:
        _make_keys(site, region)
        _make_analyzer(site, region)


def _make_keys(site: Site, region: str) -> None:
    """The Region's own keys; the first one encrypts what is encrypted there. A key that signs cannot rotate and is not judged."""
    kms = site.client("kms", region)
    for place, rotated in enumerate(ROTATED[site.profile]):
        key = kms.create_key(Description=f"data of {region}, {place}")["KeyMetadata"]
        site.keys.setdefault(region, key["Arn"])
        if rotated:
            kms.enable_key_rotation(KeyId=key["KeyId"])
        site.judge(rotated, "KMS.4", resource=key["Arn"], region=region)
    if site.profile == "mixed":
        kms.create_key(Description="signs releases", KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")


def _make_analyzer(site: Site, region: str) -> None:
    """Only an analyzer of external access counts."""
    kind = ANALYZERS[site.profile][region != site.home]
    if kind:
        site.client("accessanalyzer", region).create_analyzer(analyzerName="account", type=kind)
    site.judge(kind == "ACCOUNT", "IAM.28", region=region)

"""Who may do what: customer policies, groups, what is attached to whom; server certificates; the account's contact."""

import json

from generated.estate import PEOPLE, ROLES

from .certificates import CURRENT, EXPIRED
from .site import Site

AWS = "arn:aws:iam::aws:policy"
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
READING = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]}
ALL_OF_S3 = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}
DECRYPTION = {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:Decrypt"], "Resource": "*"}
ENCRYPTION = {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:Encrypt"], "Resource": "*"}
POLICIES = {
    "hardened": {"read-reports": [READING], "quarantine": [NOTHING]},
    "mixed": {"read-reports": [READING], "quarantine": [NOTHING], "legacy-admin": [READING, EVERYTHING]},
    "bad": {"do-anything": [EVERYTHING], "all-buckets": [ALL_OF_S3]},
}
GROUP_MEMBERS = {"hardened": PEOPLE, "mixed": PEOPLE[:3], "bad": ()}
ATTACHED_TO_USERS = {
    "hardened": {},
    "mixed": {"dev.orchard": "read-reports"},
    "bad": {"ben.marsh": "do-anything", "cleo.tarn": "do-anything"},
}
INLINE_OF_USERS = {"hardened": {}, "mixed": {}, "bad": {"ada.quill": ALL_OF_S3, "ben.marsh": EVERYTHING}}
INLINE_OF_ROLES = {"hardened": {"data-export": ENCRYPTION}, "mixed": {"data-export": DECRYPTION}, "bad": {"data-export": DECRYPTION}}
INLINE_OF_GROUPS = {"hardened": ENCRYPTION, "mixed": ENCRYPTION, "bad": DECRYPTION}
CLOUD_SHELL = {"hardened": (), "mixed": ("role/deploy",), "bad": ("role/deploy", "user/ada.quill", "group/developers")}
CERTIFICATES = {
    "hardened": {"www-current": CURRENT},
    "mixed": {"www-current": CURRENT, "www-old": EXPIRED},
    "bad": {"www-old": EXPIRED},
}


def configure(site: Site) -> None:
    iam = site.client("iam")
    _write_policies(site, iam)
    _make_roles(site, iam)
    _attach(site, iam)
    _attach_cloud_shell(site, iam)
    _allow_decryption(site, iam)
    _keep_certificates(site, iam)
    _name_contact(site)


def _write_policies(site: Site, iam) -> None:
    """IAM.21 speaks of all actions of one service; all actions of all of them are IAM.1's."""
    for name, statements in POLICIES[site.profile].items():
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        policy = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        site.judge(EVERYTHING not in statements, "IAM.1", resource=policy)
        if EVERYTHING not in statements:
            site.judge(ALL_OF_S3 not in statements, "IAM.21", resource=policy)


def _make_roles(site: Site, iam) -> None:
    """The estate's roles; where AWS Support is to be called, one that may do it."""
    for name in ROLES:
        site.entry.role(name)
    if site.profile != "bad":
        site.entry.role("support")
        iam.attach_role_policy(RoleName="support", PolicyArn=f"{AWS}/AWSSupportAccess")
    site.judge(site.profile != "bad", "IAM.18")


def _attach(site: Site, iam) -> None:
    iam.create_group(GroupName="developers")
    local = f"arn:aws:iam::{site.account}:policy"
    group_policy = next(iter(POLICIES[site.profile]))
    iam.attach_group_policy(GroupName="developers", PolicyArn=f"{local}/{group_policy}")
    for name in GROUP_MEMBERS[site.profile]:
        iam.add_user_to_group(GroupName="developers", UserName=name)
    attached, inline = ATTACHED_TO_USERS[site.profile], INLINE_OF_USERS[site.profile]
    for name, policy in attached.items():
        iam.attach_user_policy(UserName=name, PolicyArn=f"{local}/{policy}")
    for name, statement in inline.items():
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=_document(statement))
    shell = {place.removeprefix("user/") for place in CLOUD_SHELL[site.profile]}
    for name in PEOPLE:
        who = f"arn:aws:iam::{site.account}:user/{name}"
        site.judge(name not in attached.keys() | inline.keys() | shell, "IAM.2", resource=who)


def _attach_cloud_shell(site: Site, iam) -> None:
    attach = {
        "role": lambda name: iam.attach_role_policy(RoleName=name, PolicyArn=f"{AWS}/AWSCloudShellFullAccess"),
        "user": lambda name: iam.attach_user_policy(UserName=name, PolicyArn=f"{AWS}/AWSCloudShellFullAccess"),
        "group": lambda name: iam.attach_group_policy(GroupName=name, PolicyArn=f"{AWS}/AWSCloudShellFullAccess"),
    }
    for place in CLOUD_SHELL[site.profile]:
        kind, name = place.split("/")
        attach[kind](name)
    for place in _principals(site):
        site.judge(place not in CLOUD_SHELL[site.profile], "IAM.27", resource=f"arn:aws:iam::{site.account}:{place}")


def _allow_decryption(site: Site, iam) -> None:
    """KMS.2 reads what stands in the principals themselves: who may decrypt with every key, and who may do everything."""
    inline = {f"user/{name}": statement for name, statement in INLINE_OF_USERS[site.profile].items()}
    iam.put_group_policy(GroupName="developers", PolicyName="inline", PolicyDocument=_document(INLINE_OF_GROUPS[site.profile]))
    inline["group/developers"] = INLINE_OF_GROUPS[site.profile]
    for name, statement in INLINE_OF_ROLES[site.profile].items():
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=_document(statement))
        inline[f"role/{name}"] = statement
    for place in _principals(site):
        holds = inline.get(place) not in (DECRYPTION, EVERYTHING)
        site.judge(holds, "KMS.2", resource=f"arn:aws:iam::{site.account}:{place}")


def _principals(site: Site) -> list[str]:
    """Everybody whom this file knows."""
    roles = ROLES if site.profile == "bad" else (*ROLES, "support")
    return [*(f"role/{name}" for name in roles), "group/developers", *(f"user/{name}" for name in PEOPLE)]


def _document(statement: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _keep_certificates(site: Site, iam) -> None:
    for name, body in CERTIFICATES[site.profile].items():
        iam.upload_server_certificate(ServerCertificateName=name, CertificateBody=body, PrivateKey="not needed here")
        certificate = f"arn:aws:iam::{site.account}:server-certificate/{name}"
        site.judge(body is CURRENT, "IAM.26", resource=certificate)


def _name_contact(site: Site) -> None:
    if site.profile != "bad":
        contact = {"Name": "Security Desk", "Title": "On call", "EmailAddress": "security@example.com", "PhoneNumber": "+10000000000"}
        site.client("account").put_alternate_contact(AlternateContactType="SECURITY", **contact)
    site.judge(site.profile != "bad", "Account.1")

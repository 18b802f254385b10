"""Makes accounts in the stand-in and writes their credentials down.

usage: python accounts.py --endpoint URL --account 111122223333 --role MusterAgent --out DIR
           [--other-role NAME | --user NAME | --root | --federated NAME] [--session NAME] [--seconds N]

Creates the role, assumes it, writes DIR/credentials (profile default, as every AWS SDK reads it) and prints the role's
ARN. The other forms write, in place of the role's, the credentials of another principal of the same account, and print
that one's ARN: of another role, of an IAM user, of the root user, of a federated user.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from atomic import write_whole
from door import Door

BOOTSTRAP = {"aws_access_key_id": "bootstrap", "aws_secret_access_key": "bootstrap"}
REGION = "us-east-1"
SESSION = boto3.session.Session()
MOTO_DEFAULT_ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Credentials:
    """What proves to be a principal of an account: `principal` is its ARN, `token` is "" for keys that last."""

    principal: str
    key_id: str
    secret: str
    token: str = ""

    def write(self, folder: Path) -> None:
        """Writes a shared credentials file, in one piece, that only its owner can read."""
        lines = ["[default]", f"aws_access_key_id = {self.key_id}", f"aws_secret_access_key = {self.secret}"]
        lines += [f"aws_session_token = {self.token}"] if self.token else []
        write_whole(folder / "credentials", "\n".join(lines) + "\n", mode=0o600)

    def for_boto3(self) -> dict[str, str]:
        """As keyword arguments of a boto3 client."""
        return {"aws_access_key_id": self.key_id, "aws_secret_access_key": self.secret, "aws_session_token": self.token or None}


class Account:
    """One account of the stand-in, entered as its administrator."""

    def __init__(self, endpoint: str, account: str):
        """Raises ValueError for an id that is none, and for the account that moto puts every stranger into."""
        if not (len(account) == 12 and account.isdigit()) or account == MOTO_DEFAULT_ACCOUNT:
            raise ValueError(f"{account} cannot be an account here: 12 digits, and not {MOTO_DEFAULT_ACCOUNT}")
        self.id = account
        self._endpoint = endpoint
        self._door = Door(endpoint)
        self._sts = self._client("sts", **BOOTSTRAP)
        self._administrator = self.session(f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", "accounts")
        self._iam = self.client("iam")

    def session(self, role: str, name: str = "agent", seconds: int = 3600) -> Credentials:
        """A session of the role with that ARN."""
        key = self._sts.assume_role(RoleArn=role, RoleSessionName=name, DurationSeconds=seconds)["Credentials"]
        return Credentials(role, key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])

    def role(self, name: str) -> str:
        """The ARN of the role, which is created when it does not exist."""
        trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        try:
            return self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        except self._iam.exceptions.EntityAlreadyExistsException:
            return self._iam.get_role(RoleName=name)["Role"]["Arn"]

    def user(self, name: str) -> Credentials:
        """A new key of the IAM user, who is created when he does not exist and keeps only this key."""
        try:
            self._iam.create_user(UserName=name)
        except self._iam.exceptions.EntityAlreadyExistsException:
            for old in self._iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                self._iam.delete_access_key(UserName=name, AccessKeyId=old["AccessKeyId"])
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        arn = self._iam.get_user(UserName=name)["User"]["Arn"]
        return Credentials(arn, key["AccessKeyId"], key["SecretAccessKey"])

    def root(self) -> Credentials:
        """A key of the root user, which only the stand-in itself can make."""
        return self._issue(principal="root")

    def federated_user(self, name: str) -> Credentials:
        """A session of a federated user, which only the stand-in itself can make."""
        return self._issue(principal="federated-user", name=name)

    def client(self, service: str, region: str = REGION):
        """A client of this account's administrator."""
        return self._client(service, region, **self._administrator.for_boto3())

    def _issue(self, **wish: str) -> Credentials:
        key = self._door.post("keys", account=self.id, **wish)
        return Credentials(key["arn"], key["access_key_id"], key["secret_access_key"], key["session_token"] or "")

    def _client(self, service: str, region: str = REGION, **credentials):
        """Without parameter validation, which would refuse sessions of less than 15 minutes; without retries."""
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, proxies={})
        return SESSION.client(service, region, endpoint_url=self._endpoint, config=config, **credentials)


def main() -> None:
    parser = argparse.ArgumentParser(description="make an account in the stand-in and write its credentials")
    parser.add_argument("--endpoint", required=True, help="the stand-in, as http://127.0.0.1:PORT")
    parser.add_argument("--account", required=True, help="12 digits")
    parser.add_argument("--role", default="MusterAgent", help="the role to create")
    parser.add_argument("--session", default="agent", help="the name of the role's session")
    parser.add_argument("--seconds", type=int, default=3600, help="how long the session lasts")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the credentials file")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--other-role", metavar="NAME", help="write the credentials of this role instead")
    other.add_argument("--user", metavar="NAME", help="write the credentials of this IAM user instead")
    other.add_argument("--root", action="store_true", help="write the credentials of the root user instead")
    other.add_argument("--federated", metavar="NAME", help="write the credentials of this federated user instead")
    options = parser.parse_args()

    account = Account(options.endpoint, options.account)
    role = account.role(options.role)
    if options.user:
        credentials = account.user(options.user)
    elif options.root:
        credentials = account.root()
    elif options.federated:
        credentials = account.federated_user(options.federated)
    else:
        wanted = account.role(options.other_role) if options.other_role else role
        credentials = account.session(wanted, options.session, options.seconds)
    credentials.write(options.out)
    print(credentials.principal)


if __name__ == "__main__":
    main()

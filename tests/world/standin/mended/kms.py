"""AWS KMS: metadata that is complete, AWS's own keys, and the one policy name that there is."""

import json
from functools import wraps

from moto.kms.models import Key
from moto.kms.responses import KmsResponse, _assert_default_policy


def mend() -> None:
    Key.to_dict = _completed(Key.to_dict)
    KmsResponse.get_key_policy = _policy


def _completed(describe):
    @wraps(describe)
    def described(key: Key) -> dict:
        document = describe(key)
        metadata = document["KeyMetadata"]
        metadata["KeyUsage"] = metadata["KeyUsage"] or "ENCRYPT_DECRYPT"
        metadata["MultiRegion"] = bool(metadata["MultiRegion"])
        if key.description.startswith("Default "):
            metadata["KeyManager"] = "AWS"
        return {"KeyMetadata": {name: value for name, value in metadata.items() if value is not None}}

    return described


def _policy(response: KmsResponse) -> str:
    """GetKeyPolicy, whose PolicyName may be left out."""
    name = response._get_param("PolicyName") or "default"
    _assert_default_policy(name)
    key = response._get_param("KeyId")
    response._validate_cmk_id(key)
    return json.dumps({"Policy": response.kms_backend.get_key_policy(key), "PolicyName": name})

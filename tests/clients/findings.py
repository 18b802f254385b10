"""Imports a finding and lists what there is, over mTLS. Usage: python findings.py CREDENTIAL.toml ACCOUNT"""

import json
import sys
import tomllib
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

held = tomllib.loads(Path(sys.argv[1]).read_text())
tls = grpc.ssl_channel_credentials(*(held[key].encode() for key in ("server_roots", "private_key", "certificates")))
files = Path(__file__).parents[2] / "proto/src/generated/muster.v1.bin"
pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(files.read_bytes()).file:
    pool.Add(file)


def call(method: str, **fields):
    """Calls a unary method of muster.v1.Findings."""
    described = pool.FindMethodByName(f"muster.v1.Findings.{method}")
    ask, answer = (message_factory.GetMessageClass(kind) for kind in (described.input_type, described.output_type))
    with grpc.secure_channel(held["endpoint"], tls) as channel:
        send = channel.unary_unary(f"/muster.v1.Findings/{method}", ask.SerializeToString, answer.FromString)
        return send(ask(**fields), timeout=30)


account = sys.argv[2]
finding = {
    "schema_version": "2018-10-08", "id": "from-python", "generator_id": "python", "aws_account_id": account,
    "product_arn": f"arn:aws:securityhub:us-east-1:{account}:product/{account}/default",
    "created_at": "2026-11-01T08:00:00Z", "updated_at": "2026-11-01T08:00:00Z", "severity": {"label": "HIGH"},
    "types": ["Unusual Behaviors"], "title": "A finding from Python", "description": "Typed, and over mTLS.",
    "resources": [{"type": "AwsAccount", "id": f"AWS::::Account:{account}"}],
}
imported = call("ImportFindings", items=[{"finding": finding}]).results[0].imported
print("imported:", type(imported).DESCRIPTOR.fields_by_name["effect"].enum_type.values_by_number[imported.effect].name.removeprefix("IMPORT_EFFECT_"))
for record in call("ListFindings", filter={"security_hub_json": json.dumps({"Title": [{"Comparison": "PREFIX", "Value": "A finding"}]})}).findings:
    print(f"listed: {record.finding.title} ({record.finding.severity.label})")

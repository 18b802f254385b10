"""Compares documents with botocore's models: whether AWS's own clients would know every field and its type."""

from functools import cache

import botocore.session
from botocore.model import Shape

TYPES = {"string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float)}


@cache
def finding_shape(service: str) -> Shape:
    """The shape of a service's finding."""
    operation, member = {
        "guardduty": ("GetFindings", "Findings"),
        "inspector2": ("ListFindings", "findings"),
        "macie2": ("GetFindings", "findings"),
        "securityhub": ("GetFindings", "Findings"),
    }[service]
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).output_shape.members[member].member


def complaints(document: object, shape: Shape, path: str = "") -> list[str]:
    """Every place where the document is not of the shape; a null is of any."""
    if document is None:
        return []
    match shape.type_name:
        case "structure":
            return _of_structure(document, shape, path)
        case "list":
            if not isinstance(document, list):
                return [f"{path} is no list"]
            return [found for place, item in enumerate(document) for found in complaints(item, shape.member, f"{path}[{place}]")]
        case "map":
            return [found for name, item in document.items() for found in complaints(item, shape.value, f"{path}.{name}")]
        case "timestamp":
            wanted = str if shape.serialization.get("timestampFormat") == "iso8601" else (int, float)
            return [] if isinstance(document, wanted) else [f"{path} is no time of that service"]
    if not isinstance(document, TYPES[shape.type_name]) or isinstance(document, bool) != (shape.type_name == "boolean"):
        return [f"{path} is no {shape.type_name}: {document!r}"]
    if getattr(shape, "enum", None) and document not in shape.enum:
        return [f"{path} cannot be {document!r}"]
    return []


def _of_structure(document: object, shape: Shape, path: str) -> list[str]:
    if not isinstance(document, dict):
        return [f"{path} is no object"]
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    required = {shape.members[name].serialization.get("name", name) for name in shape.required_members}
    found = [f"{path}.{name} is missing" for name in required - set(document)]
    for name, value in document.items():
        found += complaints(value, members[name], f"{path}.{name}") if name in members else [f"{path}.{name} is unknown"]
    return found

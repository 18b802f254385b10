"""Names the operation of a call, for every service that botocore has a model of."""

import re
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote

from botocore.loaders import Loader

from .call import Call

LABEL = re.compile(r"\{(\w+)(\+?)\}")
RPC = re.compile(r"/service/[^/]+/operation/(\w+)")
MODEL_NAMES = {"access-analyzer": "accessanalyzer", "elasticfilesystem": "efs", "monitoring": "cloudwatch"}


class Route(NamedTuple):
    """One operation of a REST service."""

    operation: str
    method: str
    pattern: re.Pattern
    required_query: frozenset[str]
    weight: tuple[int, int, int]


def operation(call: Call) -> tuple[str, dict[str, str]]:
    """The operation's name and the labels in its path.

    A call that no model describes is named by its method and path, so that it still can be counted and broken.
    """
    if call.target:
        return call.target.rpartition(".")[2], {}
    if call.action:
        return call.action, {}
    if rpc := RPC.fullmatch(call.path):
        return rpc[1], {}
    given = set(call.parameters())
    for route in _routes(call.service):
        found = route.pattern.fullmatch(call.path) if route.method == call.method and route.required_query <= given else None
        if found:
            return route.operation, {name: unquote(value) for name, value in found.groupdict().items()}
    return f"{call.method} {call.path}", {}


@cache
def _routes(service: str) -> list[Route]:
    """The routes of a service, the most particular first; none for a service without a model."""
    loader = Loader()
    name = MODEL_NAMES.get(service, service)
    if name not in loader.list_available_services("service-2"):
        return []
    model = loader.load_service_model(name, "service-2")
    if model["metadata"]["protocol"] not in ("rest-json", "rest-xml"):
        return []
    routes = [_route(name, operation["http"]) for name, operation in model["operations"].items()]
    return sorted(routes, key=lambda route: route.weight)


def _route(name: str, http: dict) -> Route:
    path, _, query = http["requestUri"].partition("?")
    required = frozenset(part.partition("=")[0] for part in query.split("&") if part)
    pattern, labels, end = "", 0, 0
    for label in LABEL.finditer(path):
        pattern += re.escape(path[end : label.start()]) + f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        labels, end = labels + 1, label.end()
    pattern += re.escape(path[end:])
    return Route(name, http["method"], re.compile(pattern), required, (-len(required), labels, -len(path)))

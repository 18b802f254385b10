"""The finding criteria that GuardDuty and Macie share: conditions on dotted attribute names."""

from datetime import datetime
from typing import Any

from .refusal import Reason, Refusal

EQUAL = ("eq", "equals", "eqExactMatch")
UNEQUAL = ("neq", "notEquals")
BOUNDS = {
    "gt": lambda value, bound: value > bound,
    "greaterThan": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "greaterThanOrEqual": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lessThan": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
    "lessThanOrEqual": lambda value, bound: value <= bound,
}


def meets(finding: dict, criteria: dict | None) -> bool:
    """Whether the finding meets every condition. Raises `Refusal` for a condition that does not exist."""
    conditions = (criteria or {}).get("criterion") or {}
    return all(_holds(attributes(finding, name), condition) for name, condition in conditions.items())


def attributes(finding: Any, name: str) -> list[Any]:
    """The values at a dotted name; several when a list lies on the way, none when it leads nowhere."""
    values = [finding]
    for step in name.split("."):
        inner = [value[step] for value in values if isinstance(value, dict) and value.get(step) is not None]
        values = [item for value in inner for item in (value if isinstance(value, list) else [value])]
    return values


def sort_key(finding: dict, name: str) -> tuple:
    """Where a finding sorts by an attribute: those without it first, then numbers and times, then text."""
    values = attributes(finding, name)
    if not values:
        return (0, 0)
    number = _number(values[0])
    return (1, number) if number is not None else (2, str(values[0]))


def _holds(values: list[Any], condition: dict) -> bool:
    texts = {_text(value) for value in values}
    for operator, operand in condition.items():
        if operator in EQUAL:
            holds = bool(texts & {_text(wanted) for wanted in operand})
        elif operator in UNEQUAL:
            holds = not texts & {_text(unwanted) for unwanted in operand}
        elif operator in BOUNDS:
            numbers = [number for number in map(_number, values) if number is not None]
            holds = any(BOUNDS[operator](number, float(operand)) for number in numbers)
        else:
            raise Refusal(Reason.INVALID, f"The request is rejected because the operator {operator} does not exist.")
        if not holds:
            return False
    return True


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> float | None:
    """A number as it is, a time as milliseconds since 1970, None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp() * 1000
    except (TypeError, ValueError):
        return None

"""The terms of the guarantee: one record of named parameters per version; values come from `programmes/terms.toml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple


class InvalidTerms(ValueError):
    """A parameter that the agreement does not know, or a setting that it does not have."""

    def __init__(self, parameter: str, code: str, message: str) -> None:
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.code = code
        self.message = message


class Terms(NamedTuple):
    """What one version of the agreement sets. None switches a number off; 0 is a number. Hashable, compared by value.

    A contract is judged for ever by the version in force on the day it was signed (guarantee rules, "Parameters").
    """

    version: str
    binds_from: date
    window_months: int | None
    window_days: int | None
    placement_event: str
    max_start_lag_days: int | None
    min_fixed_term_months: int | None
    aggregate_renewals: bool
    min_hours: int | float | None
    internship_counts: bool
    contractor_counts: bool
    self_employed: str
    programme_hire_counts: bool
    require_in_field: bool
    retention_days: int | None
    prior_job_counts: bool
    apps_per_week: int | None
    allowed_short_weeks: int | None
    decline_voids: bool
    right_to_work: bool
    on_time_months: int | None
    claim_days: int | None
    max_pause_days: int | None
    exclusions: frozenset[str]
    refund_percent: int
    undefined_terms: bool

    def overridden(self, override: Mapping[str, object]) -> Terms:
        """These terms with single parameters set otherwise; null switches one off. Raises InvalidTerms."""
        return self._replace(**{name: read_parameter(name, value) for name, value in override.items()})


def _whole_number_or_off(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int:
        raise TypeError("a whole number, or null for off")
    if value < 0:
        raise ValueError("a whole number that is not negative")
    return value


def _number_or_off(value: object) -> int | float | None:
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise TypeError("a number, or null for off")
    if not 0 <= value < float("inf"):
        raise ValueError("a number that is not negative")
    return value


def _switch(value: object) -> bool:
    if value is None:
        return False
    if type(value) is not bool:
        raise TypeError("true or false")
    return value


def _checked(value: object) -> bool:
    if type(value) is str:
        if value != "checked":
            raise ValueError('"checked", or null for off')
        return True
    return _switch(value)


def _words(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, (list, tuple)) or any(type(word) is not str for word in value):
        raise TypeError("a list of words, or null for none")
    return frozenset(value)


def _one_of(*settings: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value is None or type(value) is str:
            if value in settings:
                return str(value)
            raise ValueError("one of " + ", ".join(settings))
        raise TypeError("one of " + ", ".join(settings))

    return read


def _percent(value: object) -> int:
    if value is not None and type(value) is not int:
        raise TypeError("a whole number from 0 to 100")
    if value is None or not 0 <= value <= 100:
        raise ValueError("a whole number from 0 to 100")
    return value


_READERS: dict[str, Callable[[object], Any]] = {
    "window_months": _whole_number_or_off,
    "window_days": _whole_number_or_off,
    "placement_event": _one_of("contract_signed", "offered"),
    "max_start_lag_days": _whole_number_or_off,
    "min_fixed_term_months": _whole_number_or_off,
    "aggregate_renewals": _switch,
    "min_hours": _number_or_off,
    "internship_counts": _switch,
    "contractor_counts": _switch,
    "self_employed": _one_of("attested", "always", "never"),
    "programme_hire_counts": _switch,
    "require_in_field": _switch,
    "retention_days": _whole_number_or_off,
    "prior_job_counts": _switch,
    "apps_per_week": _whole_number_or_off,
    "allowed_short_weeks": _whole_number_or_off,
    "decline_voids": _switch,
    "right_to_work": _checked,
    "on_time_months": _whole_number_or_off,
    "claim_days": _whole_number_or_off,
    "max_pause_days": _whole_number_or_off,
    "exclusions": _words,
    "refund_percent": _percent,
    "undefined_terms": _switch,
}
PARAMETERS = tuple(_READERS)


def read_parameter(name: str, value: object) -> Any:
    """The setting of one parameter, checked; raises InvalidTerms with code unknown_key, type or value."""
    reader = _READERS.get(name)
    if reader is None:
        raise InvalidTerms(name, "unknown_key", "The terms have no such parameter.")
    try:
        return reader(value)
    except TypeError as error:
        raise InvalidTerms(name, "type", f"The parameter takes {error}.") from None
    except ValueError as error:
        raise InvalidTerms(name, "value", f"The parameter takes {error}.") from None


def terms_on(versions: Mapping[str, Terms], day: date) -> Terms | None:
    """The version that a contract signed on this day is bound by; None before there was any."""
    bound = [terms for terms in versions.values() if terms.binds_from <= day]
    return max(bound, key=lambda terms: terms.binds_from, default=None)


def parse_terms(data: Mapping[str, Any]) -> dict[str, Terms]:
    """The versions of the terms by name, from what `programmes/terms.toml` holds: a list `terms` of tables.

    Each table names its `version`, the day from which it binds (`binds_from`) and every parameter; what is off says
    `"off"`, because the file format has no null. Raises InvalidTerms.
    """
    versions: dict[str, Terms] = {}
    for table in data.get("terms", ()):
        version, binds_from = table.get("version"), table.get("binds_from")
        if type(version) is not str or version in versions:
            raise InvalidTerms("version", "value", "Each version of the terms has a name of its own.")
        if type(binds_from) is not date:
            raise InvalidTerms("binds_from", "value", "Each version of the terms binds from a day.")
        missing = next((name for name in PARAMETERS if name not in table), None)
        if missing is not None:
            raise InvalidTerms(missing, "missing", "Each version of the terms sets every parameter.")
        settings = {
            name: read_parameter(name, None if value == "off" else value)
            for name, value in table.items()
            if name not in ("version", "binds_from")
        }
        versions[version] = Terms(version=version, binds_from=binds_from, **settings)
    if not versions:
        raise InvalidTerms("terms", "missing", "There is no version of the terms.")
    return versions

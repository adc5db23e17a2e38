"""What is traced and measured, against the OpenTelemetry API alone: whoever runs the process brings an exporter.

Without one nothing here does anything. Attributes are ids, codes and counts, never what a person is called or says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

NAME = "pledge"


@dataclass(frozen=True)
class Metric:
    """One thing that is measured."""

    kind: Literal["counter", "gauge"]
    unit: str
    sentence: str


METRICS = {
    "pledge.commands": Metric("counter", "{command}", "Acts by route and status."),
    "pledge.decisions": Metric("counter", "{decision}", "Changes of a guarantee's decision, by verdict."),
    "pledge.sweep.runs": Metric("counter", "{run}", "Runs of a timer that came to their end: its heartbeat."),
    "pledge.sweep.lag": Metric("gauge", "s", "How long the oldest case that a run found had been due."),
    "pledge.case.overdue": Metric("gauge", "s", "How long the oldest task of a member of staff has been overdue."),
    "pledge.message.age": Metric("gauge", "s", "How long the oldest message that is due has waited."),
    "pledge.refunds.unpaid": Metric("gauge", "{refund}", "Refunds that are approved and have not arrived."),
    "pledge.store.retries": Metric("counter", "{try}", "Calls of the store that were tried again, by status."),
    "pledge.store.units": Metric("counter", "{request_unit}", "What the store charged, by container and operation."),
}
"""Name -> what it is. Alerts and workbook may ask for these only."""


@dataclass
class Tally:
    """What one command or run of a timer did and took of the store."""

    case_id: str | None = None
    events: list[str] = field(default_factory=list)
    calls: int = 0
    units: float = 0.0
    retries: int = 0

    @property
    def attributes(self) -> dict[str, Any]:
        """As attributes of a span and fields of a log line."""
        noted = {"calls": self.calls, "units": round(self.units, 2), "retries": self.retries}
        return noted | {"events": ",".join(self.events) or "-", "case": self.case_id or "-"}


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextlib.contextmanager
def tallied(name: str, parent: str | None = None, **attributes: Any) -> Iterator[Tally]:
    """A span around a command or a run of a timer, with what it did and took."""
    tally = Tally()
    token = _tally.set(tally)
    with span(name, parent, **attributes) as current:
        try:
            yield tally
        finally:
            _tally.reset(token)
            current.set_attributes({f"pledge.{key}": value for key, value in tally.attributes.items()})


@contextlib.contextmanager
def span(name: str, parent: str | None = None, **attributes: Any) -> Iterator[Span]:
    """A span; `parent` is a traceparent that was kept with a message or an event. Of an error only its kind is told."""
    from opentelemetry import trace

    stated = {f"pledge.{key}": value for key, value in attributes.items() if value is not None}
    with trace.get_tracer(NAME).start_as_current_span(
        name, _context(parent), attributes=stated, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def _context(parent: str | None) -> Context | None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return None if parent is None else TraceContextTextMapPropagator().extract({"traceparent": parent})


def here() -> str | None:
    """The traceparent of what is being done now, to be kept with what follows from it; None if nobody traces."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def kept() -> dict[str, str]:
    """What a message or an inbox item keeps of where it came from."""
    where = here()
    return {} if where is None else {"trace": where}


def measure(name: str, value: float, **attributes: str) -> None:
    """Add to a counter or set a gauge of the table."""
    instrument = _instrument(name)
    if METRICS[name].kind == "counter":
        instrument.add(value, attributes)
    else:
        instrument.set(value, attributes)


@cache
def _instrument(name: str) -> Any:
    from opentelemetry import metrics

    metric, meter = METRICS[name], metrics.get_meter(NAME)
    make = meter.create_counter if metric.kind == "counter" else meter.create_gauge
    return make(name, metric.unit, metric.sentence)


def told(noted: dict[str, Any]) -> str:
    """Codes, ids and counts as the end of a log line, which alerts and queries read."""
    return " ".join(f"{name}={value}" for name, value in noted.items())


def note_events(case_id: str, kinds: list[str]) -> None:
    """What was written into which case by the command or run that is going on."""
    tally = _tally.get()
    if tally is not None:
        tally.case_id = case_id
        tally.events += kinds


def note_call(container: str, operation: str, units: float) -> None:
    """One answer of the store, and what it charged."""
    measure("pledge.store.units", units, container=container, operation=operation)
    tally = _tally.get()
    if tally is not None:
        tally.calls += 1
        tally.units += units


def note_retry(status: int | None) -> None:
    """A call of the store that is tried again; without a status nobody answered."""
    measure("pledge.store.retries", 1, status=str(status or "none"))
    tally = _tally.get()
    if tally is not None:
        tally.retries += 1

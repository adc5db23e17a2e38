"""What the functions host traced and measured, kept in the stack's folder and shown by one command.

    python -m local.spans [--data DIR] [--last N]      (make spans)

In Azure the same spans and measurements go to Application Insights.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from local.clock import Clock, instant_text

FILE = "spans.jsonl"
BYTES_MAX = 20 * 1024 * 1024


class FileExporter(SpanExporter):
    """One line for each span, as it ends: what a killed host had ended stays. The file before the last is kept too."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans down."""
        if self._file.exists() and self._file.stat().st_size > BYTES_MAX:
            self._file.replace(self._file.with_suffix(".old.jsonl"))
        with self._file.open("a") as file:
            for span in spans:
                file.write(json.dumps(line(span, instant_text(self._clock()))) + "\n")
        return SpanExportResult.SUCCESS


def line(span: ReadableSpan, at: str) -> dict[str, Any]:
    """A span as it is written down; `at` is the stack's time."""
    context = span.get_span_context()
    return {
        "trace": f"{context.trace_id:032x}" if context else "",
        "span": f"{context.span_id:016x}" if context else "",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "at": at,
        "start": span.start_time,
        "ms": round(((span.end_time or 0) - (span.start_time or 0)) / 1e6, 2),
        "error": span.status.description if span.status.status_code is StatusCode.ERROR else None,
        "attributes": {name.removeprefix("pledge."): value for name, value in (span.attributes or {}).items()},
    }


def start(data: Path, clock: Clock) -> InMemoryMetricReader:
    """Trace and measure in this process from now on; the reader knows what was measured."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileExporter(data / FILE, clock)))
    trace.set_tracer_provider(provider)
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    return reader


def measured(reader: InMemoryMetricReader) -> list[dict[str, Any]]:
    """Every measurement so far: name, attributes, value."""
    data = reader.get_metrics_data()
    return [
        {"name": metric.name, "unit": metric.unit, "attributes": dict(point.attributes or {}), "value": point.value}
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def written(data: Path) -> list[dict[str, Any]]:
    """Every span of a stack's folder."""
    files = [data / "spans.old.jsonl", data / FILE]
    return [json.loads(text) for file in files if file.exists() for text in file.read_text().splitlines()]


def shown(spans: list[dict[str, Any]], last: int) -> str:
    """The last traces, oldest first, each as a tree."""
    traces: dict[str, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda each: each["start"]):
        traces.setdefault(span["trace"], []).append(span)
    return "\n\n".join("\n".join(tree(each)) for each in list(traces.values())[-last:])


def tree(spans: list[dict[str, Any]]) -> list[str]:
    """One trace: each span below the one that it was part of."""
    known = {span["span"] for span in spans}
    lines = [f"trace {spans[0]['trace']}  {spans[0]['at']}"]

    def below(parent: str | None, depth: int) -> None:
        for span in spans:
            if (span["parent"] if span["parent"] in known else None) == parent:
                said = " ".join(f"{name}={value}" for name, value in span["attributes"].items() if value != "-")
                failed = f"  {span['error']}" if span["error"] else ""
                lines.append(f"{span['ms']:9.1f} ms  {'  ' * depth}{span['name']}  {said}{failed}".rstrip())
                below(span["span"], depth + 1)

    below(None, 0)
    return lines


def main() -> None:
    """Show what a stack traced."""
    parser = argparse.ArgumentParser(prog="python -m local.spans", description="What the functions host traced.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--last", type=int, default=20, help="how many traces")
    arguments = parser.parse_args()
    spans = written(arguments.data)
    if not spans:
        sys.exit(f"Nothing was traced in {arguments.data} yet: start the stack with `make run` and use it.")
    sys.stdout.write(shown(spans, arguments.last) + "\n")


if __name__ == "__main__":
    main()

"""A request of the corpus as bytes, sent as they are, and the answer read back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).parent
BASE: dict[str, Any] = json.loads((HERE / "base.json").read_text("utf-8"))
BOUNDARY = "zq7boundary"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Writer:
    """Fills in what differs from run to run."""

    case: str
    now: int
    now_text: str
    secrets: dict[str, str]
    input: int = 0
    sent: dict[str, Any] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """The text with its placeholders replaced."""
        for name, value in (("case", self.case), ("input", str(self.input)), ("now", self.now_text)):
            text = text.replace(f"${{{name}}}", value)
        return text

    def value(self, stated: Any) -> Any:
        """A value with its shorthands and placeholders replaced."""
        if isinstance(stated, dict):
            if "~repeat" in stated:
                return self.filled(stated["~repeat"][0]) * stated["~repeat"][1]
            if "~list" in stated:
                return [self.value(stated["~list"][0])] * stated["~list"][1]
            return {name: self.value(each) for name, each in stated.items()}
        if isinstance(stated, list):
            return [self.value(each) for each in stated]
        return self.filled(stated) if isinstance(stated, str) else stated

    def application(self, overrides: dict[str, Any]) -> dict[str, Any]:
        """The good application with these values instead."""
        said = self.value(json.loads(json.dumps(BASE)))
        for name, stated in overrides.items():
            inside, _, last = name.rpartition(".")
            (said[inside] if inside == "degree" else said)[last if inside == "degree" else name] = self.value(stated)
        return said

    def flat(self, overrides: dict[str, Any], without: list[str]) -> dict[str, str]:
        """The same as the fields of a form."""
        said = self.application({})
        degree = {f"degree.{name}": value for name, value in said.pop("degree").items()}
        fields = said | degree | self.value(overrides)
        return {
            name: "on" if value is True else str(value) for name, value in fields.items() if name not in without
        }  # fmt: skip

    def part(self, part: dict[str, Any]) -> bytes:
        """One part of a body."""
        match part:
            case {"text": text}:
                return self.filled(text).encode()
            case {"base64": text}:
                return base64.b64decode(text)
            case {"repeat": text, "times": times}:
                return text.encode() * times
            case {"numbered": text, "times": times}:
                return "".join(text.replace("{}", str(number)) for number in range(times)).encode()
            case {"file": name}:
                return (HERE / "files" / name).read_bytes()
            case {"application": overrides}:
                raw = part.get("raw", {})
                said = {name: each for name, each in self.application(overrides).items() if name not in raw}
                more = "".join(f", {json.dumps(name)}: {text}" for name, text in raw.items())
                return (json.dumps(said, ensure_ascii=False)[:-1] + more + "}").encode("utf-8")
            case {"form": overrides}:
                return urlencode(self.flat(overrides, part.get("without", []))).encode()
            case {"fields": overrides}:
                boundary = part.get("boundary", BOUNDARY)
                fields = self.flat(overrides, part.get("without", []))
                return b"".join(
                    f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                    for name, value in fields.items()
                )
        raise ValueError(f"a part that nobody knows: {sorted(part)}")

    def signed(self, how: dict[str, Any], body: bytes) -> list[tuple[str, str]]:
        """The headers with which a partner vouches for a body, or nearly."""
        secret = base64.b64decode(self.secrets[how.get("as", how["partner"])].removeprefix("whsec_"))
        event_id = self.value(how.get("id", "evt-${case}-${input}"))
        timestamp = self.value(how.get("timestamp", str(self.now + how.get("offset", 0))))
        said = how["signed_body"].encode() if "signed_body" in how else body
        encoding = how.get("encoding", "base64")
        encoded = _mac(secret, event_id, timestamp, said, encoding)
        while encoding == "urlsafe" and not set("-_") & set(encoded):
            event_id += "x"  # Until the two alphabets differ.
            encoded = _mac(secret, event_id, timestamp, said, encoding)
        stated = self.value(how.get("signatures", ["good"]))
        good = [each.replace("good", encoded if "," in each else f"v1,{encoded}") for each in stated]
        if how.get("moved"):
            event_id, timestamp = event_id[:-1], f"{event_id[-1]}.{timestamp}"
        headers = [("webhook-id", event_id), ("webhook-timestamp", timestamp), ("webhook-signature", " ".join(good))]
        headers = [each for each in headers if each[0] not in how.get("without", [])]
        return headers + [each for each in headers if each[0] in how.get("twice", [])]


def _mac(secret: bytes, event_id: str, timestamp: str, body: bytes, encoding: str) -> str:
    mac = hmac.new(secret, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    how = {"base64": base64.b64encode, "urlsafe": base64.urlsafe_b64encode, "hex": binascii.hexlify}
    return how[encoding](mac).decode()


def send(api: str, request: dict[str, Any], writer: Writer) -> Answer:
    """Write one request to a connection of its own and read the answer."""
    found = re.fullmatch(r"http://([0-9.]+):([0-9]+)(/.*)", api)
    assert found
    host, port, prefix = found[1], int(found[2]), found[3]
    body = b"".join(writer.part(each) for each in request.get("body", []))
    headers = [(name, writer.value(value)) for name, value in request.get("headers", {}).items()]
    if "sign" in request:
        headers += writer.signed(request["sign"], body)
    framing = request.get("framing", "length")
    if framing == "length":
        headers.append(("Content-Length", str(len(body))))
    if framing == "chunked":
        headers.append(("Transfer-Encoding", "chunked"))
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    lines = [f"POST {prefix}/{request.get('path', 'applications')} HTTP/1.1", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers] + ["Connection: close", "", ""]
    with socket.create_connection((host, port), timeout=60) as connection:
        try:
            connection.sendall("\r\n".join(lines).encode() + (body if framing != "none" else b""))
        except (BrokenPipeError, ConnectionResetError):
            pass  # Whoever refuses a large body need not read it all.
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())

"""Looking inside a document that somebody sent: in a process of its own, which may fail, hang or burst by itself.

python -m shared.adapters.documents TYPE < file     a verdict in the first line, then the copy that staff will see
"""

from __future__ import annotations

import asyncio
import io
import resource
import sys
import warnings
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from shared.domain.errors import FileRejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from PIL.Image import Image

CPU_SECONDS = 5
MEMORY_BYTES = 1024 * 1024 * 1024
WAIT_SECONDS = 60
"""A slow machine is no reason to refuse a good file: what counts is the processor's time, not the clock's."""

TURN_SECONDS = 10.0
"""How long a document waits for those before it; whoever sends it may try again."""

PAGES_MAX = 30
OBJECTS_MAX = 20_000
PIXELS_MAX = 40_000_000
PDF_SPACE = b"\0\t\n\f\r "
ACTIVE = frozenset(
    {
        "/JavaScript", "/JS", "/Launch", "/EmbeddedFiles", "/EmbeddedFile", "/RichMedia", "/XFA", "/SubmitForm",
        "/GoToR", "/ImportData", "/EF",
    }
)  # fmt: skip
"""Names that make a PDF do something, or carry something, when it is opened."""

GOOD = "good"
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}


class Documents:
    """Examines documents one after the other, so that several large ones never add up."""

    def __init__(self, turn_seconds: float = TURN_SECONDS) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)
        self._turn_seconds = turn_seconds

    async def examined(self, pointer: str, content: bytes, content_type: str) -> bytes | None:
        """The copy of an image without what its camera noted, None for a PDF. Raises `FileRejected` with a code, and
        `Unavailable` if others take too long."""
        async with self._turn():
            try:
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", __name__, content_type,
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                    env={"PYTHONPATH": ":".join(part for part in sys.path if part)},  # And none of our secrets.
                )  # fmt: skip
            except OSError as error:
                raise Unavailable("no process to look at a file") from error
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    said, _ = await child.communicate(content)
            except TimeoutError as error:
                raise Unavailable("looking at a file took too long") from error
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        verdict, _, copy = said.partition(b"\n")
        if child.returncode != 0:
            # Ended by its limits: nothing a browser should be given either.
            raise FileRejected(pointer, "damaged" if content_type == "application/pdf" else "too-many-pixels")
        if verdict.decode() != GOOD:
            raise FileRejected(pointer, verdict.decode())
        return copy or None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._turn_seconds):
                await self._one_at_a_time.acquire()
        except TimeoutError as error:
            raise Unavailable("too many files are looked at") from error
        try:
            yield
        finally:
            self._one_at_a_time.release()


def examine(content: bytes, content_type: str) -> tuple[str, bytes]:
    """A verdict (good, damaged, encrypted, active-content, too-many-pages, too-many-pixels) and an image's copy."""
    if content_type == "application/pdf":
        return _pdf(content), b""
    return _image(content, FORMATS[content_type])


def _pdf(content: bytes) -> str:
    import pikepdf

    if not content.rstrip(PDF_SPACE).endswith(b"%%EOF"):
        return "damaged"
    try:
        with pikepdf.open(io.BytesIO(content), attempt_recovery=False, suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                return "encrypted"
            if len(pdf.objects) > OBJECTS_MAX:
                return "damaged"
            if len(pdf.pages) > PAGES_MAX:
                return "too-many-pages"
            if not len(pdf.pages):
                return "damaged"
            # The trailer too: a catalogue that stands in it directly is no object of its own.
            if any(_is_active(each) for each in (*pdf.objects, pdf.trailer)) or _opens_with_an_act(pdf):
                return "active-content"
            return "damaged" if pdf.get_warnings() else GOOD
    except pikepdf.PasswordError:
        return "encrypted"
    except Exception:  # Whatever a parser says about a file that somebody made: it is not one we keep.
        return "damaged"


def _is_active(root: Any) -> bool:
    return any(name in ACTIVE for name in _names(root))


def _names(root: Any) -> Iterator[str]:
    """Every key and every name within one object. What it refers to is an object of its own and looked at there."""
    import pikepdf

    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, pikepdf.Name):
            yield str(value)
        elif isinstance(value, pikepdf.Array):
            waiting += [each for each in value if _is_direct(each)]
        elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            for key, each in value.items():
                yield key
                if _is_direct(each):
                    waiting.append(each)


def _is_direct(value: Any) -> bool:
    return not getattr(value, "is_indirect", False)


def _opens_with_an_act(pdf: Any) -> bool:
    """Whether opening it does more than showing a page."""
    import pikepdf

    action = pdf.Root.get("/OpenAction")
    if action is None or isinstance(action, pikepdf.Array):
        return False
    if not isinstance(action, pikepdf.Dictionary):
        return True
    return action.get("/S") != pikepdf.Name.GoTo or "/Next" in action


def _image(content: bytes, kind: str) -> tuple[str, bytes]:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    if kind == "PNG" and not _is_whole_png(content):
        return "damaged", b""
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            picture.verify()
        with Image.open(io.BytesIO(content), formats=[kind]) as picture:
            picture.load()
            return GOOD, _copy(_upright(picture), kind)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return "too-many-pixels", b""
    except MemoryError:
        return "too-many-pixels", b""
    except Exception:  # As above: a decoder that stumbles has met nothing that we keep.
        return "damaged", b""


def _upright(picture: Image) -> Image:
    """The picture as the camera was held; as it lies if the camera's notes cannot be read, which harms no picture."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(picture)
    except Exception:
        return picture


def _copy(picture: Image, kind: str) -> bytes:
    """The picture alone, written anew: no camera's notes, no place, no comment, nothing behind its end."""
    picture.info = {name: picture.info[name] for name in ("transparency",) if name in picture.info}
    written = io.BytesIO()
    how: dict[str, Any] = {"quality": 90} if kind == "JPEG" else {"compress_level": 1}
    picture.save(written, format=kind, **how)
    return written.getvalue()


def _is_whole_png(content: bytes) -> bool:
    """Every chunk has its checksum, and the file ends where the picture does."""
    at = 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        end = at + 12 + size
        if end > len(content) or zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            return False
        if content[at + 4 : at + 8] == b"IEND":
            return end == len(content)
        at = end
    return False


def main() -> None:
    """Examine what comes in, within limits that the operating system holds."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    verdict, copy = examine(sys.stdin.buffer.read(), sys.argv[1])
    sys.stdout.buffer.write(verdict.encode() + b"\n" + copy)


if __name__ == "__main__":
    main()

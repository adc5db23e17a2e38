"""Files as tests need them: good ones of each kind, and ones with something wrong."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
from PIL import Image

from local.scanner import EICAR


def a_pdf(pages: int = 1, text: str = "", encryption: Any = None, **root: Any) -> bytes:
    """A PDF with so many blank pages; `root` are entries of its catalogue, `text` makes it another file."""
    written = io.BytesIO()
    with pikepdf.new() as pdf:
        for _ in range(pages):
            pdf.add_blank_page()
        for name, value in root.items():
            pdf.Root[f"/{name}"] = value
        pdf.docinfo["/Title"] = text
        pdf.save(written, encryption=encryption or False, deterministic_id=encryption is None)
    return written.getvalue()


def a_malicious_pdf(text: str = "") -> bytes:
    """What every scanner takes for malware, in a stream of a PDF that is otherwise well."""
    written = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.docinfo["/Title"] = text
        pdf.pages[0].Contents = pdf.make_stream(EICAR)
        pdf.save(written, compress_streams=False, deterministic_id=True)
    return written.getvalue()


def an_image(kind: str = "PNG", size: tuple[int, int] = (60, 40), colour: str = "navy", **how: Any) -> bytes:
    """A picture of one colour."""
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind, **how)
    return written.getvalue()


def a_photo(where: str = "zq7canary") -> bytes:
    """A JPEG as a telephone makes it: turned, with the place and a comment in it."""
    noted = Image.Exif()
    noted[0x0112] = 6
    noted[0x010E] = where
    noted.get_ifd(0x8825)[1] = "N"
    return an_image("JPEG", (40, 20), exif=noted, comment=f"<script>{where}</script>".encode())

"""Writes the list of intakes into the application form, from the programme's file: python tools/intake_list.py --write

Without --write it says whether the form is out of date.
"""

from __future__ import annotations

import re
import sys
import tomllib
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAMME = ROOT / "programmes" / "ai-diploma.toml"
FORM = ROOT / "web" / "index.html"
LIST = re.compile(r'(<select id="intake"[^>]*>\n)(?:\s*<option[^\n]*\n)*(\s*</select>)')


def spoken(day: date) -> str:
    """As the form shows a day before its script speaks the reader's language."""
    return f"{day.day} {day:%B %Y}"


def filled(form: str) -> str:
    """The form with an option for each intake of the programme."""
    intakes = tomllib.loads(PROGRAMME.read_text("utf-8"))["intakes"]
    options = "".join(
        f'            <option value="{each["id"]}" data-opens="{each["opens_on"]}" data-closes="{each["closes_on"]}"'
        f' data-starts="{each["starts_on"]}">Starts on {spoken(each["starts_on"])},'
        f" apply by {spoken(each['closes_on'])}</option>\n"
        for each in intakes
    )
    return LIST.sub(lambda found: found[1] + options + found[2], form)


if __name__ == "__main__":
    now = FORM.read_text("utf-8")
    if "--write" in sys.argv:
        FORM.write_text(filled(now), "utf-8")
    elif filled(now) != now:
        sys.exit("The form's list of intakes is not the programme's: make docs")

"""Mail is kept before it is acknowledged, once for each Message-ID, and lists oldest first."""

import smtplib
import uuid
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from .conftest import Services


def send(services: Services, to: str, subject: str, message_id: str | None = None) -> None:
    message = EmailMessage()
    message["From"] = "Pledge <admissions@pledge.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = message_id or f"<{uuid.uuid4().hex}@pledge.example>"
    message.set_content("Zoë, your link: http://127.0.0.1/web/#token")
    message.add_alternative("<p>Zoë</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", services.stack["ports"]["smtp"], timeout=10) as server:
        server.send_message(message)


def mail(services: Services, **query: str | int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = services.client.get(services.base["mail"], params=query).json()
    return found


def test_mail_is_listed_with_its_parts(services: Services) -> None:
    send(services, "Zoe_1@example.com", "Welcome, Zoë")

    (one,) = mail(services, to="zoe_1@example.com")

    assert (one["subject"], one["to"]) == ("Welcome, Zoë", "Zoe_1@example.com")
    assert one["from"] == "Pledge <admissions@pledge.example>"
    assert one["text"] == "Zoë, your link: http://127.0.0.1/web/#token\r\n"
    assert one["html"] == "<p>Zoë</p>\r\n"
    assert mail(services, to="zoexI@example.com") == []


def test_same_message_id_is_one_mail_and_counted(services: Services) -> None:
    for _ in range(3):
        send(services, "twice@example.com", "Once", "<the-same@pledge.example>")

    (one,) = mail(services, to="twice@example.com")

    assert one["repeats"] == 2


def test_list_pages_by_id_with_the_newest_last(services: Services) -> None:
    for number in range(4):
        send(services, "pages@example.com", str(number))

    every = mail(services, to="pages@example.com")

    assert [one["subject"] for one in every] == ["0", "1", "2", "3"]
    assert mail(services, to="pages@example.com", limit=2) == every[2:]
    assert mail(services, to="pages@example.com", since_id=int(str(every[0]["id"])), limit=2) == every[1:3]


def test_bouncing_address_is_refused(services: Services) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(services, "bounce.anna@example.com", "Never")

    assert refused.value.recipients["bounce.anna@example.com"][0] == 550


def test_sixty_senders_at_once_are_all_served(services: Services) -> None:
    with ThreadPoolExecutor(60) as senders:
        list(senders.map(lambda number: send(services, "many@example.com", str(number)), range(60)))

    assert {one["subject"] for one in mail(services, to="many@example.com")} == {str(number) for number in range(60)}


def test_people_get_a_page(services: Services) -> None:
    answer = services.client.get(f"{services.base['mail']}/")

    assert answer.headers["content-type"].startswith("text/html")

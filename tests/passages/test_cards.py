"""Cards: what is read of one, what is refused, and where its files are looked for."""

from __future__ import annotations

import pytest

from bench.errors import InputError
from bench.passages import cards, loader
from tests.helpers.fetched import refused, write_card

pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"urls": ["file:///etc/passwd"]}, "urls"),
        ({"urls": ["ftp://example.org/a"]}, "urls"),
        ({"member": "a"}, "expected urls of the archive that has the member 'a', found none"),
    ],
)
def test_cards_that_are_refused(tmp_path, file, reason):
    """
    A card's URLs are of http or https, and a member needs a URL of its archive.
    """
    message = refused(write_card(tmp_path, file))

    assert "card " in message
    assert reason in message


def test_addresses_of_shipped_cards():
    """
    The shipped cards' URLs are of https; a zip names the member that it is opened for, and nothing else does.
    """
    addresses = [(url, file) for name in cards.names() for file in cards.card(name).files for url in file.urls]

    assert addresses
    assert [] == [url for url, _ in addresses if not url.startswith("https://")]
    assert [] == [url for url, file in addresses if url.endswith(".zip") != (file.member is not None)]


def test_run_names_the_command():
    """
    A run never downloads: its error for files that are missing names the command that does.
    """
    with pytest.raises(InputError) as caught:
        loader.load("xquad-de")

    assert "sparring fetch xquad-de" in str(caught.value)

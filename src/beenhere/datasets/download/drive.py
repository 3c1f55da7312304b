"""Files at Google Drive, which puts pages before large files, and before those much asked for."""

from collections.abc import Mapping
from contextlib import closing

import requests

from beenhere.datasets.download.answer import Answer
from beenhere.datasets.download.sources import Refused, Timeout, get, page_title

DRIVE = "https://drive.google.com"

_BUSY = ("Quota exceeded", "Too many users")
"""What a page says, in its title or its text, when too many people have fetched a file today."""


class DriveSource:
    """A file at Google Drive; see :class:`Source`.

    The link to the file itself changes from hour to hour, so each request starts at its id.
    ``gdown`` knows the forms that Drive's page has had; the transfer is ours, like any other.

    Args:
        id: of the file.
        base: where Drive is.
    """

    def __init__(self, id: str, base: str = DRIVE) -> None:
        self.key = f"drive:{id}"
        self.browser = f"{base}/file/d/{id}/view"
        self._link = f"{base}/uc?export=download&id={id}"

    def ask(
        self, session: requests.Session, headers: Mapping[str, str], timeout: Timeout
    ) -> Answer:
        """The answer to one request, past the page that asks to go on without a virus scan."""
        answer = get(session, self._link, headers, timeout)
        if not answer.is_page:
            return answer
        with closing(answer):
            link = _confirmed(answer.page())
        answer = get(session, link, headers, timeout)
        if answer.is_page:
            with closing(answer):
                raise _refused(answer.page())
        return answer


def _confirmed(page: str) -> str:
    """The link behind a page's button."""
    from gdown.download import get_url_from_gdrive_confirmation
    from gdown.exceptions import FileURLRetrievalError

    try:
        # Line breaks out: the form is looked for in each line by itself.
        return get_url_from_gdrive_confirmation(" ".join(page.split()))
    except FileURLRetrievalError as error:
        raise _refused(page) from error


def _refused(page: str) -> Refused:
    if any(words in page for words in _BUSY):
        return Refused(
            "Google Drive gives it to nobody for now, since too many have fetched it today "
            "(tomorrow it may)"
        )
    if "accounts.google.com" in page or "Sign in" in page:
        return Refused("Google Drive asks to sign in: its owner does not share it with everybody")
    return Refused(f"Google Drive sent a page ({page_title(page)}) and not the file")

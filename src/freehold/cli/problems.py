"""What goes wrong in a command, told with what to do next; never with a traceback."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
)


class Problem(Exception):
    """Something the person at the keyboard can put right. `next` says how."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what}\n  {self.next_step}" if self.next_step else self.what


TOLD = (Problem, BotoCoreError, ClientError)


def in_words(error: BaseException) -> str:
    """One of TOLD as the person at the keyboard reads it."""
    if isinstance(error, EndpointConnectionError | ConnectionClosedError):
        return str(no_node(str(error.kwargs.get("endpoint_url", ""))))
    if isinstance(error, ClientError):
        return _client_error(error)
    return str(error)


def no_node(url: str) -> Problem:
    where = f" at {url}" if url else ""
    return Problem(f"No node answers{where}.", "Start one with: freehold up")


def _client_error(error: ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "Unknown")
    message = error.response.get("Error", {}).get("Message", "")
    text = f"{error.operation_name}: {code}: {message}"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"):
        return (
            f"{text}\n  The node does not know these credentials. Unset AWS_ENDPOINT_URL, or run: "
            'eval "$(freehold env)"'
        )
    return text

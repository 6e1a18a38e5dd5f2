"""The one place that speaks HTTP to a Hub: through huggingface_hub's own client, with limits that it does not have.

Added to it: time limits on every request; a cap on how long a server may ask to wait; no token to another host or over plain HTTP; ranged
reads that resume where a connection was cut; a check that each answer is of the file, the size and the commit that was asked for.
"""

from __future__ import annotations

import ipaddress
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from logging import ERROR
from typing import Any, Final
from urllib.parse import urlsplit

from mlsbom.errors import NetworkError, Unreadable, UsageError
from mlsbom.patterns import late
from mlsbom.sources import Entry

TIMEOUT: Final = {"connect": 20.0, "read": 60.0, "write": 20.0, "pool": 20.0}  # seconds
PATIENCE: Final = 120.0  # seconds a server may ask to wait
ATTEMPTS: Final = 6
LARGEST_ANSWER: Final = 64 << 20  # of an answer of the API; a page of the list has at most 1,000 files
BACKOFF: Final = 0.5  # seconds, doubled each time
_RETRY: Final = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = late(r"bytes (\d+)-(\d+)/(\d+|\*)")
_COMMIT = late("[0-9a-f]{40}")


class Connection:
    """One repository of a Hub. `kind` is model, dataset or space; `uri` is for messages."""

    def __init__(self, kind: str, name: str, uri: str) -> None:
        from huggingface_hub import HfApi, constants

        constants.HF_HUB_DISABLE_TELEMETRY = True  # else the client asks the Hub which agents there are, to report which one runs it
        self.kind, self.name, self.uri = kind, name, uri
        self.endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
        address = urlsplit(self.endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise UsageError(f"HF_ENDPOINT: {self.endpoint!r} is no web address")
        self._host = (address.scheme, address.netloc)
        safe = address.scheme == "https" or _loopback(address.hostname)
        self._api = HfApi(endpoint=self.endpoint, token=None if safe else False)
        self._client: Any = None
        self._etags: dict[str, str] = {}
        self._storage: dict[str, str] = {}  # where a file's bytes were last found: a signed address that may expire
        self.commit = ""
        self.received = 0  # bytes of files

    # --- what the API says -------------------------------------------------------------------------------------------------------

    def resolve(self, revision: str | None) -> tuple[str, str]:
        """(name as it is now, commit) of a revision; the default branch where it is None."""
        info = self._ask(partial(self._api.repo_info, self.name, repo_type=self.kind, revision=revision))
        if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
            raise NetworkError(f"{self.uri}: {self.endpoint} names no commit for it")
        if revision and _COMMIT.fullmatch(revision) and revision != info.sha:
            raise NetworkError(f"{self.uri}: {self.endpoint} answers with another commit, {info.sha}")
        self.commit = info.sha
        self.name = info.id if isinstance(info.id, str) and re.fullmatch(r"(?:[\w.-]+/)?[\w.-]+", info.id) else self.name
        return self.name, self.commit

    def tree(self) -> Iterator[Any]:
        """All files and folders of the commit, page by page."""
        with self._asking():
            yield from self._api.list_repo_tree(self.name, recursive=True, revision=self.commit, repo_type=self.kind)

    def statuses(self, paths: list[str]) -> Iterator[tuple[str, Any]]:
        """(path, the Hub's scan status) of files; stops at the first request that the Hub does not answer."""
        for start in range(0, len(paths), 100):
            call = partial(self._api.get_paths_info, expand=True, revision=self.commit, repo_type=self.kind)
            try:
                some = self._ask(partial(call, self.name, paths[start : start + 100]))
            except (NetworkError, UsageError):
                return
            for item in some:
                yield item.path, getattr(item, "security", None)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """A call that the client itself does not try again."""
        attempt = 0
        while True:
            try:
                with self._asking():
                    return call()
            except _Busy as e:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise
                time.sleep(e.wait or BACKOFF * 2**attempt)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """The client's own calls, with our limits, and with its errors as ours."""
        from huggingface_hub import errors, set_client_factory
        from huggingface_hub.utils import logging
        from huggingface_hub.utils._http import default_client_factory

        loud = logging.get_verbosity()
        logging.set_verbosity(ERROR)
        set_client_factory(self._make)
        try:
            yield
        except errors.GatedRepoError as e:
            raise UsageError(f"{self.uri}: is gated", remedy="ask for access on its page, then `hf auth login` or HF_TOKEN") from e
        except errors.RevisionNotFoundError as e:
            raise UsageError(f"{self.uri}: there is no such revision") from e
        except errors.RepositoryNotFoundError as e:
            remedy = "check the spelling; for a private one `hf auth login` or HF_TOKEN; datasets are hf://datasets/ORG/NAME"
            raise UsageError(f"{self.uri}: is not there, or is private", remedy=remedy) from e
        except errors.OfflineModeIsEnabled as e:
            raise UsageError(f"{self.uri}: HF_HUB_OFFLINE forbids the network", remedy="unset it") from e
        except errors.HFValidationError as e:
            raise UsageError(f"{self.uri}: is no name of a repository") from e
        except errors.HfHubHTTPError as e:
            raise self._refused(e.response) from e
        except _transport_errors() as e:
            raise _Busy(f"{self.uri}: {self.endpoint} cannot be reached ({type(e).__name__})", remedy="check HF_ENDPOINT") from e
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise NetworkError(f"{self.uri}: the answer of {self.endpoint} cannot be read ({type(e).__name__})") from e
        finally:
            set_client_factory(default_client_factory)
            logging.set_verbosity(loud)

    def _refused(self, response: Any) -> UsageError | NetworkError:
        status = response.status_code
        if status == 401:
            return UsageError(f"{self.uri}: the token is not accepted", remedy="it may have expired: `hf auth login`, or mend HF_TOKEN")
        if status == 403:
            return UsageError(f"{self.uri}: access is refused", remedy="ask for access on its page; check what the token may read")
        if status not in _RETRY:
            return NetworkError(f"{self.uri}: {self.endpoint} answers with error {status}")
        busy = _Busy(f"{self.uri}: {self.endpoint} answers with error {status}", remedy="try again later, or with a token")
        busy.wait = _wait(response)
        return busy

    # --- the client --------------------------------------------------------------------------------------------------------------

    def _make(self) -> Any:
        """huggingface_hub's client with our hooks."""
        from huggingface_hub.utils._http import default_client_factory

        client = default_client_factory()
        hooks = client.event_hooks
        client.event_hooks = {"request": [*hooks.get("request", []), self._outgoing], "response": [self._incoming]}
        return client

    def _outgoing(self, request: Any) -> None:
        request.extensions["timeout"] = dict(TIMEOUT)
        request.headers["accept-encoding"] = "identity"
        if (request.url.scheme, request.url.netloc.decode("ascii")) != self._host and "authorization" in request.headers:
            del request.headers["authorization"]

    def _incoming(self, response: Any) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NetworkError(f"{self.uri}: {self.endpoint} sends packed bytes that were not asked for")
        if _wait(response) > PATIENCE:
            raise NetworkError(f"{self.uri}: {self.endpoint} asks to wait {_wait(response):.0f} seconds", remedy="try again later")
        length = response.headers.get("content-length", "0")
        if "range" not in response.request.headers and (not length.isdigit() or int(length) > LARGEST_ANSWER):
            raise NetworkError(f"{self.uri}: {self.endpoint} answers with {length} bytes; at most {LARGEST_ANSWER} are read")

    # --- bytes of files ----------------------------------------------------------------------------------------------------------

    def read(self, entry: Entry, offset: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `offset`, in pieces; a cut connection is taken up where it broke. Raises Unreadable."""
        if length <= 0:
            return
        at, end, failures, why = offset, offset + length, 0, ""
        while at < end:
            if failures >= ATTEMPTS:
                raise Unreadable(f"cannot be fetched: {why}; tried {failures} times", offset=at)
            before = at
            wait = 0.0
            try:
                for piece in self._range(entry, at, end):
                    at += len(piece)
                    self.received += len(piece)
                    yield piece
                why = "the connection was cut"
            except _Again as e:
                why, wait = str(e), e.wait
            if at < end:
                failures = 1 if at > before else failures + 1
                time.sleep(wait or BACKOFF * 2 ** (failures - 1))

    def _range(self, entry: Entry, at: int, end: int) -> Iterator[bytes]:
        """Bytes from `at`, until the connection ends; never more than up to `end`."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers

        if self._client is None:
            self._client = self._make()
        known = self._storage.pop(entry.path, None)
        url = known or hf_hub_url(self.name, entry.path, repo_type=self.kind, revision=self.commit, endpoint=self.endpoint)
        headers = {**build_hf_headers(token=self._api.token), "Range": f"bytes={at}-{end - 1}"}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                if known and response.status_code in (401, 403, 404, 410):
                    raise _Again("its storage address has expired")
                self._judge(entry, response, at, end)
                if known or response.history:
                    self._storage[entry.path] = str(response.url)
                left = end - at
                for piece in response.iter_raw():
                    yield piece[:left]
                    left -= len(piece)
                    if left <= 0:
                        return
        except NetworkError as e:
            raise Unreadable(f"cannot be fetched: {e}", offset=at) from e
        except _transport_errors() as e:
            raise _Again(f"the connection failed ({type(e).__name__})") from e

    def _judge(self, entry: Entry, response: Any, at: int, end: int) -> None:
        """Whether an answer is of the bytes that were asked for. Raises _Again or Unreadable."""
        status = response.status_code
        if status in _RETRY:
            raise _Again(f"the Hub answers with error {status}", _wait(response))
        if status in (401, 403):
            raise Unreadable("access is refused: gated, or the token has expired", remedy="ask for access; `hf auth login` or HF_TOKEN")
        if status == 416 or (status == 200 and at > 0):
            raise Unreadable("the server does not give the range that was asked for", offset=at)
        if status not in (200, 206):
            raise Unreadable(f"the Hub answers with error {status}")
        if status == 206:
            got = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if got is None or int(got[1]) != at or int(got[2]) >= end or got[3] not in ("*", str(entry.size)):
                raise Unreadable("the server gives another range, or a file of another size, than was asked for", offset=at)
        for answer in (*response.history, response):
            commit = answer.headers.get("x-repo-commit")
            if commit and commit != self.commit:
                raise Unreadable(f"is answered from another commit, {commit[:40]}")
            linked = _plain(answer.headers.get("x-linked-etag", ""))
            declared = dict(entry.declared).get("sha256", linked)
            if linked and linked != declared:
                raise Unreadable(f"the Hub now links other bytes, {linked[:64]}, than its list declares")
        etag = _plain(response.headers.get("etag", ""))
        if etag and self._etags.setdefault(entry.path, etag) != etag:
            raise Unreadable("changed while it was read: another ETag", offset=at)


class _Busy(NetworkError):
    """An answer of the API, or none, that is worth another try, after `wait` seconds where the server says so."""

    wait = 0.0


class _Again(Exception):
    """Worth another try, after `wait` seconds where the server says so."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the HTTP library under this version of huggingface_hub raises (httpx or its successor), by the base that the client names."""
    from huggingface_hub import errors

    return (vars(errors)["HTTPError"], OSError)


def _wait(response: Any) -> float:
    """Seconds that an answer asks to wait: Retry-After, or the `t` of an exhausted `ratelimit` header."""
    after = response.headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    limit = re.search(r"r=0;t=(\d{1,9})", response.headers.get("ratelimit", "").replace(" ", ""))
    return float(limit[1]) if limit and response.status_code == 429 else 0.0


def _plain(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

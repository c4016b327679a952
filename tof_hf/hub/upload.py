"""Puts files into a repository of the Hub in one commit; its failures become errors that say what to do."""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, constants, get_token

# HTTPError is that of the HTTP client which huggingface_hub uses, whichever that is.
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id

from tof_hf.errors import TofError

RepoType = Literal["model", "dataset"]
T = TypeVar("T")
TRIES = 5
LONGEST_WAIT = 300  # seconds

logger = logging.getLogger("tof_hf")


class HubError(TofError):
    """The Hub refused an upload; none of it is visible there, and nothing has changed here."""


@dataclass(frozen=True)
class Bundle:
    """What one commit puts into a repository.

    Attributes:
        repo: `user/name`.
        files: A local file or its content, by path in the repository.
        message: The commit's message.
        repo_type: `model` or `dataset`.
        revision: The branch; None for the main one.
        replaces: Patterns of files that the commit deletes from the repository, unless they are among `files`.
        left_out: Local files that are not published, for the listing.
    """

    repo: str
    files: Mapping[str, Path | bytes]
    message: str
    repo_type: RepoType = "model"
    revision: str | None = None
    replaces: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def listing(self) -> str:
        """One line for each file with its size in bytes, and for each file that is not published."""
        sizes = {path: len(c) if isinstance(c, bytes) else c.stat().st_size for path, c in sorted(self.files.items())}
        branch = "" if self.revision is None else f", branch {self.revision}"
        lines = [f"{self.repo_type} {self.repo}{branch}: {len(sizes)} files, {sum(sizes.values()):,} bytes"]
        lines += [f"{size:>15,}  {path}" for path, size in sizes.items()]
        return "\n".join(lines + [f"{'stays here':>15}  {name}" for name in self.left_out])


def publish(bundle: Bundle, *, private: bool = False) -> str:
    """The address of the repository, after one commit has put the bundle's files there.

    A missing repository or branch is created. A busy Hub is asked again after the time that it names. There is one
    commit or none, so the same call can be repeated after any failure.

    Args:
        bundle: The files, and where they go.
        private: Whether the repository must be private; otherwise the settings of its owner decide.

    Returns:
        The URL of the repository, and of the branch if there is one.

    Raises:
        HubError: The Hub refused or could not be reached.

    Example:
        >>> publish(Bundle("user/data", {"README.md": b"# Data"}, message="Card", repo_type="dataset"))
        'https://huggingface.co/datasets/user/data'
    """
    repo, repo_type, revision = bundle.repo, bundle.repo_type, bundle.revision
    api = open_repository(repo, repo_type=repo_type, private=private)

    def commit() -> None:
        # The operations keep the state of an upload: another try needs new ones.
        operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
            CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
            for path, content in bundle.files.items()
        ]
        operations += [
            CommitOperationDelete(path)
            for path in api.list_repo_files(repo, repo_type=repo_type, revision=revision)
            if path not in bundle.files and matches(path, bundle.replaces)
        ]
        api.create_commit(repo, operations, commit_message=bundle.message, repo_type=repo_type, revision=revision)

    if revision is not None:
        _with_retries(lambda: api.create_branch(repo, branch=revision, repo_type=repo_type, exist_ok=True), repo)
    _with_retries(commit, repo)
    place = "" if revision is None else f"/tree/{revision}"
    return f"{api.endpoint}/{'datasets/' if repo_type == 'dataset' else ''}{repo}{place}"


def open_repository(repo: str, *, repo_type: RepoType = "model", private: bool = False) -> HfApi:
    """The Hub's client; the repository exists and can be written to, and is created if need be.

    Raises HubError, also if the repository should be private and is not.
    """
    check_name(repo)
    if get_token() is None:
        raise HubError(f"{repo}: nobody is logged in. What to do: hf auth login, or set HF_TOKEN to a write token.")
    api = HfApi(endpoint=constants.ENDPOINT)
    # With None the settings of the organisation decide whether a new repository is private.
    visibility = private or None
    _with_retries(lambda: api.create_repo(repo, repo_type=repo_type, private=visibility, exist_ok=True), repo)
    if private and not _with_retries(lambda: api.repo_info(repo, repo_type=repo_type), repo).private:
        raise HubError(f"{repo} exists and is public. What to do: make it private first, or do not ask for private.")
    return api


def check_name(repo: str) -> None:
    """Raise HubError if this cannot be the name of a repository."""
    try:
        validate_repo_id(repo)
    except HFValidationError as problem:
        raise HubError(f"{repo!r} is no name of a repository ({problem}). What to do: write user/name.") from problem
    if "/" not in repo:
        raise HubError(f"{repo!r} lacks its owner. What to do: write user/name (hf auth whoami says who you are).")


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a file matches a pattern; `*` stands for no folder."""
    parts = path.count("/")
    return any(fnmatch.fnmatch(path, pattern) and pattern.count("/") == parts for pattern in patterns)


def _with_retries(action: Callable[[], T], repo: str) -> T:
    """The result of the action, retried while the Hub is busy or cannot be reached. Raises HubError."""
    for number in range(1, TRIES + 1):
        try:
            return action()
        except (HTTPError, OSError, RuntimeError, ValueError) as problem:
            # RuntimeError: a part of an upload failed; ValueError: the Hub did not like the header of a card.
            wait = _wait(problem, number)
            if wait is None or number == TRIES:
                raise HubError(f"{repo}: {_advice(problem)}") from problem
            logger.warning(f"{repo}: {_what_happened(problem)}; again in {wait:.0f} s")
            time.sleep(wait)
    raise AssertionError("the last try ends the loop")


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    """The problem and what led to it: a failed part of an upload keeps the Hub's answer as its cause."""
    while problem is not None:
        yield problem
        problem = problem.__cause__


def _answer(problem: BaseException) -> HfHubHTTPError | None:
    """The refusal of the Hub, if the problem is one."""
    return next((cause for cause in _causes(problem) if isinstance(cause, HfHubHTTPError)), None)


def _is_busy(answer: HfHubHTTPError) -> bool:
    return answer.response.status_code in (408, 429) or answer.response.status_code >= 500


def _is_connection(problem: BaseException) -> bool:
    return any(isinstance(cause, (ConnectionError, TimeoutError, HTTPError)) for cause in _causes(problem))


def _wait(problem: BaseException, number: int) -> float | None:
    """Seconds until the next try; None if it would be in vain."""
    answer = _answer(problem)
    if isinstance(problem, OfflineModeIsEnabled) or (answer and not _is_busy(answer)):
        return None
    if answer is None:
        return 2.0**number if _is_connection(problem) else None
    asked = answer.response.headers.get("retry-after", "")
    wait = float(asked) if asked.isdigit() else 2.0**number
    return wait if wait <= LONGEST_WAIT else None


def _what_happened(problem: BaseException) -> str:
    answer = _answer(problem)
    return f"the Hub answered {answer.response.status_code}" if answer else "the connection to the Hub broke off"


def _advice(problem: BaseException) -> str:
    """What happened and what to do; of the Hub's own words only its message, which names no header."""
    if isinstance(problem, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing asks the network. What to do: unset it to publish."
    answer = _answer(problem)
    if answer is None and not _is_connection(problem):
        return f"{type(problem).__name__}: {problem}"  # a file here that cannot be read
    if answer is None:
        return (
            f"no connection to {constants.ENDPOINT}, or it broke off, {TRIES} times. What to do: run the same "
            "command again when the network is back; parts that are uploaded are not sent twice."
        )
    status = answer.response.status_code
    said = f"{status}: {answer.server_message}" if answer.server_message else str(status)
    if _is_busy(answer):
        return f"the Hub is busy or in trouble ({said}). What to do: run the same command again later."
    fix = _FIXES.get(status, "check the name, the branch and your login (hf auth whoami)")
    return f"the Hub refused ({said}). What to do: {fix}."


_FIXES = {
    400: "correct what it names, such as the licence (an id of the Hub) or the language (a code) of the card",
    401: "log in with hf auth login, or set HF_TOKEN to a token that is valid and may write",
    403: "take a token with write access to this owner's repositories, or a repository of your own (hf auth whoami)",
    404: "check the name; a private repository of others looks as if it were not there",
    409: "somebody changed the repository at the same time; run the same command again",
    412: "somebody changed the repository at the same time; run the same command again",
    413: "a file is larger than the Hub takes; save the model in smaller shards (save_pretrained(max_shard_size=...))",
}

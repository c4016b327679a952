"""Puts files into a repository of the Hub in one commit; its failures become errors that say what to do."""

import fnmatch
import logging
import time
from collections.abc import Callable, Mapping, Sequence
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
        raise HubError(
            f"{repo!r} is not a valid repository name ({problem}). What to do: write user/name."
        ) from problem
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
            failure = _diagnosis(problem)
            wait = 2.0**number if failure.wait is None else failure.wait
            if not failure.passing or number == TRIES or wait > LONGEST_WAIT:
                found = f"{failure.found}, {number} times" if number > 1 else failure.found
                fix = failure.fix and f". What to do: {failure.fix}."
                raise HubError(f"{repo}: {found}{fix}") from problem
            logger.warning(f"{repo}: {failure.found}; again in {wait:.0f} s")
            time.sleep(wait)
    raise AssertionError("the last try ends the loop")


@dataclass(frozen=True)
class _Failure:
    """What went wrong and what to do; whether it may be `passing`, and the seconds that the Hub asks to wait."""

    found: str
    fix: str = ""
    passing: bool = False
    wait: float | None = None


def _diagnosis(problem: BaseException) -> _Failure:
    """What the problem means; of the Hub's own words only its message, which names no header."""
    if isinstance(problem, OfflineModeIsEnabled):
        return _Failure("HF_HUB_OFFLINE is set, so the Hub is not contacted", "unset it to publish")
    causes = [problem]  # a failed part of an upload keeps the Hub's answer as its cause
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    answer = next((cause for cause in causes if isinstance(cause, HfHubHTTPError)), None)
    if answer is not None:
        status, asked = answer.response.status_code, answer.response.headers.get("retry-after", "")
        said = f"{status}: {answer.server_message}" if answer.server_message else str(status)
        if status in (408, 429) or status >= 500:
            wait = float(asked) if asked.isdigit() else None
            fix = "run the same command again later"
            return _Failure(f"the Hub is busy or in trouble ({said})", fix, passing=True, wait=wait)
        fix = _FIXES.get(status, "check the name, the branch and your login (hf auth whoami)")
        return _Failure(f"the Hub refused ({said})", fix)
    if any(isinstance(cause, (ConnectionError, TimeoutError, HTTPError)) for cause in causes):
        found = f"no connection to {constants.ENDPOINT}, or it broke off"
        fix = "run the same command again when the network is back; parts that are uploaded are not sent twice"
        return _Failure(found, fix, passing=True)
    return _Failure(f"{type(problem).__name__}: {problem}")  # a file here that cannot be read


_FIXES = {
    400: "correct what it names, such as the licence (an id of the Hub) or the language (a code) of the card",
    401: "log in with hf auth login, or set HF_TOKEN to a token that is valid and may write",
    403: "take a token with write access to this owner's repositories, or a repository of your own (hf auth whoami)",
    404: "check the name; a private repository of others looks as if it were not there",
    409: "somebody changed the repository at the same time; run the same command again",
    412: "somebody changed the repository at the same time; run the same command again",
    413: "a file is larger than the Hub takes; save the model in smaller shards (save_pretrained(max_shard_size=...))",
}

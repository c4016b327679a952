"""The stand-in of the Hub behaves, to huggingface_hub, transformers and datasets, as the Hub does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    create_repo,
    get_session,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from nightly import nightly_only

pytestmark = pytest.mark.slow

REPO = "tester/things"
FILES = {
    "config.json": b'{"a": 1}\n',
    "deep/er/notes.txt": b"\xff\x00 bytes",
    "model.safetensors": bytes(range(256)) * 9,
}
NO_CONNECTION = HfHubHTTPError.__bases__[0]  # the base of its HTTP client's errors, whichever client that is


@pytest.fixture
def api(hub: Any) -> HfApi:
    """A client of the user, with the repository made."""
    api = HfApi()
    api.create_repo(REPO)
    return api


def put(api: HfApi, files: dict[str, bytes] = FILES, **options: Any) -> str:
    """The sha after one commit of these files."""
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(REPO, operations, commit_message="Things", **options).oid


def titles(hub: Any, branch: str = "main") -> list[str]:
    return [commit.title for commit in hub.repos["model", REPO].branches[branch]]


def test_a_push_makes_one_commit(hub: Any, api: HfApi) -> None:
    put(api)
    assert titles(hub) == ["initial commit", "Things"]
    assert FILES.items() < hub.repos["model", REPO].files().items()


def test_a_file_comes_back_byte_for_byte(api: HfApi) -> None:
    put(api)
    for path, content in FILES.items():
        assert Path(hf_hub_download(REPO, path)).read_bytes() == content


def test_a_snapshot_comes_back_byte_for_byte(api: HfApi) -> None:
    put(api)
    folder = Path(snapshot_download(REPO))
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()} == {
        ".gitattributes",
        *FILES,
    }


def test_a_part_of_a_file_can_be_asked_for(hub: Any, api: HfApi) -> None:
    put(api)
    url, content = hf_hub_url(REPO, "model.safetensors"), FILES["model.safetensors"]
    part = get_session().get(url, headers={"Range": "bytes=250-260"})
    assert (part.status_code, part.content) == (206, content[250:261])
    assert part.headers["content-range"] == f"bytes 250-260/{len(content)}"
    assert get_session().get(url, headers={"Range": "bytes=2300-"}).content == content[2300:]


def test_a_second_identical_push_makes_no_commit_and_uploads_nothing(hub: Any, api: HfApi) -> None:
    first = put(api)
    uploads = [path for method, path, _ in hub.requests if method == "PUT"]
    assert put(api) == first
    assert titles(hub) == ["initial commit", "Things"]
    assert [path for method, path, _ in hub.requests if method == "PUT"] == uploads
    assert len(uploads) == 1


def test_files_and_folders_are_deleted_in_the_same_commit(hub: Any, api: HfApi) -> None:
    put(api)
    changes = [CommitOperationAdd("new", b"n"), CommitOperationDelete("deep/"), CommitOperationDelete("config.json")]
    api.create_commit(REPO, changes, commit_message="Tidy")
    assert sorted(hub.repos["model", REPO].files()) == [".gitattributes", "model.safetensors", "new"]
    assert titles(hub)[2:] == ["Tidy"]


def test_the_listing_shows_files_and_folders(api: HfApi) -> None:
    put(api)
    assert {item.path for item in api.list_repo_tree(REPO)} == {
        ".gitattributes",
        "config.json",
        "deep",
        "model.safetensors",
    }
    assert {item.path for item in api.list_repo_tree(REPO, "deep", recursive=True)} == {"deep/er", "deep/er/notes.txt"}
    [weights, folder] = api.get_paths_info(REPO, ["model.safetensors", "deep", "missing"])
    assert (weights.size, weights.lfs.size, folder.path) == (2304, 2304, "deep")


def test_what_is_not_there_is_named(api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("tester/missing")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(REPO, revision="missing")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download(REPO, "missing")
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree(REPO, "missing"))


def test_a_repository_is_made_once(hub: Any, api: HfApi) -> None:
    with pytest.raises(HfHubHTTPError) as problem:
        create_repo(REPO)
    assert problem.value.response.status_code == 409
    assert create_repo(REPO, exist_ok=True).repo_id == REPO


def test_a_wrong_token_is_refused(hub: Any, api: HfApi) -> None:
    for ask in (HfApi(token="hf_wrong").whoami, lambda: put(HfApi(token="hf_wrong"))):
        with pytest.raises(HfHubHTTPError) as problem:
            ask()
        assert problem.value.response.status_code == 401
    assert api.whoami()["name"] == "tester"


def test_without_a_token_nothing_is_written(hub: Any, api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError) as problem:
        put(HfApi(token=False))
    assert problem.value.response.status_code == 401


def test_a_foreign_namespace_is_forbidden(hub: Any, api: HfApi) -> None:
    hub.add("model", "other/public")
    for ask in (
        lambda: api.create_repo("other/new"),
        lambda: api.create_commit("other/public", [CommitOperationAdd("a", b"")], commit_message="A"),
    ):
        with pytest.raises(HfHubHTTPError) as problem:
            ask()
        assert problem.value.response.status_code == 403
    hub.orgs.append("other")
    assert api.create_repo("other/new").repo_id == "other/new"


def test_a_token_that_may_only_read_is_forbidden_to_write(hub: Any, api: HfApi) -> None:
    hub.read_only = True
    with pytest.raises(HfHubHTTPError) as problem:
        put(api)
    assert problem.value.response.status_code == 403
    assert api.model_info(REPO).id == REPO


def test_a_private_repository_is_hidden_from_others(hub: Any, api: HfApi) -> None:
    api.create_repo("tester/secret", private=True)
    assert api.model_info("tester/secret").private
    with pytest.raises(RepositoryNotFoundError):
        HfApi(token=False).model_info("tester/secret")
    hub.add("model", "other/secret", private=True)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("other/secret")


@pytest.mark.parametrize("pattern", ["/preupload/", "/objects/batch", "/lfs/", "/commit/"])
def test_a_dropped_upload_leaves_no_commit(hub: Any, api: HfApi, pattern: str) -> None:
    hub.drop(pattern, times=None)
    with pytest.raises((NO_CONNECTION, RuntimeError)):
        put(api)
    assert titles(hub) == ["initial commit"]
    hub.faults.clear()
    put(api)
    assert titles(hub) == ["initial commit", "Things"]


def test_a_lost_answer_leaves_the_commit(hub: Any, api: HfApi) -> None:
    hub.drop_after("/commit/")
    with pytest.raises(NO_CONNECTION):
        put(api)
    put(api)
    assert titles(hub) == ["initial commit", "Things"]


def test_a_failure_is_repeated_as_often_as_asked_for(hub: Any, api: HfApi) -> None:
    hub.fail("/commit/", status=429, times=2, headers={"Retry-After": "7"}, message="Slow down", method="POST")
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="Slow down") as problem:
            put(api)
        assert problem.value.response.headers["retry-after"] == "7"
    put(api)
    assert [status for _, path, status in hub.requests if "/commit/" in path] == [429, 429, 200]


def test_a_restart_keeps_the_repositories_and_the_port(hub: Any, api: HfApi) -> None:
    put(api)
    url = hub.url
    hub.stop()
    with pytest.raises(NO_CONNECTION):
        api.model_info(REPO)
    hub.start()
    assert hub.url == url
    assert {sibling.rfilename for sibling in api.model_info(REPO).siblings} == {".gitattributes", *FILES}


def test_a_commit_on_a_branch_leaves_main_alone(hub: Any, api: HfApi) -> None:
    put(api, {"a": b"1"})
    api.create_branch(REPO, branch="side/branch")
    put(api, {"a": b"2"}, revision="side/branch")
    assert titles(hub) == ["initial commit", "Things"]
    assert titles(hub, "side/branch") == ["initial commit", "Things", "Things"]
    assert Path(hf_hub_download(REPO, "a")).read_bytes() == b"1"
    assert Path(hf_hub_download(REPO, "a", revision="side/branch")).read_bytes() == b"2"
    assert {ref.name for ref in api.list_repo_refs(REPO).branches} == {"main", "side/branch"}
    api.create_branch(REPO, branch="side/branch", exist_ok=True)


def test_a_parent_that_has_moved_is_refused(hub: Any, api: HfApi) -> None:
    before = api.model_info(REPO).sha
    put(api, {"a": b"1"}, parent_commit=before)
    with pytest.raises(HfHubHTTPError) as problem:
        put(api, {"a": b"2"}, parent_commit=before)
    assert problem.value.response.status_code == 412
    assert hub.repos["model", REPO].files()["a"] == b"1"


def in_a_process(code: str, environment: dict[str, str]) -> str:
    """What the code prints."""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_data_set_is_loaded_by_another_process(hub: Any, hub_environment: dict[str, str]) -> None:
    import datasets

    rows = {"tokens": [["Maria", "."], ["Real"]], "ner_tags": [[1, 0], [2]]}
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(rows)}).push_to_hub("tester/rows", "es")
    code = "import datasets; print(datasets.load_dataset('tester/rows', 'es', split='train').to_dict())"
    assert in_a_process(code, hub_environment).strip() == str(rows)


@nightly_only
def test_a_model_is_loaded_by_another_process(
    hub: Any,
    api: HfApi,
    hub_environment: dict[str, str],
    checkpoint: Callable[..., str],
    tokenizers: dict[str, Any],
    tmp_path: Path,
) -> None:
    tokenizers["wordpiece"].save_pretrained(tmp_path / "model")
    api.upload_folder(repo_id=REPO, folder_path=tmp_path / "model")
    api.upload_folder(repo_id=REPO, folder_path=checkpoint("bert", "encoder"))
    code = f"""
from transformers import AutoModel, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("{REPO}", trust_remote_code=False)
model = AutoModel.from_pretrained("{REPO}", trust_remote_code=False)
print(tokenizer.tokenize("Maria visited London"), model.config.hidden_size)
"""
    assert in_a_process(code, hub_environment).strip() == "['Maria', 'visited', 'London'] 16"

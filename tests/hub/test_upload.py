"""What the Hub does to an upload, and what a person reads."""

from __future__ import annotations

import logging
import re
import traceback
from types import SimpleNamespace

import pytest

from tof_hf.hub import upload
from tof_hf.hub.upload import Bundle, HubError, publish

pytestmark = pytest.mark.slow

REPO = "tester/tagger"
FILES = {"README.md": b"---\nlicense: mit\n---\n# Tagger\n", "model.safetensors": bytes(4096), "config.json": b"{}\n"}
FIRST = ["initial commit"]
# What an upload asks for, and how often huggingface_hub asks by itself before it gives up.
OWN_TRIES = {
    ("POST", "/api/repos/create"): 1,
    ("POST", "/preupload/"): 6,
    ("POST", "/objects/batch"): 6,
    ("PUT", "/"): 6,
    ("POST", "/commit/"): 1,
}
NEEDED = list(OWN_TRIES)


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    """The seconds that were waited for the Hub, in no time."""
    seconds = []
    monkeypatch.setattr(upload, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


def bundle(files=FILES, **how):
    return Bundle(REPO, files, message="A tagger", **how)


def titles(hub, branch="main"):
    repo = hub.repos.get(("model", REPO))
    return None if repo is None else [commit.title for commit in repo.branches[branch]]


def published(hub, branch="main"):
    files = hub.repos["model", REPO].files(branch)
    return {path: content for path, content in files.items() if path != ".gitattributes"}


def test_all_files_come_in_one_commit(hub):
    assert publish(bundle()) == f"{hub.url}/{REPO}"
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


def test_the_same_files_again_make_no_commit(hub):
    publish(bundle())
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"]


def test_files_of_an_earlier_release_go_and_those_of_others_stay(hub):
    publish(bundle(FILES | {"model-00001-of-00002.safetensors": b"old", "notes.txt": b"mine"}))
    publish(bundle(replaces=["*.safetensors"]))
    assert set(published(hub)) == {*FILES, "notes.txt"} and len(titles(hub)) == 3


def test_a_branch_is_made_and_the_main_one_stays(hub):
    address = publish(bundle(revision="v2"))
    assert address.endswith(f"{REPO}/tree/v2")
    assert titles(hub) == FIRST and published(hub, "v2") == FILES


def test_a_private_repository_is_private_and_a_public_one_is_not_taken_for_one(hub):
    publish(bundle(), private=True)
    assert hub.repos["model", REPO].private
    hub.repos["model", REPO].private = False
    with pytest.raises(HubError, match="exists and is public"):
        publish(bundle(FILES | {"config.json": b"secret"}), private=True)
    assert published(hub) == FILES


REFUSALS = {
    401: "hf auth login",
    403: "write access",
    404: "check the name",
    409: "run the same command",
    413: "larger",
}


# A 409 for a new repository is no refusal: it is there already.
REFUSED = [(status, *call) for status in REFUSALS for call in NEEDED if (status, call[1]) != (409, "/api/repos/create")]


@pytest.mark.parametrize("status, method, path", REFUSED)
def test_a_refusal_says_what_to_do_and_leaves_no_half_commit(hub, waited, status, method, path):
    hub.fail(path, status=status, times=None, method=method)
    with pytest.raises(HubError, match=REFUSALS[status]) as refused:
        publish(bundle())
    assert f"refused ({status}" in str(refused.value) and waited == []
    assert titles(hub) in (None, FIRST)
    hub.faults.clear()
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


@pytest.mark.parametrize("method, path", NEEDED)
def test_a_busy_hub_is_asked_again_after_the_time_it_names(hub, waited, method, path):
    times = OWN_TRIES[method, path] + 1
    hub.fail(path, status=429, times=times, headers={"Retry-After": "30"}, method=method)
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES
    assert set(waited) == {30.0}


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method, path", NEEDED)
def test_a_hub_in_trouble_for_long_is_an_error_and_a_later_push_succeeds(hub, status, method, path):
    hub.fail(path, status=status, times=None, method=method)
    with pytest.raises(HubError, match=f"busy or in trouble .{status}.*same command again later"):
        publish(bundle())
    hub.faults.clear()
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


def test_a_hub_that_wants_an_hour_is_not_waited_for(hub, waited):
    hub.fail("/api/repos/create", status=429, times=None, headers={"Retry-After": "3600"})
    with pytest.raises(HubError, match="later"):
        publish(bundle())
    assert waited == []


@pytest.mark.parametrize("method, path", NEEDED)
def test_a_dropped_connection_is_taken_up_again(hub, method, path):
    hub.drop(path, method=method)
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


def test_an_answer_that_got_lost_after_the_commit_leaves_one_commit(hub):
    hub.drop_after("/commit/")
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"]


def test_a_hub_that_is_down_is_an_error_and_one_that_comes_back_takes_the_files(hub):
    hub.stop()
    with pytest.raises(HubError, match="no connection to http.*5 times.*network is back"):
        publish(bundle())
    hub.start()
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


def test_a_hub_that_restarts_during_an_upload_ends_with_one_commit(hub, waited, monkeypatch):
    hub.drop("/commit/", times=None)

    def restart(seconds):
        hub.stop()
        hub.faults.clear()
        hub.start()

    monkeypatch.setattr(upload, "time", SimpleNamespace(sleep=restart))
    publish(bundle())
    assert titles(hub) == [*FIRST, "A tagger"] and published(hub) == FILES


def test_local_mistakes_are_reported_before_the_hub_is_contacted(hub, monkeypatch, tmp_path):
    for name, message in (
        ("tagger", "lacks its owner"),
        ("a b/c", "not a valid repository name"),
        ("", "not a valid repository name|owner"),
    ):
        with pytest.raises(HubError, match=message):
            publish(Bundle(name, FILES, message="x"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="nobody is logged in.*hf auth login"):
        publish(bundle())
    assert hub.requests == []


def test_a_token_stands_in_no_message_log_or_file(hub, caplog, capsys, monkeypatch):
    caplog.set_level(logging.DEBUG)
    seen = []
    for method, path in NEEDED:
        hub.fail(path, status=403, times=None, method=method)
        with pytest.raises(HubError) as refused:
            publish(bundle())
        seen.append("".join(traceback.format_exception(refused.value)))
        hub.faults.clear()
    monkeypatch.setenv("HF_TOKEN", "hf_wrongWrongWrong")
    with pytest.raises(HubError, match="401") as refused:
        publish(bundle())
    seen += ["".join(traceback.format_exception(refused.value)), caplog.text, *capsys.readouterr()]
    monkeypatch.setenv("HF_TOKEN", hub.token)
    publish(bundle())
    seen += [repr(content) for content in published(hub).values()]
    assert not re.search(rf"{hub.token}|hf_wrong", "\n".join(seen))

"""The real program when its whole state directory goes back in time, with a real served hub and with a witness."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from realprocess import QUESTION, Home, served
from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import ProgressEvent

pytestmark = pytest.mark.acceptance


@pytest.fixture
def worker(tmp_path: Path) -> Home:
    """The worker's home."""
    home = Home(tmp_path / "worker")
    home.path.mkdir()
    return home


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Home, str]]:
    """A hub in a home of its own: its URL, and the home through which mail is sent."""
    home = Home(tmp_path / "hub")
    home.path.mkdir()
    with served(home) as url:
        yield home, url


def put_back(home: Home, copy: Path) -> None:
    """Put a copy of the whole state directory in its place."""
    shutil.rmtree(home.state)
    shutil.copytree(copy, home.state)


def test_a_rolled_back_state_directory_executes_nothing(worker: Home, hub: tuple[Home, str], tmp_path: Path) -> None:
    """Locally all is well; the hub's heads say otherwise: status 6, nothing sent, until the person decides."""
    hub_home, url = hub
    where = ("--hub", url)
    hub_home.send(QUESTION, hub=url)
    assert worker.run("worker", "run", "--execute", "--quiet", *where).status == 0
    shutil.copytree(worker.state, tmp_path / "old")
    hub_home.send(QUESTION, hub=url)
    assert worker.run("worker", "run", "--execute", "--quiet", *where).status == 0
    assert worker.run("worker", "run", "--execute", "--quiet", *where).status == 0
    put_back(worker, tmp_path / "old")
    before = hub_home.look(*where)
    hub_home.send(QUESTION, hub=url)
    assert worker.run("ledger", "verify").status == 0
    run = worker.run("worker", "run", "--execute", "--json", *where)
    assert run.status == 6
    assert "rolled back" in run.err + run.out
    again = worker.run("worker", "run", "--execute", *where)
    assert (again.status, "Traceback" in again.err) == (6, False)
    progress = hub_home.look(*where)[1]
    assert progress == before[1]
    assert worker.run("worker", "run", "--dry-run", "--quiet", *where).status == 0
    config = worker.path / "config" / "ops-warden" / "config.toml"
    config.write_text(f'[hub]\nurl = "{url}"\n')
    told = worker.run("ledger", "verify", "--online", "--json")
    assert told.status == 6
    assert told.document["findings"][0]["damage"] == "rolled-back"
    assert worker.run("ledger", "repair").status == 0
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    assert worker.run("ledger", "verify", "--online").status == 0


def test_a_copy_that_is_put_back_on_purpose_goes_on(worker: Home, hub: tuple[Home, str], tmp_path: Path) -> None:
    """`restore` asks the hub what the copy lacks, records it, and the next runs and `verify --online` hold."""
    hub_home, url = hub
    config = worker.path / "config" / "ops-warden" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[hub]\nurl = "{url}"\n')
    hub_home.send(QUESTION, hub=url)
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    assert worker.run("ledger", "backup", str(tmp_path / "copy")).status == 0
    hub_home.send(QUESTION, hub=url)
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    shutil.rmtree(worker.state / "checkpoints")
    (worker.state / "ledger.db").unlink()
    restored = worker.run("ledger", "restore", str(tmp_path / "copy"), "--json")
    assert restored.status == 0, restored.err
    assert restored.document["lost"] > 0
    run = worker.run("worker", "run", "--execute", "--json")
    assert run.status == 0, run.err
    verified = worker.run("ledger", "verify", "--online", "--json")
    assert verified.status == 0, verified.out
    assert verified.document["excused_heads"] > 0
    log = worker.run("ledger", "log", "--kind", "heads_excused", "--kind", "state_restored", "--json").document
    assert [entry["kind"] for entry in log["entries"]] == ["state_restored", "heads_excused"]


def test_forged_heads_do_not_stop_the_worker(worker: Home, hub: tuple[Home, str]) -> None:
    """Events that anybody posted under the log's name are counted by verify, and nothing else."""
    hub_home, url = hub
    config = worker.path / "config" / "ops-warden" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[hub]\nurl = "{url}"\n')
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    origin = worker.run("ledger", "checkpoint", "--json").document["origin"]
    forger = EmbeddedHub(hub_home.state / "hub.db", SystemClock())
    head = {"head-origin": origin, "head-size": "4000", "head-root": "sha256:" + "ab" * 32, "head-signature": "AAAA"}
    forger.post_progress(ProgressEvent("ops-warden", "forged", "audit", metadata=head))
    forger.close()
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    verified = worker.run("ledger", "verify", "--online", "--json")
    assert (verified.status, verified.document["other_heads"]) == (0, 1)
    assert "1 heads elsewhere" in worker.run("ledger", "verify", "--online").err


def test_a_witness_on_another_disk_gives_a_roll_back_away(worker: Home, tmp_path: Path) -> None:
    """With the embedded hub, which goes back with the state directory, a witness is what remembers."""
    disk = tmp_path / "disk"
    disk.mkdir()
    config = worker.path / "config" / "ops-warden" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[ledger]\nwitness_files = ["{disk}/head"]\n')
    worker.send(QUESTION)
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    shutil.copytree(worker.state, tmp_path / "old")
    worker.send(QUESTION)
    assert worker.run("worker", "run", "--execute", "--quiet").status == 0
    put_back(worker, tmp_path / "old")
    run = worker.run("worker", "run", "--execute")
    assert run.status == 6
    assert "older copy" in run.err
    assert worker.run("ledger", "verify").status == 6

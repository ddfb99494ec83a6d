"""Decoding in worker processes, and what happens when they are killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest
from fake_translator import FakeTranslator
from serving import wait_until

from nmt.inference.continuous_batcher import DecodingRequest
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translator import Translator
from nmt.search.options import DecodingOptions
from nmt.utils.errors import CarouselError
from serve.workers.client import (
    ModelDirectoryLoader,
    RemoteBatcher,
    RemoteTranslator,
    WorkerConnection,
    WorkerError,
    WorkerLostError,
    WorkerProcess,
)
from serve.workers.process import WorkerServer

Load = Callable[..., RemoteTranslator]

MODEL = Path(__file__).parents[3] / "data" / "demo-en-fr" / "model"
TEXTS = (MODEL.parent / "test.en").read_text(encoding="utf-8").splitlines()[:40]


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteTranslator]:
    with closing(ModelDirectoryLoader(MODEL, num_threads=1).load()) as translator:
        yield translator


@pytest.fixture
def load() -> Iterator[Load]:
    """Return a function that loads a model directory; the loaded models are closed after the test."""
    with ExitStack() as loaded:
        yield lambda *args, **kwargs: loaded.enter_context(closing(ModelDirectoryLoader(*args, **kwargs).load()))


def text_processor(translator: RemoteTranslator) -> TextProcessor:
    return translator.create_text_processor(("en", "fr"))


def create_request(translator: RemoteTranslator, text: str, key: object = "a", **options: object) -> DecodingRequest:
    [chunk] = text_processor(translator).prepare(text, TextOptions()).chunks
    return DecodingRequest(key, chunk.tokenized.ids, replace(text_processor(translator).decoding_options, **options))  # type: ignore[arg-type]


def decode_all(batcher: RemoteBatcher) -> dict[object, list[int]]:
    found = {}
    while len(batcher):
        found |= {key: hypotheses[0].tokens for key, hypotheses in batcher.advance()}
    return found


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"  # an orphan may stay a zombie
    except FileNotFoundError:
        return True


def test_results_equal_those_of_a_local_translator_while_requests_come_and_go(remote: RemoteTranslator) -> None:
    local = Translator.load(MODEL)
    expected = {text: local.translate(text, beam_size=3).text for text in TEXTS}
    batcher, rng = remote.create_batcher(0, 6, 3), random.Random(1)
    waiting, found, released, live = list(TEXTS), {}, set(), set()
    while waiting or len(batcher):
        admitted = [waiting.pop() for _ in range(min(len(waiting), rng.randint(0, batcher.num_free)))]
        batcher.admit([create_request(remote, text, text) for text in admitted])
        live.update(admitted)
        assert len(batcher) == len(live)
        if live and rng.random() < 0.6:
            released.add(victim := rng.choice(sorted(live)))
            batcher.release([victim])
            live.remove(victim)
        if len(batcher):
            for text, hypotheses in batcher.advance():
                assert hypotheses[0].source_positions is not None
                prepared = text_processor(remote).prepare(text, TextOptions())
                found[text] = text_processor(remote).assemble(prepared, [hypotheses], DecodingOptions()).text
                live.remove(text)
    assert len(released) > 2
    assert found == {text: translation for text, translation in expected.items() if text not in released}


def test_a_process_advances_between_calls(remote: RemoteTranslator) -> None:
    batcher, other = remote.create_batcher(0, 2, 2), remote.create_batcher(0, 2, 2)
    batcher.admit([create_request(remote, text, text) for text in TEXTS[:2]])
    other.admit([create_request(remote, TEXTS[2])])
    while len(other):  # replies come between steps of the first batcher
        other.advance()
    assert {key for key, _ in batcher.advance()} <= set(TEXTS[:2])


def test_a_request_that_cannot_be_admitted_does_not_affect_the_others(remote: RemoteTranslator) -> None:
    batcher = remote.create_batcher(0, 4, 2)
    batcher.admit([create_request(remote, TEXTS[0], "good")])
    with pytest.raises(WorkerError) as caught:
        batcher.admit([DecodingRequest("bad", [10**6], DecodingOptions())])
    assert "search.py" in str(caught.value)  # the location in the process
    assert not isinstance(caught.value, WorkerLostError)
    assert batcher.num_free == 3
    assert list(decode_all(batcher)) == ["good"]


def test_a_failing_step_breaks_only_its_batcher() -> None:
    ours, theirs = Pipe()
    fake = FakeTranslator()
    translator = SimpleNamespace(continuous_batcher=lambda *sizes: fake.create_batcher(0, *sizes[:2]))
    working = threading.Thread(target=WorkerServer(theirs, translator).run)  # type: ignore[arg-type]
    working.start()
    connection = WorkerConnection(ours)
    broken, sound = RemoteBatcher(connection, 2, 2), RemoteBatcher(connection, 2, 2)
    sound.admit([DecodingRequest("good", [ord("a")], DecodingOptions())])
    broken.admit([DecodingRequest("bad", list(map(ord, "BREAK")), DecodingOptions())])
    with pytest.raises(WorkerError, match="RuntimeError at") as caught:
        broken.advance()
    assert "RuntimeError: the step broke" not in str(caught.value)  # it might be some of a user's text
    assert decode_all(sound) == {"good": [7]}
    ours.close()
    working.join(30)
    assert not working.is_alive()


def test_a_killed_process_is_reported_and_replaced(load: Load) -> None:
    translator = load(MODEL, num_threads=1)
    batcher, killed = translator.create_batcher(0, 2, 2), translator.pid
    batcher.admit([create_request(translator, TEXTS[0])])
    expected = decode_all(batcher)
    batcher.admit([create_request(translator, TEXTS[0])])
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        decode_all(batcher)
    again = translator.create_batcher(0, 2, 2)
    assert translator.pid != killed
    again.admit([create_request(translator, TEXTS[0])])
    assert decode_all(again) == expected


def test_all_threads_lose_a_killed_process_and_share_the_next_one(load: Load) -> None:
    translator = load(MODEL, num_threads=2)
    killed = translator.pid
    batchers = [translator.create_batcher(n, 2, 2) for n in range(2)]
    for batcher in batchers:
        batcher.admit([create_request(translator, TEXTS[0])])
    expected, other = map(decode_all, batchers)
    assert other == expected
    os.kill(killed, signal.SIGKILL)
    found: list[dict[object, list[int]]] = []

    def decode_again(number: int) -> None:
        with pytest.raises(WorkerLostError):
            batchers[number].admit([create_request(translator, TEXTS[0])])
            decode_all(batchers[number])
        again = translator.create_batcher(number, 2, 2)
        again.admit([create_request(translator, TEXTS[0])])
        found.append(decode_all(again))

    threads = [threading.Thread(target=decode_again, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [expected, expected]
    assert translator.pid != killed


def test_a_lost_process_is_not_replaced_by_one_of_another_model(load: Load, tmp_path: Path) -> None:
    copytree(MODEL, tmp_path / "model")
    translator = load(tmp_path / "model", num_threads=1)
    card = tmp_path / "model" / "config.json"
    before = card.read_text()
    card.write_text(before.replace('"beam": 5', '"beam": 4'))
    assert card.read_text() != before
    os.kill(translator.pid, signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        translator.create_batcher(0, 2, 2)
    for _ in range(2):
        with pytest.raises(CarouselError, match="the model was replaced"):
            translator.create_batcher(0, 2, 2)
    card.write_text(before)
    batcher = translator.create_batcher(0, 2, 2)
    batcher.admit([create_request(translator, TEXTS[0])])
    assert decode_all(batcher)["a"]


def test_worker_processes_ignore_signals_that_all_processes_get(remote: RemoteTranslator) -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(remote.pid, name)
    batcher = remote.create_batcher(0, 2, 2)
    batcher.admit([create_request(remote, TEXTS[0])])
    assert decode_all(batcher)["a"]


def test_closing_a_model_ends_its_processes(load: Load) -> None:
    translator = load(MODEL, num_threads=2)
    batcher = translator.create_batcher(0, 2, 2)
    translator.close()
    assert has_ended(translator.pid)
    with pytest.raises(WorkerLostError):
        batcher.advance()
    with pytest.raises(WorkerLostError):  # no process is started again
        translator.create_batcher(1, 2, 2)
    assert has_ended(translator.pid)


def test_closing_a_model_while_a_call_waits_ends_the_call(load: Load) -> None:
    translator = load(MODEL, num_threads=1)
    batcher = translator.create_batcher(0, 2, 2)
    calling = threading.Event()

    def call_until_lost() -> None:
        with pytest.raises(WorkerLostError):
            while True:
                batcher.admit([create_request(translator, TEXTS[0])])
                decode_all(batcher)
                calling.set()

    thread = threading.Thread(target=call_until_lost)
    thread.start()
    assert calling.wait(30)
    translator.close()
    thread.join(30)
    assert not thread.is_alive()
    assert has_ended(translator.pid)


def test_worker_processes_end_when_the_server_is_killed() -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom serve.workers.client import ModelDirectoryLoader\n"
        "it = ModelDirectoryLoader(Path(sys.argv[1]), 1).load()\nprint(it.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, MODEL], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        pid = int(server.stdout.readline())
        assert not has_ended(pid)
        server.kill()
    wait_until(lambda: has_ended(pid))


def test_a_model_that_cannot_be_loaded_is_refused_with_one_line(tmp_path: Path) -> None:
    copytree(MODEL, tmp_path / "model")
    (tmp_path / "model" / "onnx" / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(CarouselError, match=r"encoder\.onnx: is damaged \(checksum differs\)"):
        ModelDirectoryLoader(tmp_path / "model", num_threads=2).load()


def test_a_process_that_loaded_another_model_is_refused() -> None:
    process = WorkerProcess.start(MODEL, 2)
    try:
        with pytest.raises(CarouselError, match="replaced while it was being loaded"):
            process.wait_until_loaded("the checksum of what was there before")
    finally:
        process.close()
    assert has_ended(process.popen.pid)


def test_a_missing_model_directory_is_named():
    with pytest.raises(CarouselError, match="no/such/model"):
        ModelDirectoryLoader(Path("no/such/model"), num_threads=1).directions()

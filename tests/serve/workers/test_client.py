"""Decoding in other processes: the same as here, and what becomes of it when processes are killed."""

import gc
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest
from fake_translator import FakeTranslator
from serving import wait_until

import serve.workers.process
from nmt.inference.continuous_batcher import DecodingRequest
from nmt.inference.translator import Translator
from nmt.search.options import DecodingOptions
from nmt.utils.errors import CarouselError
from serve.workers.client import DecoderError, DecoderLostError, DecodingProcess, RemoteLoop, RemoteTranslator

MODEL = Path(__file__).parents[3] / "data" / "demo-en-fr" / "model"
TEXTS = (MODEL.parent / "test.en").read_text(encoding="utf-8").splitlines()[:40]


@pytest.fixture(scope="module")
def remote() -> RemoteTranslator:
    return RemoteTranslator.load(MODEL, processes=1)


def search(translator: RemoteTranslator, text: str, key: object = "a", **options: object) -> DecodingRequest:
    [chunk] = translator.text_processor.chunks(text)
    return DecodingRequest(key, chunk.pieces.ids, replace(translator.decoding_options, **options))  # type: ignore[arg-type]


def finish(loop: RemoteLoop) -> dict[object, list[int]]:
    found = {}
    while len(loop):
        found |= {key: hypotheses[0].tokens for key, hypotheses in loop.advance()}
    return found


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"  # nobody may reap an orphan
    except FileNotFoundError:
        return True


def pid_of(translator: RemoteTranslator) -> int:
    return translator._decoders[0].pid


def test_finds_what_a_loop_in_this_process_finds_whatever_comes_and_goes(remote: RemoteTranslator) -> None:
    here = Translator.load(MODEL)
    expected = {text: here.translate(text, beam=3).text for text in TEXTS}
    loop, rng = remote.loop(0, 6, 3), random.Random(1)
    waiting, found, given_up, live = list(TEXTS), {}, set(), set()
    while waiting or len(loop):
        newcomers = [waiting.pop() for _ in range(min(len(waiting), rng.randint(0, loop.free)))]
        loop.admit([search(remote, text, text) for text in newcomers])
        live.update(newcomers)
        assert len(loop) == len(live)
        if live and rng.random() < 0.6:
            given_up.add(victim := rng.choice(sorted(live)))
            loop.release([victim])
            live.remove(victim)
        if len(loop):
            for text, hypotheses in loop.advance():
                assert hypotheses[0].source_positions is not None
                chunks = remote.text_processor.chunks(text)
                found[text] = remote.text_processor.assemble(text, chunks, [hypotheses], DecodingOptions()).text
                live.remove(text)
    assert len(given_up) > 2
    assert found == {text: translation for text, translation in expected.items() if text not in given_up}


def test_goes_on_while_nobody_asks(remote: RemoteTranslator) -> None:
    loop, other = remote.loop(0, 2, 2), remote.loop(0, 2, 2)
    loop.admit([search(remote, text, text) for text in TEXTS[:2]])
    other.admit([search(remote, TEXTS[2])])
    while len(other):  # which the process can only answer between steps of the first loop
        other.advance()
    assert {key for key, _ in loop.advance()} <= set(TEXTS[:2])


def test_what_cannot_be_admitted_leaves_the_others_alone(remote: RemoteTranslator) -> None:
    loop = remote.loop(0, 4, 2)
    loop.admit([search(remote, TEXTS[0], "good")])
    with pytest.raises(DecoderError) as caught:
        loop.admit([DecodingRequest("bad", [10**6], DecodingOptions())])
    assert "engine.py" in caught.value.where
    assert not isinstance(caught.value, DecoderLostError)
    assert loop.free == 3
    assert list(finish(loop)) == ["good"]


def test_a_step_that_fails_fails_its_loop_alone() -> None:
    ours, theirs = Pipe()
    fake = FakeTranslator()
    alone = SimpleNamespace(checksum=fake.checksum, continuous_batcher=partial(fake.loop, 0))
    working = threading.Thread(target=serve.workers.process.Decoder(theirs, alone).run)  # type: ignore[arg-type]
    working.start()
    decoder = object.__new__(DecodingProcess)  # without a process
    decoder._connection = ours
    decoder.wait("1")
    broken, sound = RemoteLoop(decoder, 2, 2), RemoteLoop(decoder, 2, 2)
    sound.admit([DecodingRequest("good", [ord("a")], DecodingOptions())])
    broken.admit([DecodingRequest("bad", list(map(ord, "BREAK")), DecodingOptions())])
    with pytest.raises(DecoderError, match="RuntimeError at") as caught:
        broken.advance()
    assert "RuntimeError: the step broke" not in caught.value.where  # it might be some of a user's text
    assert finish(sound) == {"good": [7]}
    ours.close()
    working.join(30)
    assert not working.is_alive()


def test_a_killed_process_is_told_and_replaced() -> None:
    translator = RemoteTranslator.load(MODEL, processes=1)
    loop, killed = translator.loop(0, 2, 2), pid_of(translator)
    loop.admit([search(translator, TEXTS[0])])
    expected = finish(loop)
    loop.admit([search(translator, TEXTS[0])])
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(DecoderLostError):
        finish(loop)
    again = translator.loop(0, 2, 2)
    assert pid_of(translator) != killed
    again.admit([search(translator, TEXTS[0])])
    assert finish(again) == expected


def test_a_lost_process_is_not_replaced_by_one_of_another_model(tmp_path: Path) -> None:
    copytree(MODEL, tmp_path / "model")
    translator = RemoteTranslator.load(tmp_path / "model", processes=1)
    card = tmp_path / "model" / "config.json"
    before = card.read_text()
    card.write_text(before.replace('"beam": 5', '"beam": 4'))
    assert card.read_text() != before
    os.kill(pid_of(translator), signal.SIGKILL)
    with pytest.raises(DecoderLostError):
        translator.loop(0, 2, 2)
    for _ in range(2):
        with pytest.raises(CarouselError, match="the model was replaced"):
            translator.loop(0, 2, 2)
    card.write_text(before)
    loop = translator.loop(0, 2, 2)
    loop.admit([search(translator, TEXTS[0])])
    assert finish(loop)["a"]


def test_signals_for_all_processes_are_the_servers_alone(remote: RemoteTranslator) -> None:
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid_of(remote), name)
    loop = remote.loop(0, 2, 2)
    loop.admit([search(remote, TEXTS[0])])
    assert finish(loop)["a"]


def test_processes_end_with_their_model() -> None:
    translator = RemoteTranslator.load(MODEL, processes=2)
    pids = [decoder.pid for decoder in translator._decoders]
    loop = translator.loop(0, 2, 2)
    del translator
    gc.collect()
    assert all(map(gone, pids))
    with pytest.raises(DecoderLostError):
        loop.advance()


def test_processes_end_with_a_server_that_is_killed() -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom serve.workers.client import RemoteTranslator\n"
        "it = RemoteTranslator.load(Path(sys.argv[1]), 1)\nprint(it._decoders[0].pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, MODEL], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        pid = int(server.stdout.readline())
        assert not gone(pid)
        server.kill()
    wait_until(lambda: gone(pid))


def test_a_model_that_cannot_be_loaded_is_refused_with_one_line(tmp_path: Path) -> None:
    copytree(MODEL, tmp_path / "model")
    (tmp_path / "model" / "onnx" / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(CarouselError, match=r"encoder\.onnx: is damaged \(checksum differs\)"):
        RemoteTranslator.load(tmp_path / "model", processes=2)


def test_a_process_that_loaded_another_model_is_not_used() -> None:
    decoder = DecodingProcess(MODEL)
    try:
        with pytest.raises(CarouselError, match="replaced while it was being loaded"):
            decoder.wait("the checksum of what was there before")
    finally:
        decoder.close()
    assert gone(decoder.pid)

"""``nmt translate``: output, options, errors, and input that pauses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Nmt
from toy import toy_pairs

from nmt import Translator
from nmt.corpus.parallel_corpus import read_pairs


def test_sigterm_leaves_no_partial_output(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nmt", "translate", model, "-o", tmp_path / "out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        wait_for(lambda: any(tmp_path.iterdir()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    assert not any(tmp_path.iterdir())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def translate(model: Path, text: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nmt", "translate", str(model), *options]
    return subprocess.run(command, input=text, capture_output=True, timeout=250, check=False)


def test_unusual_input_gives_one_output_line_per_input_line(model: Path) -> None:
    long = " ".join(source for source, _ in toy_pairs(850, seed=4))
    lines = ["", "the dog sees the cat.", "   ", "😀🎉", "我喜欢猫。", "a\0b\x07\x1b[31mc", "the\u2028dog\x0b\x85",
             "\u200f\u202e", "x" * 30_000, long, "�", "the red dog\r", "end"]  # fmt: skip
    assert len(long.split()) > 4500
    ran = translate(model, "\n".join(lines).encode(), "--beam", "1")
    assert ran.returncode == 0, ran.stderr.decode()
    out = ran.stdout.decode().split("\n")
    assert out.pop() == ""
    assert len(out) == len(lines)
    assert [out[0], out[2], out[3]] == ["", "   ", "😀🎉"]
    assert out[1] == "le chien voit le chat."
    # Nothing of the long line is cut: each of its sentences has one verb, and so has each translation.
    verbs = [sum(text.count(verb) for verb in ("voit", "entend", "suit", "aime", "dessine")) for text in out]
    assert abs(verbs[9] - 850) < 43


def test_ten_thousand_lines(model: Path) -> None:
    sources = [source for source, _ in toy_pairs(10_000, seed=6)]
    ran = translate(model, "\n".join(sources).encode() + b"\n", "--beam", "1", "--threads", "2")
    out = ran.stdout.decode().splitlines()
    assert len(out) == 10_000
    again = dict(zip(sources, out, strict=True))
    assert all(again[source] == line for source, line in zip(sources, out, strict=True))


def test_invalid_utf8_on_stdin_is_an_error(model: Path) -> None:
    ran = translate(model, b"fine\nbr\xc3\n")
    assert ran.returncode == 1
    assert ran.stderr.decode() == "nmt: stdin:2: invalid UTF-8 at byte 3 (0xc3); re-encode the text as UTF-8\n"


def test_empty_input_gives_empty_output(model: Path) -> None:
    ran = translate(model, b"")
    assert (ran.returncode, ran.stdout) == (0, b"")


def test_min_confidence_leaves_the_source_in_place_and_says_so(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    lines = ["the dog sees the cat.", "qz xv zzz qqx wv jj.", "https://example.com"]
    (tmp_path / "in.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in.txt", "--min-confidence", "0.5")
    assert ran.out.splitlines() == ["le chien voit le chat.", lines[1], lines[2]]
    assert ran.err == "nmt: 1 of 3 lines were left untranslated\n"
    ran = nmt("translate", model, tmp_path / "in.txt", "--min-confidence", "0.5", "--json")
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [answer["left_untranslated"] for answer in answers] == [False, True, False]
    assert answers[1]["text"] == lines[1]
    assert answers[1]["confidence"] < 0.5 < answers[0]["confidence"]
    everything = nmt("translate", model, tmp_path / "in.txt", "--min-confidence", "0").out.splitlines()
    assert everything[1] != lines[1]


def test_min_confidence_needs_a_confidence(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.txt").write_text("the dog sees the cat.\n", encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in.txt", "--min-confidence", "0.5", "--sample")
    assert (ran.status, ran.out) == (2, "")
    assert "min_confidence: translations have no confidence when they are sampled" in ran.err


def test_json_has_the_documented_fields(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.txt").write_text("the dog sees the cat.\n\n", encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in.txt", "--json", "--n-best", 3)
    first, second = map(json.loads, ran.out.splitlines())
    fields = {"text", "score", "confidence", "alternatives", "alignment", "signals", "terms", "copied"}
    assert set(first) == fields | {"left_untranslated", "direction", "memory"}
    assert first["direction"] == {"kind": "trained", "languages": ["en", "fr"]}
    assert first["text"] == "le chien voit le chat."
    assert len(first["alternatives"]) == 2
    assert all(set(other) == {"text", "score"} for other in first["alternatives"])
    assert all(len(span) == 4 for span in first["alignment"])
    assert 0 < first["confidence"] <= 1
    assert (second["text"], second["alternatives"], second["confidence"]) == ("", [], None)


def test_the_output_file_is_written_atomically(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_bytes(b"the dog sees the cat.\n")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "out").status == 0
    assert (tmp_path / "out").read_text() == "le chien voit le chat.\n"
    (tmp_path / "in").write_bytes(b"the dog sees the cat.\n\xff\n")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "out").status == 1
    assert (tmp_path / "out").read_text() == "le chien voit le chat.\n"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_files_of_several_formats_are_concatenated(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "a.txt").write_text("the dog sees the cat.", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"body": "the cat sees the dog."}\n', encoding="utf-8")
    files = (tmp_path / "a.txt", tmp_path / "b.jsonl")
    out = nmt("translate", model, *files, "--field", "body").out
    assert out == "le chien voit le chat.\nle chat voit le chien.\n"
    ran = nmt("translate", model, *files)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "b.jsonl:1: no field 'en' or 'text' (found: body); name the field with --field" in ran.err
    (tmp_path / "b.jsonl").write_text('{"en": 3}\n', encoding="utf-8")
    ran = nmt("translate", model, *files)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "b.jsonl:1: field 'en' is 3, not text; fix it" in ran.err


def test_output_pairs_are_a_training_corpus(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\nthe cat sees the dog.\n", encoding="utf-8")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "made.jsonl").status == 0
    assert list(read_pairs(str(tmp_path / "made.jsonl"), "en", "fr")) == [
        ("the dog sees the cat.", "le chien voit le chat."),
        ("the cat sees the dog.", "le chat voit le chien."),
    ]
    same = shutil.copytree(model, tmp_path / "same")
    card = (same / "config.json").read_text(encoding="utf-8")
    (same / "config.json").write_text(card.replace('"target_language": "fr"', '"target_language": "en"'))
    ran = nmt("translate", same, tmp_path / "in", "-o", tmp_path / "none.jsonl")
    assert (ran.status, (tmp_path / "none.jsonl").exists()) == (2, False)
    assert "none.jsonl: pairs need different names for both sides, and both are en" in ran.err


def test_decoding_options_of_the_command_line(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n", encoding="utf-8")

    def out(*options: object) -> str:
        ran = nmt("translate", model, tmp_path / "in", *options)
        assert (ran.status, ran.err) == (0, "")
        return ran.out

    plain = out()
    assert plain == out("--no-shortlist") == out("--with", model) == "le chien voit le chat.\n"
    assert "chat" not in out("--ban", "chat")
    assert "." in out()
    assert "." not in out("--ban", ".")
    assert out("--prefix", "le roi").startswith("le roi")
    assert "cheval" in out("--require", "cheval")
    assert " chev " in re.sub(r"\W", " ", out("--require", "chev"))
    sample = ("--sample", "--temperature", 3, "--top-k", 30)
    assert out(*sample, "--seed", 3) == out(*sample, "--seed", 3)
    assert len({out(*sample, "--seed", seed) for seed in range(8)}) > 1
    assert out("--sample", "--top-p", 0.01) == plain
    alternatives = json.loads(out("--json", "--n-best", 3, "--groups", 3))["alternatives"]
    assert len({other["text"] for other in alternatives} - {plain.strip()}) == len(alternatives) > 0


def test_a_glossary_file(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\nthe king hears the cats.\n", encoding="utf-8")
    terms = tmp_path / "terms.csv"
    terms.write_text('cat,minou\n"the king",sa majesté\n', encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in", "--glossary", terms)
    assert (ran.status, ran.out) == (0, "le chien voit le minou.\nsa majesté entend le minou.\n")
    lines = nmt("translate", model, tmp_path / "in", "--glossary", terms, "--json").out.splitlines()
    assert [[term["target"] for term in json.loads(line)["terms"]] for line in lines] == [
        ["minou"],
        ["sa majesté", "minou"],
    ]
    terms.write_text("cat,minou\ndog\n", encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in", "--glossary", terms)
    assert (ran.status, ran.err) == (1, f"nmt: {terms}:2: must be two terms with a comma between them\n")


def test_translating_needs_no_packages_of_other_extras(model: Path) -> None:
    """Run the command in a process in which these packages can't be imported."""
    absent = ["torch", "onnx", "datasets", "pyarrow", "sacrebleu", "tensorboard", "fastapi", "ray"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        f"sys.argv = ['nmt', 'translate', {str(model)!r}]; from nmt.__main__ import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, input="the dog sees the cat.\n", timeout=100,
        check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("le chien voit le chat.\n", "")


def test_translating_writes_no_files_to_the_home_directory(model: Path, tmp_path: Path) -> None:
    """By default, ONNX Runtime would store a device id and send telemetry."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "nmt", "translate", str(model)]
    ran = subprocess.run(command, input=b"the dog\n", capture_output=True, env=home, timeout=100, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_the_beam_may_be_wider_than_the_shortlist(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n", encoding="utf-8")
    wide = nmt("translate", model, tmp_path / "in", "--beam", 64, "--n-best", 64, "--json")
    assert wide.status == 0
    assert json.loads(wide.out)["text"] == "le chien voit le chat."


def test_a_missing_file_is_an_error(model: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "nowhere.txt")
    assert (ran.status, ran.err) == (
        1,
        "nmt: nowhere.txt: can't be read (No such file or directory); check the path\n",
    )


def test_an_error_in_the_last_file_is_raised_before_the_first_is_translated(
    model: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").write_text("the dog\n", encoding="utf-8")
    (tmp_path / "bad").write_bytes(b"the dog\ncaf\xe9\n")
    monkeypatch.setattr(Translator, "stream", None)
    ran = nmt("translate", model, tmp_path / "good", tmp_path / "bad", "-o", tmp_path / "out")
    assert ran.status == 1
    assert ran.err.endswith("/bad:2: invalid UTF-8 at byte 4 (0xe9); re-encode the text as UTF-8\n")


def test_at_a_terminal_each_line_is_translated_at_once(model: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "nmt", "translate", model]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        said = b""
        os.write(ours, b"the dog sees the cat.\n")
        while b"le chien voit le chat.\r\n" not in said:  # after the echo of the input
            said += os.read(ours, 1000)
        os.write(ours, b"\x04")  # end of file
        assert process.wait(20) == 0
    os.close(ours)


def test_a_pipe_is_translated_while_it_pauses(model: Path) -> None:
    command = [sys.executable, "-m", "nmt", "translate", str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for source, expected in [
            ("dog sees the cat", "chien voit le chat"),
            ("cat sees the dog", "chat voit le chien"),
        ]:
            process.stdin.write(f"the {source}.\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().decode() == f"le {expected}.\n"  # before the next line is written
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(30) == 0


def test_a_signal_ends_a_pipe_that_pauses(model: Path) -> None:
    command = [sys.executable, "-m", "nmt", "translate", str(model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"the dog sees the cat.\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"le chien voit le chat.\n"
        process.terminate()
        assert process.wait(30) == 143
        assert process.stderr.read() == b""


WINDOWS = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "resource", "pwd", "grp", "termios"} and caller() in {"nmt", "serve", "filelock"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def caller():
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__", "").startswith("importlib"):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "").partition(".")[0]

for module in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules.pop(module, None)
sys.meta_path.insert(0, Finder())
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2"):
    delattr(signal, name)
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "fork", "nice", "sched_getaffinity"):
    delattr(os, name)
"""


@pytest.mark.parametrize(
    "arguments", [["translate", "MODEL"], ["translate", "MODEL", "-o", "OUT"], ["serve", "--check", "MODEL"]]
)
def test_translating_and_serving_need_no_posix_modules(arguments: list[str], model: Path, tmp_path: Path) -> None:
    """Simulate Windows, which has no ``fcntl`` and no SIGHUP."""
    out = tmp_path / "out"
    words = [{"MODEL": str(model), "OUT": str(out)}.get(word, word) for word in arguments]
    code = f"{WINDOWS}\nsys.argv = ['nmt', *{words!r}]\nfrom nmt.__main__ import main\nmain()"
    ran = subprocess.run(
        [sys.executable, "-c", code], input="the dog sees the cat.\n", capture_output=True, text=True, timeout=200
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    if arguments[0] == "translate":
        assert (out.read_text() if out.exists() else ran.stdout) == "le chien voit le chat.\n"

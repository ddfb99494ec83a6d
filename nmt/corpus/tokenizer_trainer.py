"""What trains a SentencePiece model: a script, for a process of its own.

Python can't answer a signal inside of the C++ that works for minutes here, but a process can be ended at any time. It
reads sentences from stdin, a line each, and writes the model to stdout. Its arguments are the process that asks for the
model, without which it ends, and the trainer's options as JSON.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(asker: int, options: str) -> None:
    """Train; end with the reason where that can't be done."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != asker:
        sys.exit("nobody waits for the model")
    import sentencepiece as spm

    model = io.BytesIO()
    sentences = (line[:-1].decode() for line in sys.stdin.buffer)
    try:
        spm.SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=model, **json.loads(options))
    except RuntimeError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(model.getvalue())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

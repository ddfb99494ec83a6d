"""Script that trains a SentencePiece model in a process of its own.

SentencePiece trains for minutes in C++ code in which Python cannot handle signals; a separate process can be killed at
any time. The script reads one sentence per line from stdin and writes the model to stdout. Its arguments are the id of
the parent process and the options of the trainer as JSON. On Linux, the script ends when the parent process ends.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def main(parent_pid: int, options_json: str) -> None:
    """Train a model and write it to stdout; exit with an error message if SentencePiece fails."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit("the parent process has ended")
    import sentencepiece as spm

    model = io.BytesIO()
    sentences = (line[:-1].decode() for line in sys.stdin.buffer)
    try:
        spm.SentencePieceTrainer.train(sentence_iterator=sentences, model_writer=model, **json.loads(options_json))
    except RuntimeError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(model.getvalue())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

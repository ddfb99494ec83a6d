"""Serves a fake translator whose steps take the first argument's seconds. For test_server.py."""

import sys
import time

from fake_translator import FakeLoader, FakeLoop, FakeTranslator

from serve.server import serve
from serve.settings import read_settings


class SlowLoop(FakeLoop):
    def advance(self):
        if self._fake.seen():  # the warming is quick
            print("translating", flush=True)
            time.sleep(float(sys.argv[1]))
        return super().advance()


class Slow(FakeTranslator):
    def loop(self, thread, slots, beam):
        return SlowLoop(self, slots, beam)


serve(read_settings(port=0, threads=1), [FakeLoader(Slow())])

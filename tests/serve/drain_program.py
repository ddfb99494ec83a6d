"""Serves a fake translator whose steps take as many seconds as the first argument says. Run by test_server.py."""

import sys
import time

from fake_translator import FakeBatcher, FakeLoader, FakeTranslator

from serve.server import serve
from serve.settings import read_settings


class SlowBatcher(FakeBatcher):
    def advance(self):
        if self._fake.decoded():  # the warm-up is fast
            print("translating", flush=True)
            time.sleep(float(sys.argv[1]))
        return super().advance()


class SlowTranslator(FakeTranslator):
    def create_batcher(self, worker, slots, beam_size):
        return SlowBatcher(self, slots, beam_size)


serve(read_settings(port=0, threads=1), [FakeLoader(SlowTranslator())])

"""Serves a fake translator that takes the first argument's seconds for each call. For test_server.py."""

import sys
import time

from fake_translator import FakeTranslator

from serve.server import serve
from serve.settings import read_settings


class Slow(FakeTranslator):
    def translate(self, texts, *, alternatives=0):
        if len(self.calls) >= 2:  # the warming is quick
            print("translating", flush=True)
            time.sleep(float(sys.argv[1]))
        return super().translate(texts, alternatives=alternatives)


serve(read_settings(port=0), [Slow])

"""Signal handlers outside the main thread."""

import signal
import threading

from nmt.utils.signals import StopRequest


def test_other_threads_install_no_handlers() -> None:
    handlers = list[object]()
    errors = list[BaseException]()

    def work() -> None:
        try:
            with StopRequest().handle_signals(announce=False) as stop:
                handlers.append(signal.getsignal(signal.SIGINT))
                assert stop.run_interruptible(lambda: 3) == 3
        except BaseException as error:
            errors.append(error)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)
    assert (handlers, errors) == ([before], [])


def test_main_thread_installs_and_restores_handlers() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopRequest().handle_signals(announce=False) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
    assert signal.getsignal(signal.SIGINT) == before

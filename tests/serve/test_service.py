import threading

from fake_translator import FakeTranslator
from serving import running, wait_until


def test_a_full_queue_is_503_and_says_when_to_come_back():
    with running(FakeTranslator(), queue_limit=2) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile("first")
        wait_until(lambda: it.fake.seen() == ["first"])
        second = it.translate_meanwhile("a\nb")
        service = it.server.config.app.state.service
        wait_until(lambda: service.active == 2)

        refused = it.translate("third")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json() == {"error": "the server is busy"}
        # What needs no model is still answered.
        assert it.translate(["", " ", "🙂"]).json() == {"translatedText": ["", " ", "🙂"]}

        it.fake.open.set()
        it.join()
        assert first[0].json() == {"translatedText": "[first]"}
        assert second[0].json() == {"translatedText": "[a]\n[b]"}


def test_more_lines_than_the_queue_can_ever_hold_is_400():
    with running(FakeTranslator(), queue_limit=2) as it:
        answer = it.translate("a\nb\nc")
        assert answer.status_code == 400
        assert "at most 2" in answer.json()["error"]


def test_a_late_answer_is_503_and_its_waiting_sentences_are_dropped():
    with running(FakeTranslator(), request_timeout=0.3) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile("first")
        wait_until(lambda: it.fake.seen() == ["first"])
        late = it.translate("late")
        assert late.status_code == 503
        assert late.headers["retry-after"] == "1"
        assert late.json() == {"error": "no answer within 0.3 s"}
        it.fake.open.set()
        it.join()
        assert first[0].status_code == 503
        assert it.translate("after").json() == {"translatedText": "[after]"}
        assert it.fake.seen() == ["first", "after"]


def test_concurrent_requests_share_turns_and_get_their_own_answers():
    with running(FakeTranslator()) as it:
        it.fake.open.clear()
        it.translate_meanwhile("first")
        wait_until(lambda: it.fake.seen() == ["first"])
        answers = {n: it.translate_meanwhile([f"{n}a", f"{n}b\n{n}c"]) for n in range(8)}
        service = it.server.config.app.state.service
        wait_until(lambda: service.active == 9)
        it.fake.open.set()
        it.join()
        for n, answer in answers.items():
            assert answer[0].json() == {"translatedText": [f"[{n}a]", f"[{n}b]\n[{n}c]"]}
        assert [len(texts) for texts, _ in it.fake.calls[2:]] == [1, 24]
        assert threading.active_count() < 40

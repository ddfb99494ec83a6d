"""Sentences of a request that the translation memory has, exactly or similarly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nmt.inference.memory.reuse import add_matches, from_memory
from nmt.inference.translation import MemoryMatch, Translation
from nmt.text.chinese import convert_chinese
from serve.auth.client_identity import current_client
from serve.service.planning import TextPlan, TranslationRequest
from serve.service.sentences import request_terms
from serve.stores.translation_memory import ServedMemory

if TYPE_CHECKING:
    from serve.service.sentence_translator import OnSentence

_Matches = dict[int, list[MemoryMatch]]
_MAX_SIMILAR = 100  # sentences of a request for which similar entries are searched; each search takes milliseconds


@dataclass(frozen=True)
class MemoryLookup:
    """Searches of the translation memory for the sentences of one request."""

    memory: ServedMemory | None
    """The translation memory; None if the service has none."""
    request: TranslationRequest
    plans: Sequence[TextPlan]

    async def find_exact(self) -> dict[int, Translation]:
        """Return the translations that are reused, by the index of the sentence.

        A sentence with a term of the request's glossary, or a target prefix, is translated instead.
        """
        if self.memory is None or self.request.target_prefix is not None:
            return {}
        found: dict[int, Translation] = {}
        for plan in self.plans:
            languages = plan.detected.language, plan.target.code
            terms = request_terms(self.request, *languages) if plan.sentences else None
            sentences = {
                index: sentence
                for index, sentence in enumerate(plan.sentences, plan.first_index)
                if terms is None or not terms.find(sentence)
            }
            matches = await self.memory.find_exact(list(sentences.values()), languages, _owner())
            for index, match in zip(sentences, matches, strict=True):
                if match is not None:
                    found[index] = from_memory(_in_script(match, plan), languages)
        return found

    @asynccontextmanager
    async def similar_entries(self, reused: Mapping[int, Translation]) -> AsyncIterator[asyncio.Future[_Matches]]:
        """Search for entries that are similar to the other sentences while the block runs.

        Yield a future of the entries by the index of the sentence, none if the request asks for no such details.
        """
        if self.memory is None or not (self.request.num_alternatives or self.request.with_details):
            nothing: asyncio.Future[_Matches] = asyncio.get_running_loop().create_future()
            nothing.set_result({})
            yield nothing
            return
        search = asyncio.create_task(self._find_similar(self.memory, reused))
        try:
            yield search
        finally:
            search.cancel()

    def report_with_matches(
        self, report: OnSentence, reused: Mapping[int, Translation], similar: Mapping[int, list[MemoryMatch]]
    ) -> OnSentence:
        """Report the reused translations, and return a function that reports the others with their similar entries."""
        for index, translation in reused.items():
            report(index, translation)
        return lambda index, translation: report(index, self._add_matches(translation, similar.get(index, ())))

    def add_similar(
        self, found: Mapping[int, Translation], similar: Mapping[int, list[MemoryMatch]]
    ) -> dict[int, Translation]:
        """Return the translations with similar entries as alternatives."""
        return {index: self._add_matches(each, similar.get(index, ())) for index, each in found.items()}

    def _add_matches(self, translation: Translation, matches: Sequence[MemoryMatch]) -> Translation:
        return add_matches(translation, matches, self.request.num_alternatives)

    async def _find_similar(self, memory: ServedMemory, reused: Mapping[int, Translation]) -> _Matches:
        sentences = [
            (index, sentence, plan)
            for plan in self.plans
            for index, sentence in enumerate(plan.sentences, plan.first_index)
            if index not in reused
        ]
        found: _Matches = {}
        for index, sentence, plan in sentences[:_MAX_SIMILAR]:
            languages = plan.detected.language, plan.target.code
            matches = await memory.find_similar(sentence, languages, _owner())
            found[index] = [_in_script(match, plan) for match in matches]
        return found


def _in_script(match: MemoryMatch, plan: TextPlan) -> MemoryMatch:
    """Return an entry in the script of Chinese that the request asks for."""
    script = plan.target.script
    return replace(match, target=convert_chinese(match.target, script)) if script else match


def _owner() -> str | None:
    """Return the name of the API key of the current client."""
    client = current_client.get()
    return client.name if client else None

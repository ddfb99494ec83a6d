"""Call the service with DeepL's official client, and print the results as JSON."""

import json
import sys

import deepl

url, key, text = sys.argv[1:]
client = deepl.DeepLClient(key, server_url=url)

alone = client.translate_text(text, target_lang="FR")
several = client.translate_text([text, text], source_lang="EN", target_lang="FR", formality="prefer_more", context="x")
markup = client.translate_text(
    f"<p>{text}</p>", source_lang="EN", target_lang="FR", tag_handling="html", split_sentences="nonewlines"
)

glossary = client.create_glossary("Animals", "EN", "FR", {"dog": "cheval", "a cat": "un chat"})
csv = client.create_glossary_from_csv("From CSV", "EN", "FR", '"cat, the",le chat\n')
kept = client.get_glossary(glossary.glossary_id)
with_glossary = client.translate_text(text, source_lang="EN", target_lang="FR", glossary=glossary)
by_glossary = client.translate_text_with_glossary(text, glossary)
entries = [client.get_glossary_entries(each) for each in (glossary, csv.glossary_id)]
listed = client.list_glossaries()
client.delete_glossary(glossary)
client.delete_glossary(csv.glossary_id)


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except deepl.DeepLException as error:
        return [type(error).__name__, str(error)]
    return None


usage = client.get_usage()
print(
    json.dumps(
        {
            "translated": alone.text,
            "detected": alone.detected_source_lang,
            "billed": alone.billed_characters,
            "several": [each.text for each in several],
            "markup": markup.text,
            "with glossary": [with_glossary.text, by_glossary.text],
            "made": [glossary.name, glossary.ready, glossary.source_lang, glossary.target_lang, glossary.entry_count],
            "kept": kept.glossary_id == glossary.glossary_id and kept.creation_time == glossary.creation_time,
            "entries": entries,
            "listed": [each.name for each in listed],
            "left": [each.name for each in client.list_glossaries()],
            "glossary pairs": [[each.source_lang, each.target_lang] for each in client.get_glossary_languages()],
            "sources": [[each.code, each.name] for each in client.get_source_languages()],
            "targets": [[each.code, each.name, each.supports_formality] for each in client.get_target_languages()],
            "usage": [usage.character.count, usage.character.valid, usage.any_limit_reached],
            "refused": {
                "key": refusal(deepl.DeepLClient("wrong", server_url=url).get_usage),
                "glossary": refusal(client.get_glossary, glossary.glossary_id),
                "language": refusal(client.translate_text, text, target_lang="DE"),
                "formality": refusal(client.translate_text, text, target_lang="FR", formality="less"),
            },
        }
    )
)

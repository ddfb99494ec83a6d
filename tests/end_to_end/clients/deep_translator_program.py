"""Call the service with deep-translator's LibreTranslate client, and print the results as JSON.

Its DeepL client cannot be used with other servers than DeepL's own.
"""

import json
import sys
import tempfile
from pathlib import Path

from deep_translator import LibreTranslator
from deep_translator.exceptions import AuthorizationException

url, key, text = sys.argv[1:]
translator = LibreTranslator(source="en", target="French", api_key=key, custom_url=f"{url}/")
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "text.txt")
    file.write_text(text)
    from_file = translator.translate_file(str(file))
try:
    LibreTranslator(source="en", target="fr", api_key="wrong", custom_url=f"{url}/").translate(text)
    refused = None
except AuthorizationException as error:
    refused = str(error)
print(
    json.dumps(
        {
            "translated": translator.translate(text),
            "batch": translator.translate_batch([text, text]),
            "file": from_file,
            "refused": refused,
        }
    )
)

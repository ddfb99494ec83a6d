"""Call the service with libretranslatepy, and print the results as JSON."""

import json
import sys

from libretranslatepy import LibreTranslateAPI

url, key, text = sys.argv[1:]
api = LibreTranslateAPI(url, api_key=key)
print(
    json.dumps(
        {
            "translated": api.translate(text, "en", "fr"),
            "detected": api.detect(text),
            "languages": api.languages(),
            "unknown source": api.translate(text, "auto", "fr"),
        }
    )
)

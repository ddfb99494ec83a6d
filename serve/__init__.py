"""The HTTP service: LibreTranslate's API over Carousel's translators."""

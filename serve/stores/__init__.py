"""Glossaries and translated files that the service keeps."""

"""Translation of files in document, subtitle, table and localisation formats."""

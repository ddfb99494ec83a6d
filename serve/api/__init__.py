"""The routes: parse, call the service, answer."""

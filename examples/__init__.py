"""Programs that use the library as its users do; each runs as `python -m examples.NAME`."""

"""Benchmarks of tensorgrad and its peers: the same work and answers, interleaved in one run."""

"""tensorgrad beside its peers: the same work, the same answers, interleaved in one run."""

"""The engine: what happens at a call, at a write and in backward."""

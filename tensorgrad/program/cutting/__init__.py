"""Copied functions, cut to what the calls of one program need."""

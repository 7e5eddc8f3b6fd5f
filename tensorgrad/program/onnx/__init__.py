"""A program's forward pass as an ONNX graph: a table of operators, and what they need."""

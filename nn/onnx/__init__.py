"""ONNX files read as modules: tables of operators, limits, and the network that runs them."""

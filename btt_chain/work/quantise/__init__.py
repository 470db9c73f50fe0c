"""Post-training quantisation of float ONNX models to graphs of exact integers.

`floats` fixes shapes and folds constants, `conversions` and `patterns` turn nodes into steps,
`folding` folds affine steps into products, `ranges` chooses the numbers of tensors from calibration
items, `emit` builds the graph, `sensitivity` widens tensors to 16 bits, `compare` measures the
agreement with the float model, `importing` runs them in order. Needs numpy and onnx.
"""

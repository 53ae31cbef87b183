"""Code out and in: PyTorch source with its training script, ONNX, and models read from Python.

Out: `export` writes the folder, with `script` (the training loop) and `script_data` (what it
learns from); `onnx_export` writes ONNX. In: `importing` is the door; `reader` reads files that
SeqStudio exported by their syntax tree, `tracer` runs other Python in a process of its own and
lets torch trace it, `steps` draws what was traced, `kind_finder` finds the block of a layer.
"""

"""From files that people have to the 8-bit items that a model takes.

`files.read` takes arrays (.npy, .npz), tables (.csv), images and DICOM files. What leaves is the
elements of the model's input and nothing else: no header, no name, no column that it does not ask
for. Every file is a stranger's: sizes are read from its header before anything is unpacked, and
what is wrong with it is said in one sentence with the file's name.
"""

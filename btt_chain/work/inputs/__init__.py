"""Conversion of files to the items of a model.

`files.read` takes arrays (.npy, .npz), tables (.csv), images and DICOM files. Only the elements of
the model's inputs leave the machine: no header, no name, no column that the model does not use.
Files are untrusted: sizes are read from the header before anything is unpacked, and errors are one
sentence with the file's name.
"""

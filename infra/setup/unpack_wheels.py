"""Unpack the parts of the TensorFlow and NVIDIA wheels that the addon needs: unpack_wheels.py WHEELS FOLDER"""
import pathlib
import sys
import zipfile

WANTED = (
    'tensorflow/libtensorflow_cc.so.2',
    'tensorflow/libtensorflow_framework.so.2',
    # all that the C API includes: no absl, protobuf or Eigen
    'tensorflow/include/tensorflow/c/',
    'tensorflow/include/tensorflow/core/platform/ctstring',
    'tensorflow/include/tsl/platform/ctstring',
    'tensorflow/include/xla/tsl/c/',
    'nvidia/',
)
# Needed to compile CUDA programs, not to run them.
UNWANTED = ('/include/', '/lib/cmake/', '/lib/pkgconfig/', '.a', '.py')

for wheel in sorted(pathlib.Path(sys.argv[1]).glob('*.whl')):
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = entry.filename
            cuda_only = name.startswith('nvidia/') and any(name.endswith(part) or (part.endswith('/') and part in name) for part in UNWANTED)
            if name.startswith(WANTED) and not name.endswith('/') and not cuda_only:
                path = archive.extract(entry, sys.argv[2])
                if entry.external_attr >> 16 & 0o111:
                    pathlib.Path(path).chmod(0o755)

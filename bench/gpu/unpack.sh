#!/bin/bash
# On the GPU machine, in a copy of the project: join the files of pack.sh and unpack them.
#   bench/gpu/unpack.sh PARTS PLACE      then `. PLACE/environment` before anything else
# CUDA's libraries are those of the machine's PyTorch: TensorFlow asks for CUDA 12's names, and newer ones answer to them, too.
set -euo pipefail
parts=$1 place=$(realpath -m "$2")
cd "$(dirname "$0")/../.."
mkdir -p "$place"/{pieces,bin,tensorflow,cuda,cache/fewlabels}
cat "$parts"/part.? | tar x -C "$place/pieces"
python3 - "$place/pieces" <<'P'
import lzma, os, shutil, sys
from multiprocessing.pool import ThreadPool
def unpack(path):
    with lzma.open(path) as source, open(path[:-3], "wb") as target:
        shutil.copyfileobj(source, target, 1 << 22)
    os.remove(path)
paths = [os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1])]
with ThreadPool() as pool:
    pool.map(unpack, sorted(paths, key=os.path.getsize, reverse=True), chunksize=1)
P
for name in cc framework; do cat "$place/pieces/$name."?? > "$place/tensorflow/libtensorflow_$name.so.2"; done
tar xf "$place/pieces/modules.tar"
tar xf "$place/pieces/servers.tar" -C "$place/cache/fewlabels"
tar xf "$place/pieces/node.tar" -C "$place/bin"
mv "$place/bin/libcudart.so.12" "$place/cuda/"
rm -r "$place/pieces"
mkdir -p node_modules/@tensorflow/tfjs-node-gpu/deps
ln -sfn "$place/tensorflow" node_modules/@tensorflow/tfjs-node-gpu/deps/lib

python=$(command -v python3)
folders=$(python3 -c 'import glob, nvidia; print("\n".join(f for b in nvidia.__path__ for f in glob.glob(b + "/*/lib")))' || true)
for pair in libcublas.so.12=libcublas.so.1? libcublasLt.so.12=libcublasLt.so.1? libcufft.so.11=libcufft.so.1? libcusolver.so.11=libcusolver.so.1? \
  libcusparse.so.12=libcusparse.so.1? libcudnn.so.9=libcudnn.so.9 libnccl.so.2=libnccl.so.2 libnvrtc.so.12=libnvrtc.so.1? \
  libcurand.so.10=libcurand.so.10 libnvJitLink.so.12=libnvJitLink.so.1? libcupti.so.12=libcupti.so.1?; do
  file=$(for folder in $folders /usr/local/cuda/lib64; do ls "$folder"/${pair#*=} 2>/dev/null || true; done | head -n 1)
  if [ -n "$file" ]; then ln -sfn "$file" "$place/cuda/${pair%=*}"; else echo "not found: ${pair#*=}"; fi
done
cat > "$place/environment" <<V
export PATH=$place/bin:/usr/local/cuda/bin:\$PATH XDG_CACHE_HOME=$place/cache FEWLABELS_BENCH_PYTHON=$python
export LD_LIBRARY_PATH=$place/cuda$(for folder in $folders; do printf ':%s' "$folder"; done)\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda
export FEWLABELS_HOME=$place/home FEWLABELS_SCRATCH=$place/scratch TF_FORCE_GPU_ALLOW_GROWTH=true
V
echo unpacked

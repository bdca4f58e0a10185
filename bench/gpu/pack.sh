#!/bin/bash
# For a GPU machine without a network: all that the checks need there, as files of at most 58 MB.
#   bench/gpu/pack.sh FOLDER [ARCHITECTURE]      after `npm ci` and `npm run setup`; takes ten minutes and 4 GB
set -euo pipefail
folder=$(realpath -m "$1") architecture=${2:-90}
cd "$(dirname "$0")/../.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fewlabels
work=$folder/work
mkdir -p "$work/wheels" "$work/pieces"

grep -E '^(tensorflow|nvidia-cuda-runtime-cu12)==' infra/setup/tensorflow-gpu.txt > "$work/wheels.txt"
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --implementation cp \
  --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --require-hashes -r "$work/wheels.txt" -d "$work/wheels"
python3 infra/setup/unpack_wheels.py "$work/wheels" "$work"
for name in cc framework; do
  python3 bench/gpu/thin.py "$work/tensorflow/libtensorflow_$name.so.2" "$work/$name" "$architecture"
  split -b 80M -d -a 2 "$work/$name" "$work/pieces/$name."
done

# Without what is for other systems, for people who read, and for compilers.
find node_modules -type f ! -name '*.map' ! -name '*.ts' ! -name '*.md' ! -name '*.min.js' ! -path '*/deps/*' ! -path '*/@biomejs/*' \
  ! -path 'node_modules/typescript/*' ! -path '*/@typescript/*' ! -path '*/playwright-core/*' ! -path '*/core-js/*' ! -path '*/@types/*' \
  \( ! -path '*/core-bridge/releases/*' -o -path '*/x86_64-unknown-linux-gnu/*' \) \( ! -path '*/@tensorflow/*' -o ! -name '*.es2017.*' -a ! -name '*.fesm.*' \) |
  tar cf "$work/pieces/modules.tar" -T -
tar cf "$work/pieces/node.tar" -C "$(dirname "$(realpath "$(command -v node)")")" node -C "$work/nvidia/cuda_runtime/lib" libcudart.so.12
servers=()
for name in temporal minio; do
  folder_of=$(node --input-type=module --eval "import { findServer } from './infra/setup/tools.js'; console.log((await findServer('$name', process.env)).file)" | xargs dirname | xargs basename)
  servers+=("$folder_of")
done
tar cf "$work/pieces/servers.tar" -C "$cache" "${servers[@]}" # fails where a server of the PATH is used, which is not packed

find "$work/pieces" -type f | xargs -P "$(nproc)" -n 1 xz --x86 --lzma2=preset=9,dict=128MiB,nice=128
tar cf - -C "$work/pieces" . | split -b 58MB -d -a 1 - "$folder/part."
rm -r "$work"
ls -l "$folder"

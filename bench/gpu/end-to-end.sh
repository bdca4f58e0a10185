#!/bin/bash
# Whole runs on the GPU: 50,000 made-up images with views of the data worker and one SIGKILL; views on the device; a batch that is too large.
# Ends with status 1 when a run did not end as it should.
#   bench/gpu/end-to-end.sh LOGS [IMAGES]      IMAGES: a folder for the images, made where it is missing
logs=$(realpath -m "${1:?the folder for logs}") && mkdir -p "$logs" || exit 1
images=$(realpath -m "${2:-${TMPDIR:-/tmp}/fewlabels-gpu-images}")
cd "$(dirname "$0")/../.." || exit 1
failed=0
say() { echo "[$SECONDS s] $*"; }
[ -d "$images/test" ] || python3 bench/gpu/images.py "$images" "${COUNT:-50000}" || exit 1
(while sleep 0.5; do nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv,noheader,nounits; done) > "$logs/use-of-runs.csv" 2> /dev/null &
watching=$!

run() { # name, status it should end with, seconds at most, --set ...
  timeout -k 20 -s INT "$3" node cli/fewlabels.js run bench/recipes/gpu.yaml --set "name=$1" --set "images.train=$images/train" --set "images.test=$images/test" \
    "${@:4}" --out "$logs/runs" > "$logs/$1.log" 2>&1
  local status=$?
  tail -n 30 "$logs/$1.log"
  if [ $status != "$2" ]; then
    failed=1
    say "$1 ended with status $status, and not $2"
    id=$(sed -nE 's/^Started (\S+).*/\1/p' "$logs/$1.log") && [ -n "$id" ] && node cli/fewlabels.js cancel "$id" # it would go on, and hold the GPU
  else
    say "$1 ended as it should"
  fi
  sleep 2
  echo "memory of the GPU in use: $(nvidia-smi --query-gpu=memory.used --format=csv,noheader)"
}

killing() {
  sleep "${KILL_AFTER:-45}"
  until trainer=$(pgrep -f -o workers/trainer.ts) && sleep 3 && kill -9 "$trainer" 2> /dev/null; do sleep 0.5; done
  say "ended trainer $trainer by SIGKILL"
}
killing &
killer=$!
run gpu-workers 0 "${LIMIT:-240}" --set views.where=workers
if kill $killer 2> /dev/null; then failed=1 && say 'no trainer was there to be ended'; fi
run gpu-device 0 "${LIMIT:-120}" --set views.where=device --set pretrain.epochs=4 --set 'labels.fractions=[0.01]'
run gpu-too-large 1 "${LIMIT:-120}" --set views.where=device --set encoder.depth=50 --set pretrain.batch=4000 --set compute.precision=float32
grep -q 'fit in memory' "$logs/gpu-too-large.log" || { failed=1; say 'it did not say that network and batch must fit in memory'; }
kill $watching
cp "${FEWLABELS_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/fewlabels}"/logs/*.log "$logs/"
say 'done'
exit $failed

#!/bin/bash
# Whole runs on the GPU: 50,000 made-up images with views of the data worker and one SIGKILL; views on the device; a batch that is too large.
#   bench/gpu/end-to-end.sh FOLDER      for logs
folder=$(realpath -m "$1") && mkdir -p "$folder"
cd "$(dirname "$0")/../.." || exit
say() { echo "[$SECONDS s] $*"; }
[ -d "$folder/images" ] || python3 bench/gpu/images.py "$folder/images" "${IMAGES:-50000}"
(while sleep 0.5; do nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv,noheader,nounits; done) > "$folder/runs.csv" 2> /dev/null & watching=$!
run() { # name, seconds at most, --set ...
  timeout "$2" node cli/fewlabels.js run bench/recipes/gpu.yaml --set "name=$1" --set "images.train=$folder/images/train" --set "images.test=$folder/images/test" \
    "${@:3}" --out "$folder/runs" > "$folder/$1.log" 2>&1
  say "$1 ended with status $?"
  tail -n 30 "$folder/$1.log"
  nvidia-smi --query-gpu=memory.used --format=csv,noheader
}
(sleep "${KILL_AFTER:-45}"; until trainer=$(pgrep -f -o workers/trainer.ts); do sleep 0.5; done; sleep 4; kill -9 "$trainer" && say "ended trainer $trainer by SIGKILL") &
run gpu-workers 200 --set views.where=workers
run gpu-device 100 --set views.where=device --set pretrain.epochs=4 --set labels.fractions=[0.01]
run gpu-too-large 80 --set views.where=device --set pretrain.batch=32768
kill $watching
cp "$FEWLABELS_HOME"/logs/*.log "$folder/"
say done

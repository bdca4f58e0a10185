#!/bin/bash
# Steps on the GPU: right, the same bits each time, how fast, and what each setting costs. In the project's folder, set up with the GPU's
# TensorFlow (or `. PLACE/environment`).
#   bench/gpu/checks.sh FOLDER      for logs
folder=$(realpath -m "$1") && mkdir -p "$folder"
cd "$(dirname "$0")/../.." || exit
say() { echo "[$SECONDS s] $*"; }
vitest() { timeout "$1" node node_modules/vitest/vitest.mjs run "${@:2}" 2>&1 | sed -r 's/\x1b\[[0-9;]*m//g' | tee -a "$folder/vitest.log" | grep -E '×|FAIL|Error:|Tests ' | head -n 40; }

say 'does it load, and see the GPU'
node cli/fewlabels.js doctor 2>&1 | grep TensorFlow
if ! node cli/fewlabels.js doctor 2>/dev/null | grep -q 'on a GPU'; then
  TF_CPP_MAX_VLOG_LEVEL=1 node --import tsx --eval "import('./learning/tensorflow.ts').then(({ tf }) => tf.backend())" 2>&1 | grep -iE 'dso|dlopen|cuda|cannot|could not' | head -n 60
  exit 1
fi
say 'a step on GPU and CPU; the same bits each time'
vitest 100 test/learning/gpu.test.ts
say 'the tests of steps, networks, views and loops, without TF32'
NVIDIA_TF32_OVERRIDE=0 vitest 200 test/learning/{compile,steps,ops,networks,views,optimizers,losses} test/learning/loops/{resume,where,options}.test.ts

(while sleep 0.5; do nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv,noheader,nounits; done) > "$folder/steps.csv" & watching=$!
say 'steps against torch'
timeout 300 npm run -s bench -- --only gpu-simclr-18 --only gpu-simclr-50 --no-write 2>&1 | tee "$folder/bench.log"

say 'settings: depth, pixels, images, execution; milliseconds of the last 20 steps'
step() {
  (echo 'go 4'; echo 'go 20'; echo end) | env TF_CPP_MIN_LOG_LEVEL=2 TF_DETERMINISTIC_OPS=1 "$1" timeout 60 node --import tsx bench/contestants/pretrain.ts $2 2> "$folder/error" |
    node -e 'const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((l) => l.startsWith("{")).map(JSON.parse);
      const steps = lines[2]?.seconds?.sort((a, b) => a - b);
      console.log(...process.argv.slice(1), steps ? `first ${lines[0].firstSeconds.toFixed(1)} s, then ${(steps[10] * 1e3).toFixed(1)} ms; loss ${lines[2].values.at(-1)}` : "failed");' "$1" "$2"
  grep -m 3 -iE 'OOM|Error' "$folder/error"
}
for execution in bfloat16 float32; do
  for setting in TF_DETERMINISTIC_OPS=1 TF_DETERMINISTIC_OPS=0 TF_XLA_FLAGS=--tf_xla_auto_jit=2; do step $setting "18 32 512 $execution"; done
done
step NVIDIA_TF32_OVERRIDE=0 '18 32 512 float32'
step TF_DETERMINISTIC_OPS=0 '50 224 128 bfloat16'
for images in 64 256 1024 2048; do step A=1 "18 32 $images bfloat16"; done
step A=1 '50 224 2048 float32'
kill $watching
say done

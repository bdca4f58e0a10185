#!/bin/bash
# Steps on the GPU: right, the same bits each time, how fast, and what each setting costs. In the project's folder, set up with the GPU's
# TensorFlow (or after `. PLACE/environment`). Ends with status 1 when something failed.
#   bench/gpu/checks.sh LOGS [PART ...]      tests, speed, settings: at most 7, 6 and 7 minutes; all of them without any
logs=$(realpath -m "${1:?the folder for logs}") && mkdir -p "$logs" || exit 1
shift
[ $# -gt 0 ] || set -- tests speed settings
for part in "$@"; do
  case $part in tests | speed | settings) ;; *) echo "There is no part \"$part\": tests, speed, settings" && exit 2 ;; esac
done
cd "$(dirname "$0")/../.." || exit 1
set -o pipefail
failed=0
say() { echo "[$SECONDS s] $*"; }
ended() { # status, what
  [ "$1" = 0 ] && return
  failed=1
  if [ "$1" = 124 ]; then say "$2: out of time"; else say "$2: failed (status $1)"; fi
}
plain() { sed -r 's/\x1b\[[0-9;]*m//g'; }

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
said=$(node cli/fewlabels.js doctor 2>&1 | plain | grep TensorFlow)
echo "$said"
if [[ $said != *'on a GPU'* ]]; then
  TF_CPP_MAX_VLOG_LEVEL=1 node --import tsx --eval "import('./learning/tensorflow.ts').then(({ tf }) => tf.backend())" 2>&1 |
    grep -iE 'dso|dlopen|cuda|cannot|could not' | head -n 60
  say 'TensorFlow sees no GPU'
  exit 1
fi

vitest() { # seconds at most, files
  timeout "$1" node node_modules/vitest/vitest.mjs run "${@:2}" 2>&1 | plain | tee -a "$logs/vitest.log" | { grep -E '×|FAIL|Error:|Tests ' || true; } | tail -n 60
  ended "${PIPESTATUS[0]}" 'tests'
}

tests() {
  say 'a step and views on GPU and CPU; the same bits each time'
  vitest 240 test/learning/gpu.test.ts
  say 'the tests of steps, networks, views and loops, without TF32'
  NVIDIA_TF32_OVERRIDE=0 vitest 180 test/learning/{compile,steps,ops,networks,views,optimizers,losses} test/learning/loops/{resume,where,options}.test.ts
}

speed() {
  say 'steps against torch'
  for name in gpu-simclr-18 gpu-simclr-50; do
    timeout 180 node --import tsx bench/main.ts --only $name --no-write 2>&1 | tee -a "$logs/speed.log"
    ended "${PIPESTATUS[0]}" $name
  done
}

step() { # seconds at most, a variable to set, depth, pixels, images and execution
  (echo 'go 4'; echo 'go 20'; echo end) | env TF_CPP_MIN_LOG_LEVEL=2 TF_DETERMINISTIC_OPS=1 TF_FORCE_GPU_ALLOW_GROWTH=true "$2" \
    timeout "$1" node --import tsx bench/contestants/pretrain.ts "${@:3}" 2> "$logs/step-error" |
    node -e 'const lines = require("fs").readFileSync(0, "utf8").split("\n").filter((line) => line.startsWith("{")).map(JSON.parse);
      const seconds = lines[2]?.seconds?.sort((a, b) => a - b);
      const found = seconds && `first ${lines[0].firstSeconds.toFixed(1)} s, then ${(seconds[10] * 1e3).toFixed(1)} ms; loss ${lines[2].values.at(-1)}`;
      console.log(process.argv.slice(1).join(" ") + ":", found ?? "no step");
      process.exit(found ? 0 : 1);' "${@:2}" | tee -a "$logs/settings.log"
  local status=$?
  grep -m 3 -iE 'OOM|Error' "$logs/step-error" | cut -c 1-300
  return $status
}
must() { step "$@"; ended $? "${*:2}"; }

settings() {
  say 'settings; depth, pixels, images and execution; the median of 20 steps'
  for execution in bfloat16 float32; do
    must 30 TF_DETERMINISTIC_OPS=1 18 32 512 $execution
    must 30 TF_DETERMINISTIC_OPS=0 18 32 512 $execution
    must 30 TF_XLA_FLAGS=--tf_xla_auto_jit=2 18 32 512 $execution
  done
  must 30 NVIDIA_TF32_OVERRIDE=0 18 32 512 float32
  must 30 TF_DETERMINISTIC_OPS=0 50 224 128 bfloat16
  for images in 64 256 1024 2048; do must 30 TF_DETERMINISTIC_OPS=1 18 32 $images bfloat16; done
  say 'a batch that is too large'
  step 60 TF_DETERMINISTIC_OPS=1 50 224 1024 float32 && failed=1 && say 'it fitted' # no tensor of 2³¹ elements, which would be another failure
}

(while sleep 0.5; do nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw --format=csv,noheader,nounits; done) > "$logs/use.csv" 2> /dev/null &
watching=$!
for part in "$@"; do $part; done
kill $watching
say 'done'
exit $failed

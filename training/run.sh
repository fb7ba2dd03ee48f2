#!/usr/bin/env bash
# From data to the measured models. Run it again after a stop: finished steps are skipped, training goes on.
#   training/run.sh [--data DIR] [--compare]     # --compare: other encoders too, for the model card's table
set -euo pipefail
data=$(dirname "$0")/../../shared/data  # beside the repository
compare=()
while (($#)); do
  case $1 in
    --data) data=$2; shift ;;
    --compare) compare=(plain e5 minilm half third) ;;
    *) sed -n '2,3s/^# *//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
data=$(realpath "$data")
cd "$(dirname "$0")"

if [[ -z ${PYTHON:-} ]]; then
  PYTHON=.venv-training/bin/python
  if [[ ! -x $PYTHON ]]; then
    python3 -m venv .venv-training
    "$PYTHON" -m pip install --quiet -r requirements.txt
  fi
fi
# Large tensors come and go: let malloc keep the memory. Do not spin while another process has the core.
export MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000 OMP_WAIT_POLICY=PASSIVE

build=${BUILD:-build}
for sources in permissive all; do
  [[ -f $build/$sources/train.jsonl ]] || "$PYTHON" data.py --data "$data" --build "$build" --sources "$sources"
done
for base in bge ${compare:+e5 minilm}; do
  "$PYTHON" base.py --build "$build" --base "$base"
done
for recipe in labels everything; do
  "$PYTHON" train.py --build "$build" --recipe "$recipe"
done
"$PYTHON" teach.py --build "$build"
for recipe in small fast "${compare[@]}"; do
  "$PYTHON" train.py --build "$build" --recipe "$recipe"
done
for recipe in labels everything small fast "${compare[@]}"; do
  "$PYTHON" export.py --build "$build" --recipe "$recipe"
  "$PYTHON" calibrate.py --build "$build" --recipe "$recipe"
done
for recipe in small fast; do
  "$PYTHON" check.py --build "$build" --recipe "$recipe"
done
"$PYTHON" report.py --build "$build"

#!/usr/bin/env bash
# From data to the measured model. Run it again after a stop: finished steps are skipped, training goes on.
#   training/run.sh [--data DIR] [--sources permissive|all]
set -euo pipefail
data=$(dirname "$0")/../../shared/data  # beside the repository
sources=permissive
while (($#)); do
  case $1 in
    --data) data=$2 ;;
    --sources) sources=$2 ;;
    *) sed -n '2,3s/^# *//p' "$0" >&2; exit 2 ;;
  esac
  shift 2
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
[[ -f $build/$sources/train.jsonl ]] || "$PYTHON" data.py --data "$data" --build "$build" --sources "$sources"
"$PYTHON" base.py --build "$build"
"$PYTHON" train.py --build "$build" --sources "$sources"
"$PYTHON" export.py --build "$build" --sources "$sources"
"$PYTHON" calibrate.py --build "$build" --sources "$sources"
if [[ $sources == permissive ]]; then
  "$PYTHON" check.py --build "$build"
  "$PYTHON" report.py --build "$build"
fi

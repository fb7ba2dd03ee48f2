#!/bin/sh
# Checks what must be there before anything can be built; names all that is missing, with how to get it.
set -eu
missing=""
need() { # command, what it is for, how to get it
    command -v "$1" >/dev/null 2>&1 || missing="$missing
  $1 ($2): $3"
}
need cargo "Rust" "https://rustup.rs"
need cc "a C compiler" "apt-get install build-essential, or xcode-select --install"
need c++ "a C++ compiler" "apt-get install build-essential, or xcode-select --install"
need perl "OpenSSL's build" "apt-get install perl"
need python3 "Python 3" "apt-get install python3 python3-pip"
if command -v python3 >/dev/null 2>&1 && [ -z "${ORT_DYLIB_PATH:-}" ] && ! python3 -m pip --version >/dev/null 2>&1; then
    missing="$missing
  pip (fetches ONNX Runtime): apt-get install python3-pip, or python3 -m ensurepip"
fi
if [ -n "$missing" ]; then
    echo "undertone: missing:$missing" >&2
    exit 1
fi

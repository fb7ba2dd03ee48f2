#!/bin/sh
# Puts the ONNX Runtime shared library into .onnxruntime/ of this project, from the wheel that its
# makers publish on PyPI: no compiler run, no system package, the same bytes for everybody.
#
#   scripts/onnxruntime.sh            installs it, or does nothing when it is there
#   scripts/onnxruntime.sh --path     the same, then prints the library's path and nothing else
#
# Where ORT_DYLIB_PATH is set, that library is used and nothing is installed.
# Exit status: 0 there, 1 failed, 2 not packaged for this system.
set -eu

version=1.32.0
# To move to another version: change it and both hashes (`pip hash` of the two wheels), and keep
# `ort`'s api-NN feature in Cargo.toml at or below the version's second number.
sha256_x86_64=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
sha256_aarch64=2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c

fail() {
    echo "onnxruntime.sh: $1" >&2
    exit "${2:-1}"
}

quiet=no
case "${1:-}" in
    "") ;;
    --path) quiet=yes ;;
    *) fail "unknown argument \`$1\`; usage: scripts/onnxruntime.sh [--path]" ;;
esac

say() {
    [ "$quiet" = yes ] || echo "onnxruntime.sh: $1"
}

done_with() {
    [ "$quiet" = no ] || echo "$1"
    exit 0
}

if [ -n "${ORT_DYLIB_PATH:-}" ]; then
    [ -f "$ORT_DYLIB_PATH" ] || fail "ORT_DYLIB_PATH is set to \`$ORT_DYLIB_PATH\`, which is no file"
    say "ORT_DYLIB_PATH is set, using $ORT_DYLIB_PATH"
    done_with "$ORT_DYLIB_PATH"
fi

[ "$(uname -s)" = Linux ] ||
    fail "not packaged for $(uname -s): install ONNX Runtime $version yourself and set ORT_DYLIB_PATH to its library" 2
case "$(uname -m)" in
    x86_64 | amd64) arch=x86_64 sha256=$sha256_x86_64 ;;
    aarch64 | arm64) arch=aarch64 sha256=$sha256_aarch64 ;;
    *) fail "not packaged for $(uname -m): set ORT_DYLIB_PATH to an ONNX Runtime $version library" 2 ;;
esac

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
target=$root/.onnxruntime
library=$target/libonnxruntime.so
stamp=$target/wheel.sha256

if [ -f "$library" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sha256" ]; then
    say "$version is there"
    done_with "$library"
fi

command -v python3 >/dev/null 2>&1 || fail "python3 was not found; on Debian: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip; on Debian: apt-get install python3-pip"

mkdir -p "$target"
# Beside the target, so that the last step is a rename: a broken install is never taken for a whole one.
work=$(mktemp -d "$target/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

say "fetching $version for $arch"
# The wheel is only unpacked, so it need not fit the Python that runs here: one is named.
echo "onnxruntime==$version --hash=sha256:$sha256" >"$work/requirements.txt"
python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary=:all: --require-hashes \
    --implementation cp --python-version 3.11 --abi cp311 --platform "manylinux_2_28_$arch" \
    --dest "$work" --requirement "$work/requirements.txt" >"$work/pip.log" 2>&1 || {
    cat "$work/pip.log" >&2
    fail "pip could not fetch onnxruntime $version for $arch (see above)"
}

python3 - "$work" "$version" <<'PYTHON' || fail "the wheel of onnxruntime $version could not be unpacked"
import glob, os, shutil, sys, zipfile

work, version = sys.argv[1:]
(wheel,) = glob.glob(os.path.join(work, "*.whl"))
members = {
    f"onnxruntime/capi/libonnxruntime.so.{version}": "libonnxruntime.so",
    "onnxruntime/LICENSE": "LICENSE",
    "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt",
}
with zipfile.ZipFile(wheel) as archive:
    for member, name in members.items():
        with archive.open(member) as source, open(os.path.join(work, name), "wb") as sink:
            shutil.copyfileobj(source, sink)
PYTHON

# The stamp goes first and comes last: between the two the library counts as not installed.
rm -f "$stamp"
mv -f "$work/LICENSE" "$work/ThirdPartyNotices.txt" "$work/libonnxruntime.so" "$target/"
echo "$sha256" >"$stamp"
say "$version is in $target"
done_with "$library"

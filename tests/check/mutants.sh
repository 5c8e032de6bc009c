#!/bin/sh
# Take each check of the verifying modules away, one at a time, and see the
# unit tests fail. What survives is a check that no test holds: mutants.py.
#
#   mutants.sh [--seconds N] [SOURCE[:LINE]...]	N: a sample, as many as fit in
#
# B is the build folder; make test-mutants builds what is needed.
set -eu
cd "$(dirname "$0")/../.."
exec python3 tests/check/mutants.py "$@"

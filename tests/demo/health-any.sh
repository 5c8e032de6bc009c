#!/bin/sh
# Health check inside the demo's releases of foreign trees: the tree is whole.
set -eu
test -s "${PAWL_SLOT:?}/pawl/complete"

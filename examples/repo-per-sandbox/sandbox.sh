#!/usr/bin/env bash
# What runs within a sandbox: gets its work back, does some, and keeps it. A folder that goes away stands for a sandbox.
#
# With Cloudflare's Sandbox SDK the two variables would come by `sandbox.setEnvVars(...)`, and this from `sandbox.exec`.

set -euo pipefail

sandbox=$(mktemp -d)
trap 'rm -rf "$sandbox"' EXIT
cd "$sandbox"

git clone -q "$ARTIFACTS_GIT_REMOTE" work
cd work
git checkout -q -B "$ARTIFACTS_BRANCH"

echo "step $(($(cat steps.txt 2>/dev/null | wc -l) + 1))" >> steps.txt
git add steps.txt
git commit -q -m "$(tail -n 1 steps.txt)"
git push -q origin "$ARTIFACTS_BRANCH"
cat steps.txt

#!/usr/bin/env bash
# Usage: show.sh [commit]. Fetches the notes, which a clone leaves behind, and shows what a commit came of.

set -euo pipefail

git fetch -q origin '+refs/notes/*:refs/notes/*'
git log -1 --format='commit  %h %s%nprompt  %N' --notes=prompts --end-of-options "${1:-HEAD}"
git log -1 --format='answer  %N' --notes=answers --end-of-options "${1:-HEAD}"

#!/usr/bin/env bash
# Usage: record.sh <prompt file> <answer file>. Keeps a prompt and what the model said to it beside the last commit.
#
# Notes are commits of their own under refs/notes: neither the commit that they are about nor its files change.

set -euo pipefail

git notes --ref=prompts add -f -F "$1" HEAD
git notes --ref=answers add -f -F "$2" HEAD
git push -q origin refs/notes/prompts refs/notes/answers

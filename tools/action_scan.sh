#!/usr/bin/env bash
# The scan step of action.yml: settings come by environment variables, never by text pasted into a script.
#   action_scan.sh MLSBOM FOLDER      with TARGET PROFILE FAIL_ON ONLINE WEIGHTS, and GitHub's GITHUB_OUTPUT and GITHUB_STEP_SUMMARY
# Leaves the documents in FOLDER, a copy of the SARIF file where the upload step looks, and the exit code as an output; fails only by the gate step.
set -euo pipefail
mlsbom=$1
folder=$2
mkdir -p "$folder"
options=(--profile "${PROFILE:-ci}" --weights "${WEIGHTS:-headers}")
# The default profile's level is stated, so that the mlsbom.toml of a pull request cannot loosen its own gate.
[ -n "${FAIL_ON:-}" ] || [ "${PROFILE:-ci}" != ci ] || FAIL_ON=high
[ -z "${FAIL_ON:-}" ] || options+=(--fail-on "$FAIL_ON")
[ "${ONLINE:-false}" != true ] || options+=(--online)
code=0
"$mlsbom" scan "${options[@]}" -o "json=$folder/scan.json" -o "cyclonedx-json=$folder/sbom.cdx.json" -o "sarif=$folder/mlsbom.sarif" \
  -o "markdown=$folder/comment.md" -o "html=$folder/report.html" -o table -- "${TARGET:-.}" || code=$?
if [ -f "$folder/mlsbom.sarif" ]; then
  mkdir -p .mlsbom-action
  cp "$folder/mlsbom.sarif" .mlsbom-action/mlsbom.sarif
  cat "$folder/comment.md" >> "${GITHUB_STEP_SUMMARY:-/dev/null}"
fi
{
  echo "exit-code=$code"
  echo "folder=$folder"
} >> "${GITHUB_OUTPUT:-/dev/stdout}"

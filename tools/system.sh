#!/bin/sh
# The browser tests drive Debian's Chromium. Use the one that is there; install it where that is allowed; else say that they will not run.
if command -v chromium >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing Chromium and a Korean font for the browser tests"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-nanum; } >/dev/null 2>&1 && exit 0
fi
echo "no Chromium here: the browser tests will not run (install the packages chromium and fonts-nanum)"

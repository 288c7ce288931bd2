#!/usr/bin/env bash
# Sets up what the build, the demo and the checks need, and nothing that is there already.
#
# usage: tools/setup.sh build|demo|check|bench
#   build   Debian packages (apt, when root or sudo) and the pinned libraries under build/deps
#   demo    the same, and build/venv: the Python of the demo's user (LightGBM, the mlflow client)
#   check   the same, and the clients and oracles of the end-to-end tests
#   bench   what `check` sets up, the load client wrk, and build/venv-peer: what is measured beside it
# Where packages may not be installed it says exactly what is missing and stops with code 3.
set -euo pipefail
cd "$(dirname "$0")/.."
goal=${1:-build}

build_packages=(ca-certificates git g++ cmake ninja-build pkg-config ccache python3 python3-pip
  python3-venv libsqlite3-dev libcurl4-openssl-dev libssl-dev libyaml-dev
  libsimdjson-dev libspdlog-dev libre2-dev zlib1g-dev libtomlplusplus-dev libhowardhinnant-date-dev libgtest-dev
  libgmock-dev tzdata)
check_packages=(clang-format-19 strace)
bench_packages=(wrk)

missing() { dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2> /dev/null |
  awk '$1 == "installed" {print $2}' | sort > /tmp/.tatara-have.$$ || true
  printf '%s\n' "$@" | sort | comm -23 - /tmp/.tatara-have.$$; rm -f /tmp/.tatara-have.$$; }

install_packages() {
  local wanted=("$@") absent sudo=()
  # npm only fetches archives; Debian's own conflicts with a vendor's, so any npm will do.
  command -v npm > /dev/null || wanted+=(npm)
  mapfile -t absent < <(missing "${wanted[@]}")
  [ ${#absent[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo > /dev/null && sudo -n true 2> /dev/null; then sudo=(sudo)
    else
      printf 'setup: these Debian packages are missing and cannot be installed here:\n  %s\n' "${absent[*]}" >&2
      printf 'setup: as root: apt-get install --no-install-recommends %s\n' "${absent[*]}" >&2
      exit 3
    fi
  fi
  echo "setup: installing ${absent[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${absent[@]}" > build/apt.log 2>&1 ||
    { tail -n 20 build/apt.log >&2; echo 'setup: apt-get failed (build/apt.log)' >&2; exit 3; }
}

# make_venv NAME REQUIREMENTS [pip options...]: build/NAME with these packages, once per content.
make_venv() {
  local venv=build/$1 requirements=$2 stamp
  stamp=$venv/.stamp-$(cat "$requirements" tools/python/constraints.txt | sha256sum | cut -c1-16)
  [ -e "$stamp" ] && return
  echo "setup: making $venv (some minutes)"
  rm -rf "$venv"
  "$(python_for_venv)" -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r "$requirements" "${@:3}" \
    > "build/$1.log" 2>&1 ||
    { tail -n 20 "build/$1.log" >&2; echo "setup: pip failed for $venv (build/$1.log)" >&2; exit 3; }
  touch "$stamp"
}

# The pinned wheels are for Python 3.11, which Debian 12 has.
python_for_venv() {
  local python
  for python in /usr/bin/python3 python3.11 python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null; then
      echo "$python"; return
    fi
  done
  echo 'setup: no Python 3.11 with venv was found' >&2; exit 3
}

mkdir -p build
packages=("${build_packages[@]}")
case $goal in check|bench) packages+=("${check_packages[@]}") ;; esac
[ "$goal" != bench ] || packages+=("${bench_packages[@]}")
install_packages "${packages[@]}"
tools/deps-fetch.sh build/deps > build/deps.log 2>&1 || { cat build/deps.log >&2; exit 3; }
pinned=(-c tools/python/constraints.txt)
case $goal in
  build) ;;
  demo) make_venv venv tools/python/demo.txt "${pinned[@]}" ;;
  check | bench)
    make_venv venv-check tools/python/check.txt "${pinned[@]}"
    make_venv venv-mlflow2 tools/python/mlflow2.txt
    [ "$goal" != bench ] || make_venv venv-peer tools/python/peer.txt ;;
  *) echo "usage: tools/setup.sh build|demo|check|bench" >&2; exit 2 ;;
esac

# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# From a bare checkout to build/synfate; sourced by ./run and ./test.
# Touches only build/ and packages. Says nothing on stdout: that belongs to synfate.
# shellcheck shell=bash

# shellcheck source=.ci/packages.bash
source "${BASH_SOURCE[0]%/*}/packages.bash"

say() {
  printf 'synfate: %s\n' "$1" >&2
  shift
  [[ $# == 0 ]] || printf '  %s\n' "$@" >&2
}

fail() {
  say "$@"
  exit 2
}

# ensure_packages DISTRIBUTION SCOPE LOG
ensure_packages() {
  local distribution=$1 scope=$2 log=$3 package why answer
  local -a names=() lines=()
  if ! is_supported "$distribution"; then
    while read -r package why; do
      names+=("$package")
    done < <(wanted_packages debian:12 "$scope")
    fail "this is $distribution; the packages are known for ${SUPPORTED_DISTRIBUTIONS// /, } only." \
      "Needed, in Debian's names: ${names[*]}" \
      'With these: cmake -S . -B build -G Ninja -DSYNFATE_TESTS=OFF && ninja -C build && build/synfate'
  fi
  while read -r package why; do
    names+=("$package")
    lines+=("$(printf '%-20s %s' "$package" "$why")")
  done < <(missing_packages "$distribution" "$scope")
  ((${#names[@]})) || return 0

  if [[ $(id -u) != 0 ]]; then
    fail "${#names[@]} package(s) that the build needs are not installed, and only root can install them. Type:" \
      "sudo apt-get install ${names[*]}"
  fi
  say "installing from $distribution's packages:" "${lines[@]}"
  if [[ -t 0 ]]; then
    read -r -p 'Go on? [Y/n] ' answer || answer=n
    case $answer in
      '' | [yY]*) ;;
      *) fail 'nothing was installed. By hand:' "apt-get install ${names[*]}" ;;
    esac
  fi
  if ! install_packages "$log" "${names[@]}"; then
    tail -n 20 "$log" >&2
    fail 'the packages could not be installed; the end of the log is above.' "All of it: $log" \
      "To try by hand: apt-get update && apt-get install ${names[*]}"
  fi
}

# compile DISTRIBUTION SCOPE ROOT: configures when there is a reason to, then lets ninja decide.
compile() {
  local distribution=$1 scope=$2 root=$3 build=$3/build tests=OFF log=$3/build/build.log before='' lock
  local -a arguments targets=(synfate)
  exec {lock}>"$build/.lock"
  if ! flock -n "$lock"; then
    say 'another build is under way in this checkout; waiting for it.'
    flock "$lock"
  fi

  [[ ! -e $build/.configured ]] || before=$(<"$build/.configured")
  # Once ./test has configured the tests, ./run leaves them: else the two would configure in turn for ever.
  [[ $scope != test && $before != *-DSYNFATE_TESTS=ON* ]] || tests=ON
  [[ $scope != test ]] || targets=(all)
  mapfile -t arguments < <(toolchain_arguments "$distribution" "${SYNFATE_TEST_PREFIX:-}")
  arguments+=("-DSYNFATE_TESTS=$tests")
  [[ -e $build/synfate ]] || say 'building into build/; the first time takes a few minutes.'
  if [[ ! -e $build/build.ninja || $before != "${arguments[*]}" ]]; then
    rm -f "$build/.configured"
    if ! cmake -S "$root" -B "$build" -G Ninja "${arguments[@]}" </dev/null >"$log" 2>&1; then
      tail -n 40 "$log" >&2
      fail 'the build could not be configured; the end of the log is above.' "All of it: $log"
    fi
    echo "${arguments[*]}" >"$build/.configured"
  fi
  if ! ninja -C "$build" "${targets[@]}" </dev/null >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail 'the build failed; the end of the log is above.' "All of it: $log"
  fi
  exec {lock}>&-
}

# prepare ROOT SCOPE: when it returns, what the scope needs is installed and built.
prepare() {
  local root=$1 scope=$2 build=$1/build distribution
  distribution=$(distribution "${SYNFATE_TEST_OS_RELEASE:-/etc/os-release}")
  if ! mkdir -p "$build" 2>/dev/null || [[ ! -w $build ]]; then
    fail "cannot write to $build; it belongs to another user." "Run this as that user, or remove that directory first."
  fi
  ensure_packages "$distribution" "$scope" "$build/packages.log"
  compile "$distribution" "$scope" "$root"
}

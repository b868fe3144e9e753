# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Which distribution packages synfate's build and tests need, and how to get them; sourced by ./run and ./test.
# Installs from the distribution only, never anything that is not in this table, and asks first when someone is there to answer.
# shellcheck shell=bash

SUPPORTED_DISTRIBUTIONS='debian:12 ubuntu:22.04 ubuntu:24.04'

# Names are Debian 12's. The third column renames: DISTRIBUTION=NAME, or NAME&NAME where one becomes two, and a distribution without a
# version stands for all its versions.
# Scope "run" is for building and using synfate, "test" is what ./test needs besides, "vm" what the kernel guests of ./test need where they can run,
# "node" what its node containers need: a machine that would start the services of these packages is not made to run them.
PACKAGE_TABLE='
run   cmake               -                                           configures the build
run   ninja-build         -                                           runs the build
run   g++                 ubuntu:22.04=g++-12                         compiles userspace (C++20)
run   clang               -                                           compiles the BPF programs
run   llvm                -                                           has llvm-strip, which trims the BPF object
run   bpftool             ubuntu=linux-tools-common&linux-tools-generic  turns the BPF object into a C skeleton
run   libbpf-dev          -                                           loads the BPF programs
run   libelf-dev          -                                           is what libbpf reads ELF with
run   zlib1g-dev          -                                           is what libelf unpacks with
run   libcli11-dev        -                                           parses the command line
run   libspdlog-dev       -                                           writes messages about the tool
run   libfmt-dev          -                                           formats text, for spdlog
run   nlohmann-json3-dev  -                                           reads and writes JSON
run   libc-ares-dev       -                                           asks name servers, for probe
run   libmnl-dev          -                                           speaks netlink: links, addresses, neighbours
run   libnftnl-dev        -                                           reads nftables objects over netlink
run   libnftables-dev     -                                           reads nftables rules as text
run   libseccomp-dev      -                                           keeps system calls from synfate that it does not need
run   pkg-config          -                                           finds the libraries
run   iproute2            -                                           ip and tc, for the labs of demo and of the tests
run   nftables            -                                           nft, for the labs
run   iptables            -                                           iptables-save, which prints the text of a rule
test  doctest-dev         -                                           unit tests are written with it
test  python3             -                                           checks and live tests are written in it
test  clang-format-14     -                                           checks the format; other versions format differently
test  clang-tidy-14       -                                           looks for mistakes that compile
test  ethtool             -                                           the labs switch offloads with it
vm    qemu-system-x86     -                                           boots the kernels that the live tests run on besides this one
vm    kmod                -                                           lists the modules of those kernels, and loads them in the guests
vm    mount               -                                           is copied into the guests, as are the next two
vm    util-linux          -                                           has unshare, nsenter and setpriv, for the labs
vm    procps              -                                           has ps and sysctl
node  docker.io           -                                           runs containers that play nodes of kind, in a namespace of the test
node  containerd          -                                           runs pods in them
node  containernetworking-plugins  -                                  wire those pods
node  python3-grpcio      -                                           asks containerd for pods, as a kubelet does
node  busybox-static      -                                           is all that runs in them
node  podman              -                                           runs containers and nodes of kind as well, without a daemon
'

# "debian:12", from an os-release file; "unknown:" if it does not say.
distribution() {
  local file=$1 key value id=unknown version=
  while IFS='=' read -r key value || [[ -n $key ]]; do
    value=${value//[\"\']/}
    case $key in
      ID) id=$value ;;
      VERSION_ID) version=$value ;;
    esac
  done 2>/dev/null <"$file"
  echo "$id:$version"
}

is_supported() {
  [[ " $SUPPORTED_DISTRIBUTIONS " == *" $1 "* ]]
}

# why_no_guests DISTRIBUTION: why this machine cannot boot the kernel guests, in a few words; nothing where it can.
why_no_guests() {
  local machine
  machine=$(uname -m)
  if [[ $machine != x86_64 ]]; then
    echo "the guests' kernels are for x86_64, and this is $machine"
  elif [[ $1 != debian:12 ]]; then
    echo "the guests' kernels are Debian 12's packages, and this is $1"
  elif ! type -P apt-get >/dev/null; then
    echo "the guests' kernels come by apt-get, which is not here"
  fi
}

# wanted_packages DISTRIBUTION SCOPE: one line a package, its name and why. Scope "test" includes "run", and "vm" where guests can run.
wanted_packages() {
  local distribution=$1 wanted_scope=$2 scope package renames why rename scopes=' run '
  local -a names
  if [[ $wanted_scope == test ]]; then
    scopes+='test '
    [[ -n $(why_no_guests "$distribution") ]] || scopes+='vm '
    [[ -d /run/systemd/system ]] || scopes+='node '
  fi
  while read -r scope package renames why; do
    [[ -n $scope && $scopes == *" $scope "* ]] || continue
    names=("$package")
    for rename in ${renames//,/ }; do
      if [[ ${rename%%=*} == "$distribution" || ${rename%%=*} == "${distribution%%:*}" ]]; then
        IFS='&' read -r -a names <<<"${rename#*=}"
      fi
    done
    for package in "${names[@]}"; do
      echo "$package $why"
    done
  done <<<"$PACKAGE_TABLE"
}

# missing_packages DISTRIBUTION SCOPE: the lines of wanted_packages that dpkg does not report as installed.
missing_packages() {
  local package why status installed=' '
  local -a names=()
  while read -r package why; do
    names+=("$package")
  done < <(wanted_packages "$@")
  # It fails when one of the names is unknown to dpkg, which is an answer and not an error.
  while read -r package status; do
    [[ $status == installed ]] && installed+="$package "
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${names[@]}" 2>/dev/null)
  while read -r package why; do
    [[ $installed == *" $package "* ]] || echo "$package $why"
  done < <(wanted_packages "$@")
}

# find_bpftool PREFIX: the newest bpftool of Ubuntu's linux-tools packages. /usr/sbin/bpftool is a wrapper there that refuses to run
# when no package matches the running kernel, though any version can make a skeleton.
find_bpftool() {
  local path directory
  for path in "$1"/usr/lib/linux-tools/*/bpftool "$1"/usr/lib/linux-tools-*/bpftool; do
    [[ -x $path ]] || continue
    directory=${path%/bpftool}
    directory=${directory##*/}
    echo "${directory#linux-tools-} $path"
  done | sort -V | tail -n 1 | cut -d ' ' -f 2-
}

# toolchain_arguments DISTRIBUTION PREFIX: what cmake must be told because the packages' names for it differ.
toolchain_arguments() {
  local distribution=$1 prefix=$2 bpftool
  if [[ $distribution == ubuntu:22.04 ]]; then
    echo -DCMAKE_C_COMPILER=gcc-12
    echo -DCMAKE_CXX_COMPILER=g++-12
  fi
  if [[ $distribution == ubuntu:* ]]; then
    bpftool=$(find_bpftool "$prefix")
    [[ -z $bpftool ]] || echo "-DBPFTOOL=$bpftool"
  fi
}

# install_packages LOG NAME...: refreshes the package lists only when they turn out to be missing or stale.
install_packages() {
  local log=$1
  shift
  local -a install=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@")
  export DEBIAN_FRONTEND=noninteractive
  "${install[@]}" </dev/null >"$log" 2>&1 && return
  apt-get update -o DPkg::Lock::Timeout=300 </dev/null >>"$log" 2>&1
  "${install[@]}" </dev/null >>"$log" 2>&1
}

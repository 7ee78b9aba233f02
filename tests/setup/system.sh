#!/usr/bin/env bash
# Installs the Debian packages of one group, only those that are missing.
#
#   base     what building and running vfs and its tests needs
#   ceph     a real S3 server (Ceph RADOS Gateway) for the tests of S3 remotes
#   servers  real SSH, HTTP and WebDAV servers for repositories mounted by URL and for remotes; Node for Azurite
#   bench    tools that measure
#   field-*  one peer of `make bench-field` each, and what delays requests there
#   image    what builds the image without a Docker engine
#   device   installs nothing: is there a FUSE device? (an image is built without one)
#
# Only root installs. Anybody else is told the exact command, and the exit code is 1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
group=${1:?usage: system.sh base|ceph|servers|bench|field-*|image|device}
missing=()

need_command() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

has_headers() {
  local python
  python=$("$here/python.sh") || return 1
  "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

case $group in
  base)
    need_command fusermount3 fuse3
    need_command pkg-config pkg-config
    need_command gcc gcc
    need_command git git
    need_command git-lfs git-lfs
    need_command setpriv util-linux
    pkg-config --exists fuse3 2>/dev/null || missing+=(libfuse3-dev)
    [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
    "$here/python.sh" >/dev/null || missing+=(python3 python3-venv)
    has_headers || missing+=(python3-dev)
    ;;
  ceph)
    need_command radosgw radosgw
    need_command ceph-mon ceph-mon
    need_command ceph-osd ceph-osd
    need_command ceph-mgr ceph-mgr
    need_command radosgw-admin ceph-common
    need_command ceph ceph-common
    ;;
  servers)
    need_command ssh openssh-client
    need_command openssl openssl
    [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
    [ -x /usr/sbin/lighttpd ] || missing+=(lighttpd)
    [ -e /usr/lib/lighttpd/mod_openssl.so ] || missing+=(lighttpd-mod-openssl)
    [ -x /usr/sbin/apache2 ] || missing+=(apache2)
    [ -x /usr/sbin/nginx ] || missing+=(nginx)
    [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] || missing+=(libnginx-mod-http-lua)
    need_command node nodejs
    need_command npm npm
    ;;
  bench)
    need_command fio fio
    need_command bindfs bindfs
    ;;
  field-s3fs) need_command s3fs s3fs ;;
  field-squashfs)
    need_command squashfuse squashfuse
    need_command mksquashfs squashfs-tools
    ;;
  field-restic) need_command restic restic ;;
  field-borg)
    need_command borg borgbackup
    [ -e /usr/lib/python3/dist-packages/_pyfuse3.py ] || missing+=(python3-pyfuse3)
    ;;
  field-sshfs) need_command sshfs sshfs ;;
  field-delay) [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] || missing+=(libnginx-mod-http-lua) ;;
  image)
    need_command buildah buildah
    need_command debootstrap debootstrap
    ;;
  device)
    if [ ! -e /dev/fuse ]; then
      echo "/dev/fuse does not exist: the kernel has no FUSE, or this container was started without" >&2
      echo "--device /dev/fuse --cap-add SYS_ADMIN." >&2
      exit 1
    fi
    ;;
  *)
    echo "unknown group $group" >&2
    exit 2
    ;;
esac

if [ ${#missing[@]} -gt 0 ]; then
  install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if [ "$(id -u)" != 0 ]; then
    echo "Some system packages are missing. Run this once, then repeat:" >&2
    echo "    sudo apt-get update && sudo ${install[*]}" >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null; then
    echo "apt-get was not found; install the equivalents of: ${missing[*]}" >&2
    exit 1
  fi
  echo "installing: ${missing[*]}"
  stamp=$here/../../.tools/stamps/apt-update
  if [ ! -e "$stamp" ]; then
    apt-get update -q
    mkdir -p "$(dirname "$stamp")"
    touch "$stamp"
  fi
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then # the tests want the programs, not the services that come with them
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive "${install[@]}" -q </dev/null
fi

if [ "$group" = base ]; then
  if ! "$here/python.sh" >/dev/null; then
    echo "No Python >= 3.11 with the venv module is on PATH; install one and repeat." >&2
    exit 1
  fi
fi

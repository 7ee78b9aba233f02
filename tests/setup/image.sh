#!/usr/bin/env bash
# Builds the image of docker/Dockerfile with buildah, without a Docker engine, and proves what can be proved of it (`make image-check`).
#
# The base image comes from a registry if one answers; if not, a stand-in is made with debootstrap and given the name that the Dockerfile asks for.
# Root only. Everything is kept in .tools/image (or VFS_IMAGE_DIR); a second run builds from its cache.
set -eu
cd "$(dirname "$0")/../.."
out=${VFS_IMAGE_DIR:-$PWD/.tools/image}
base=$(sed -n 's/^ARG BASE=//p' docker/Dockerfile)
mkdir -p "$out"
engine() { buildah --root "$out/store" --runroot "$out/run" --storage-driver vfs "$@"; }

say() { echo "image-check: $*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# --- base and build --------------------------------------------------------------------------------

stand_in() {
  local tree=$out/base container
  [ -e "$out/base.done" ] || {
    rm -rf "$tree"
    debootstrap --variant=minbase bookworm "$tree" http://deb.debian.org/debian >"$out/debootstrap.log" 2>&1
    touch "$out/base.done"
  }
  rm -rf "$tree"/usr/share/{doc,man,locale,info}/* "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb \
    "$tree"/var/lib/apt/lists/* "$tree"/var/log/{*.log,apt}
  # as in the official image: none of these comes with a package that is installed later
  printf 'path-exclude /usr/share/%s/*\n' doc man locale info lintian >"$tree/etc/dpkg/dpkg.cfg.d/docker"
  container=$(engine from scratch)
  engine add --quiet "$container" "$tree" / >/dev/null
  if [ -n "${SSL_CERT_FILE:-}" ]; then # a network with a certificate authority of its own
    engine copy --quiet "$container" "$SSL_CERT_FILE" /opt/host-authorities.crt >/dev/null
    engine config --env SSL_CERT_FILE=/opt/host-authorities.crt --env PIP_CERT=/opt/host-authorities.crt "$container"
  fi
  engine commit --quiet --rm "$container" "$base" >/dev/null
}

if ! engine inspect --type image "$base" >/dev/null 2>&1 && ! timeout 60 buildah --root "$out/store" --runroot "$out/run" \
  --storage-driver vfs pull --quiet "docker.io/library/$base" >/dev/null 2>&1; then
  say "no registry answers: $base is a stand-in, made with debootstrap"
  stand_in
fi
engine bud --isolation chroot --pull-never --layers --format docker --target run --tag vfs --file docker/Dockerfile . \
  >"$out/build.log" 2>&1 || {
  tail -30 "$out/build.log" >&2
  fail "docker/Dockerfile does not build; all of it: $out/build.log"
}
say "built; $(engine images --format '{{.Size}}' vfs)"

container=$(engine from --pull-never vfs)
root=$(engine mount "$container")
work=$(mktemp -d)
trap 'engine rm "$container" >/dev/null; rm -rf "$work"' EXIT

# --- what is in it ---------------------------------------------------------------------------------

setting() { engine inspect --type image --format "{{.Docker.Config.$1}}" vfs; }
[ "$(setting User)" = 1000:1000 ] || fail "it does not run as an ordinary user: $(setting User)"
[ "$(setting Entrypoint)" = '[vfs]' ] || fail "its entry point is $(setting Entrypoint)"
setting Healthcheck | grep -q 'vfs status' || fail "it has no health check"
for program in gcc cc ld pip pip3 uv; do
  [ -z "$(chroot "$root" sh -c "command -v $program" || true)" ] || fail "$program is in it"
done
chroot "$root" find / -xdev -path /proc -prune -o -perm /6000 -type f -print | grep -q /fusermount3 || fail "fusermount3 is not setuid root"
say "ordinary user, entry point, health check; no compiler, pip or uv"

# --- what it does ----------------------------------------------------------------------------------

# Ends a container that runs in the background: its first process, and with that all of its process namespace.
end() { [ ! -e "/proc/$1" ] || kill -KILL $(cat "/proc/$1/task/$1/children"); }

# In a subshell, which it replaces:
# in_image NAMESPACES DEVICE CAPABILITIES UID COMMAND…: runs a command in the image's tree, as an engine would.
#   NAMESPACES   words for unshare; mounts made in $work/shared reach whoever shares it
#   DEVICE       yes: there is a /dev/fuse for everybody
#   CAPABILITIES what setpriv leaves in the bounding set
in_image() {
  local namespaces=$1 device=$2 capabilities=$3 uid=$4
  shift 4
  # shellcheck disable=SC2086
  exec unshare --mount --propagation unchanged --pid --fork --kill-child bash -euc '
    root=$1 work=$2 device=$3 capabilities=$4 uid=$5 namespaces=$6; shift 6
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t tmpfs -o mode=755 none dev
    mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/urandom c 1 9
    ln -s /proc/self/fd dev/fd
    [ "$device" != yes ] || mknod -m 666 dev/fuse c 10 229
    mount -t tmpfs -o mode=1777 none tmp
    mkdir -p srv/shared srv/repository
    mount --rbind "$work/shared" srv/shared
    mount --bind "$work/repository" srv/repository
    privileges="--no-new-privs"
    [ "$capabilities" = -all ] || privileges=
    pivot_root . mnt # in a chroot no user namespace may be made
    umount --lazy /mnt
    exec env -i PATH=/opt/vfs/bin:/usr/bin:/bin VFS_CACHE_DIR=/tmp/cache HOME=/tmp/home \
      setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --bounding-set="$capabilities" $privileges \
      $namespaces sh -c "mkdir -p /tmp/home; cd /tmp/home; exec \"\$@\"" sh "$@"
  ' bash "$root" "$work" "$device" "$capabilities" "$uid" "$namespaces" "$@"
}

mkdir -p "$work/shared" "$work/repository"
git -C "$work/repository" init --quiet --initial-branch=main .
for version in v1 v2; do
  echo "read in version $version" >"$work/repository/file.txt"
  git -C "$work/repository" add file.txt
  git -C "$work/repository" -c user.name=t -c user.email=t@example.org -c commit.gpgsign=false commit --quiet --message $version
  git -C "$work/repository" tag $version
done
chown -R 1000:1000 "$work/repository"
chmod 755 "$work"

export -f in_image end say fail
export root work
# All of it in a mount namespace that sends nothing out; the shared directory is shared within it.
unshare --mount --propagation private bash -euc '
  mount --bind "$work/shared" "$work/shared"
  mount --make-shared "$work/shared"

  said=$( (in_image "" no -all 1000 vfs doctor) 2>&1 || true)
  grep -q "/dev/fuse does not exist" <<<"$said" || fail "vfs doctor: $said"
  grep -q "the capability CAP_SYS_ADMIN was taken away" <<<"$said" || fail "vfs doctor: $said"
  say "without device and capability, vfs doctor names both"

  (in_image "" yes -all,+sys_admin 1000 vfs demo) >"$work/demo.txt" 2>&1 || fail "vfs demo: $(cat "$work/demo.txt")"
  tr "\n" " " <"$work/demo.txt" | grep -q "byte read was compared" || fail "vfs demo: $(cat "$work/demo.txt")"
  say "with the device and CAP_SYS_ADMIN alone, user 1000 runs vfs demo"

  in_image "" yes +all 0 vfs fuse-helper --socket /srv/shared/sock --directory /srv/shared --uid 1000 --allow-other >"$work/helper.txt" 2>&1 &
  helper=$!
  sidecar=
  trap "end $helper; [ -z \"\$sidecar\" ] || end \$sidecar" EXIT
  for attempt in $(seq 200); do grep -q listening "$work/helper.txt" && break; sleep 0.1; done
  in_image "unshare --user --map-current-user --pid --fork --kill-child --mount --mount-proc" no -all 1000 \
    vfs mount --foreground --fuse-socket /srv/shared/sock --repo /srv/repository --rev v1 -o allow_other /srv/shared/data >"$work/sidecar.txt" 2>&1 &
  sidecar=$!
  for attempt in $(seq 300); do [ -e "$work/shared/data/file.txt" ] && break; sleep 0.1; done
  [ "$(cat "$work/shared/data/file.txt")" = "read in version v1" ] || fail "sidecar: $(cat "$work/sidecar.txt" "$work/helper.txt")"
  say "a sidecar without device, capability and privilege serves a mount that the helper made"
  end $sidecar
  for attempt in $(seq 200); do grep -q "is gone: took down" "$work/helper.txt" && break; sleep 0.1; done
  [ ! -e "$work/shared/data" ] || fail "the mount outlived its sidecar"
  say "killed with its namespaces, it leaves no mount"
'
say "done"

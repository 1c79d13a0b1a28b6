#!/bin/bash
# Builds the proving guest into a folder that doesn't exist yet:
#
#   build.sh OUTDIR       ->  OUTDIR/vmlinuz  OUTDIR/initrd.gz  OUTDIR/patio
#
# The kernel and the guest agent are taken out of Debian's packages without installing them on this machine.
# Needs: apt-get, dpkg-deb, gcc with a static libc, busybox (static), depmod and modprobe, cpio, gzip, mke2fs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: build.sh OUTDIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# Unpacks a package of Debian's archive into $work/<name>.
unpack() {
  mkdir -p "$work/debs"
  (cd "$work/debs" && apt-get -q -o Acquire::Retries=5 download "$1" >"$work/apt.log" 2>&1) || return 1
  mkdir -p "$work/$2"
  dpkg-deb -x "$work"/debs/"$1"_*.deb "$work/$2"
}

# The package that `linux-image-cloud-amd64` stands for today: small, and its drivers are those of virtual machines.
kernel_package() {
  apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -1
}

if [ -z "$(kernel_package)" ] || ! unpack "$(kernel_package)" kernel; then
  # The package lists may be missing (a pruned machine) or older than the archive.
  apt-get -q -o Acquire::Retries=5 update >/dev/null
  unpack "$(kernel_package)" kernel || { cat "$work/apt.log" >&2; exit 1; }
fi
unpack qemu-guest-agent agent || { cat "$work/apt.log" >&2; exit 1; }

mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,etc,lib/modules} "$work/out"
gcc -O2 -Wall -static -pthread -o "$root/bin/guest" "$here"/src/{guest,disk,say,block}.c
gcc -O2 -Wall -o "$work/out/patio" "$here"/src/{patio,history,block}.c
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$here/init" "$root/init"
chmod +x "$root/init"

# Modules, each after those it needs.
version=$(basename "$work"/kernel/lib/modules/*)
/sbin/depmod -b "$work/kernel" "$version"
for module in virtio_pci virtio_blk virtio_console button evdev; do
  /sbin/modprobe -d "$work/kernel" -S "$version" --show-depends "$module" | while read -r verb file _; do
    name=$(basename "$file")
    [ "$verb" = insmod ] && [ ! -e "$root/lib/modules/$name" ] || continue
    cp "$file" "$root/lib/modules/$name"
    echo "$name" >>"$root/lib/modules/order"
  done
done

# Programs with their shared libraries.
add_program() {
  install -D "$1" "$root/$2"
  { ldd "$1" || true; } | grep -oE '/[^ )]+' | while read -r library; do
    [ -e "$root/$library" ] || install -D "$library" "$root/$library"
  done
}
add_program "$work/agent/usr/sbin/qemu-ga" sbin/qemu-ga
add_program /sbin/mke2fs sbin/mke2fs
add_program /sbin/e2fsck sbin/e2fsck

(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/out/initrd.gz"
cp "$work"/kernel/boot/vmlinuz-* "$work/out/vmlinuz"
mkdir -p "$(dirname "$out")"
cp -r "$work/out" "$out.$$"
# Somebody else may have built the same meanwhile; either is right.
mv -T "$out.$$" "$out" 2>/dev/null || rm -rf "$out.$$"
[ -e "$out/initrd.gz" ]

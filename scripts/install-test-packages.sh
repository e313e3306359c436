#!/bin/sh
# The Debian packages that the privileged and e2e tests use, installed when missing: this asks for root.
set -eu
missing=
need() { command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"; }
need /bin/busybox busybox-static
need mmdebstrap mmdebstrap
need skopeo skopeo
need docker-registry docker-registry
need openssl openssl
need nft nftables
need strace strace
need setcap libcap2-bin
need /usr/lib/python3/dist-packages/docker python3-docker
command -v docker >/dev/null 2>&1 || missing="$missing docker.io"
[ -n "$missing" ] || exit 0
echo "installing Debian packages for the tests:$missing" >&2
[ "$(id -u)" = 0 ] || { echo "as root: apt-get install$missing" >&2; exit 1; }
# Debian starts a daemon that it installs; here only its client is wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq >&2
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2

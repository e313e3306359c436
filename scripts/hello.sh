#!/bin/sh
# Runs the first container: a throw-away daemon on a temporary root, the embedded hello-world image, and away with it.
set -eu
root=$(mktemp -d /tmp/berth-hello.XXXXXX)
daemon=
clean_up() {
	[ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; } 2>/dev/null
	rm -rf "$root"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mkfifo "$root/log"
dist/berth daemon -H "unix://$root/berth.sock" --data-root "$root/data" --exec-root "$root/run" 2>"$root/log" &
daemon=$!
exec 3<"$root/log"
while read -r line <&3; do
	case $line in
	*"API listen on"*) break ;;
	*level=error* | *level=fatal* | berth:*) echo "$line" >&2 ;;
	esac
done
# The daemon must never wait for a reader of its log.
cat <&3 >/dev/null &
DOCKER_HOST="unix://$root/berth.sock" dist/berth hello

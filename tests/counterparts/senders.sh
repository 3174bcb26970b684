#!/bin/sh
# Two SOAP clients nobody here wrote, as peers that push: zeep (Python) and node-soap. Nothing of them is part of the product.
#   senders.sh install             puts them into a cache where they are missing; says nothing when all is there
#   senders.sh zeep|node WORD…     runs the sender with these words
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/guichet-counterparts
# the versions this was written against; read `pip index versions zeep`, `npm view soap version` before raising them
zeep=4.3.3 soap=1.13.0

need() { # need COMMAND PACKAGE…: installs Debian packages where a command is missing
    command=$1; shift
    command -v "$command" >/dev/null && return 0
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

case $1 in
install)
    need python3 python3 python3-venv
    need npm nodejs npm
    [ -x "$cache/zeep-$zeep/ready" ] || {
        python3 -m venv "$cache/zeep-$zeep"
        "$cache/zeep-$zeep/bin/pip" install -q "zeep==$zeep"
        ln -s bin/python "$cache/zeep-$zeep/ready"
    }
    [ -d "$cache/node-soap-$soap/node_modules/soap" ] || {
        mkdir -p "$cache/node-soap-$soap"
        cd "$cache/node-soap-$soap"
        npm install --silent --no-audit --no-fund --prefix . "soap@$soap" >/dev/null
    }
    ;;
zeep) shift; exec "$cache/zeep-$zeep/bin/python" "$here/senders/zeep.py" "$@" ;;
node) shift; NODE_PATH="$cache/node-soap-$soap/node_modules" exec node "$here/senders/node.js" "$@" ;;
*) echo "usage: $0 install|zeep|node" >&2; exit 2 ;;
esac

#!/bin/sh
# Real SOAP stacks to test against, installed into a cache folder of their own. Nothing of it is part of the product.
#   soap.sh install spyne|node-soap            installs it where it is missing; says nothing when all is there
#   soap.sh serve PEERS_DIR PORT spyne         runs it in the foreground
#   soap.sh serve PEERS_DIR PORT node-soap WSDL
#   soap.sh serve PEERS_DIR PORT replay FILES_DIR TEST[,TEST]
set -eu
cache=${GUICHET_COUNTERPARTS:-${HOME:-/tmp}/.cache/guichet-counterparts}

install() {
    mkdir -p "$cache"
    case $1 in
    spyne)
        "$cache/spyne/bin/python" -c 'import spyne, lxml' 2>/dev/null && return 0
        python3 -m venv "$cache/spyne"
        "$cache/spyne/bin/pip" install --quiet spyne==2.14.0 lxml
        ;;
    node-soap)
        [ -d "$cache/node-soap/node_modules/soap" ] && return 0
        npm install --prefix "$cache/node-soap" --silent --no-audit --no-fund soap@1.13.0
        ;;
    esac
}

serve() {
    peers=$1 port=$2 what=$3
    shift 3
    case $what in
    spyne) exec "$cache/spyne/bin/python" "$peers/spyne-silo.py" "$port" ;;
    node-soap) NODE_PATH="$cache/node-soap/node_modules" exec node "$peers/soapserver.js" "$port" "$@" ;;
    replay) exec python3 "$peers/wm.py" "$port" "$@" ;;
    esac
}

verb=$1
shift
"$verb" "$@"

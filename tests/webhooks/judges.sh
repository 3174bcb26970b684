#!/bin/sh
# Prints the path of a Python that has the judges of `./test webhooks`: `standardwebhooks` and `cloudevents` from PyPI, in a
# virtual environment of their own, made at the first call. Nothing of it is part of the product.
set -eu
home=${XDG_CACHE_HOME:-$HOME/.cache}/guichet/webhook-judges-1
python=$home/bin/python
if ! [ -e "$home/complete" ]; then
    mkdir -p "$(dirname "$home")"
    # beside, then moved: two calls at once, or one that was broken off, harm nothing
    aside=$(mktemp -d "$home.XXXXXX")
    python3 -m venv "$aside" >&2
    "$aside/bin/python" -m pip install -q --disable-pip-version-check 'standardwebhooks==1.1.0' 'cloudevents>=1.11,<2' >&2
    touch "$aside/complete"
    mv -T "$aside" "$home" 2>/dev/null || rm -r "$aside"
fi
echo "$python"

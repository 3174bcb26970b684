# Sourced by ./test and ./bench: `broker` sees to it that a RabbitMQ is there, and exports its address as GUICHET_AMQP.
# Takes the one that is named or runs here; otherwise starts one of its own on free ports. Whoever sources this calls
# `broker_stop` at exit, and has a `need COMMAND PACKAGE` that installs.

free_port() { # a port nobody listens at
    local port
    while port=$((20000 + RANDOM)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

broker() {
    [ -z "${GUICHET_AMQP:-}" ] || return 0
    if [ -z "${GUICHET_OWN_BROKER:-}" ] && (exec 3<>/dev/tcp/127.0.0.1/5672) 2>/dev/null; then
        export GUICHET_AMQP=amqp://guest:guest@127.0.0.1:5672
        return 0
    fi
    need rabbitmq-server rabbitmq-server || return 1
    # where the package started its service, that is the one
    if [ -z "${GUICHET_OWN_BROKER:-}" ] && (exec 3<>/dev/tcp/127.0.0.1/5672) 2>/dev/null; then
        export GUICHET_AMQP=amqp://guest:guest@127.0.0.1:5672
        return 0
    fi
    broker_home=$(mktemp -d)
    broker_epmd=$(free_port)
    local port; port=$(free_port)
    # the script of the package itself, without the wrapper that changes the user
    env HOME="$broker_home" ERL_EPMD_PORT="$broker_epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="guichet-test-$$@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port" \
        RABBITMQ_DIST_PORT="$(free_port)" RABBITMQ_MNESIA_BASE="$broker_home/data" RABBITMQ_LOG_BASE="$broker_home/log" \
        RABBITMQ_CONFIG_FILE="$broker_home/none" RABBITMQ_ENABLED_PLUGINS_FILE="$broker_home/plugins" RABBITMQ_CONF_ENV_FILE="$broker_home/none" \
        setsid /usr/lib/rabbitmq/bin/rabbitmq-server >"$broker_home/out" 2>&1 &
    broker_pid=$!
    local tries
    for tries in $(seq 120); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            export GUICHET_AMQP="amqp://guest:guest@127.0.0.1:$port"
            return 0
        fi
        kill -0 "$broker_pid" 2>/dev/null || break
        sleep 1
    done
    echo "RabbitMQ does not start:"; tail -20 "$broker_home/out"
    return 1
}

broker_stop() {
    [ -n "${broker_pid:-}" ] || return 0
    kill -TERM -- "-$broker_pid" 2>/dev/null; wait "$broker_pid" 2>/dev/null
    ERL_EPMD_PORT="$broker_epmd" epmd -kill >/dev/null 2>&1
    rm -rf "$broker_home"; broker_pid=
}

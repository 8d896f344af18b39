#!/usr/bin/env bash
# Starts PostgreSQL and MariaDB on loopback, with data in a temporary folder, runs a command with
# their addresses in RUFF_TEST_POSTGRES and RUFF_TEST_MYSQL, and stops them. A server that is not
# installed is left out; `--install` first installs both with apt-get, if that is allowed.
#
#   bash tests/databases.sh [--install] cargo test --test suite -- databases/
set -euo pipefail

if [ "${1:-}" = --install ]; then
    shift
    if ! command -v mariadbd >/dev/null || ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
        install() {
            DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y --no-install-recommends \
                postgresql mariadb-server >/dev/null 2>&1
        }
        install || { timeout 120 apt-get update >/dev/null 2>&1 && install; } ||
            echo "databases.sh: cannot install postgresql and mariadb-server" >&2
    fi
fi

folder=$(mktemp -d)
chmod 755 "$folder"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT

free_port() {
    while true; do
        local port=$((20000 + RANDOM))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
}

# Waits until a command succeeds, up to 30 seconds.
until_works() {
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}

start_postgres() {
    local bin port as=()
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)
    if [ ! -x "$bin/postgres" ] && command -v postgres >/dev/null; then
        bin=$(dirname "$(command -v postgres)")
    fi
    if [ ! -x "$bin/postgres" ]; then
        echo "databases.sh: PostgreSQL is missing (apt-get install postgresql)" >&2
        return
    fi
    mkdir "$folder/pg"
    echo secret >"$folder/password"
    # PostgreSQL does not run as root.
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$folder/pg" "$folder/password"
        as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    fi
    "${as[@]}" "$bin/initdb" -D "$folder/pg/data" -U ruff -E UTF8 --locale=C --no-sync \
        --auth=scram-sha-256 --pwfile="$folder/password" >"$folder/pg.log"
    port=$(free_port)
    (cd "$folder/pg" && exec "${as[@]}" "$bin/postgres" -D "$folder/pg/data" -p "$port" -h 127.0.0.1 \
        -k "$folder/pg" -c fsync=off >>"$folder/pg.log" 2>&1) &
    pids+=($!)
    if until_works "$bin/pg_isready" -h 127.0.0.1 -p "$port"; then
        export RUFF_TEST_POSTGRES="postgres://ruff:secret@127.0.0.1:$port/postgres"
    else
        cat "$folder/pg.log" >&2
    fi
}

start_mariadb() {
    local port
    if ! command -v mariadbd >/dev/null; then
        echo "databases.sh: MariaDB is missing (apt-get install mariadb-server)" >&2
        return
    fi
    mkdir "$folder/my"
    mariadb-install-db --no-defaults --datadir="$folder/my/data" --user="$(id -un)" \
        --auth-root-authentication-method=normal --skip-test-db >"$folder/my.log" 2>&1
    port=$(free_port)
    mariadbd --no-defaults --user="$(id -un)" --datadir="$folder/my/data" --port="$port" \
        --bind-address=127.0.0.1 --socket="$folder/my/socket" >>"$folder/my.log" 2>&1 &
    pids+=($!)
    local sql="CREATE DATABASE ruff; CREATE USER ruff@'127.0.0.1' IDENTIFIED BY 'secret';
        GRANT ALL ON *.* TO ruff@'127.0.0.1';"
    if until_works mariadb --no-defaults --socket="$folder/my/socket" -u root -e "SELECT 1" &&
        mariadb --no-defaults --socket="$folder/my/socket" -u root -e "$sql"; then
        export RUFF_TEST_MYSQL="mysql://ruff:secret@127.0.0.1:$port/ruff"
    else
        cat "$folder/my.log" >&2
    fi
}

# A server that does not start is left out like one that is missing.
start_postgres || true
start_mariadb || true
"$@"

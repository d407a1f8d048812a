#!/bin/bash
# Starts MySQL as the official image does: an empty data directory is initialised, given its first accounts and the scripts of
# /docker-entrypoint-initdb.d by a temporary server without a network; then mysqld takes this process's place.
# The environment's names are the official image's: https://github.com/docker-library/docs/tree/master/mysql
set -euo pipefail
shopt -s nullglob

say() { printf '%s [entrypoint] %s\n' "$(date --utc +%FT%TZ)" "$*"; }
fail() { say "$*" >&2; exit 1; }

# Sets NAME from the file that NAME_FILE points to; both at once are a mistake.
secret_from_file() {
    local name="$1" file_name="$1_FILE"
    local file="${!file_name:-}"
    [ -n "$file" ] || return 0
    [ -z "${!name:-}" ] || fail "$name and $file_name are both set; keep one of them"
    [ -r "$file" ] || fail "$file_name names $file, which cannot be read; mount it"
    printf -v "$name" '%s' "$(< "$file")"
    unset "$file_name"
}

# Prints its argument as the inside of an SQL string.
quoted() { local text="${1//\\/\\\\}"; printf '%s' "${text//\'/\\\'}"; }

# Runs SQL from standard input as root over the socket. The password travels in a file descriptor, never as an argument.
sql() {
    mysql --defaults-extra-file=<(printf '[client]\npassword="%s"\n' "${login_password:-}") \
        --protocol=socket --socket="$socket" --user=root --comments "$@"
}

run_script() {
    case "$1" in
        *.sh) if [ -x "$1" ]; then say "runs $1"; "$1"; else say "sources $1"; . "$1"; fi ;;
        *.sql) say "runs $1"; sql ${MYSQL_DATABASE:+--database="$MYSQL_DATABASE"} < "$1" ;;
        *.sql.gz) say "runs $1"; gunzip --stdout "$1" | sql ${MYSQL_DATABASE:+--database="$MYSQL_DATABASE"} ;;
        *) say "ignores $1" ;;
    esac
}

first_accounts() {
    local password; password="$(quoted "${MYSQL_ROOT_PASSWORD:-}")"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$password';"
    if [ -n "$MYSQL_ROOT_HOST" ] && [ "$MYSQL_ROOT_HOST" != localhost ]; then
        echo "CREATE USER 'root'@'$(quoted "$MYSQL_ROOT_HOST")' IDENTIFIED BY '$password';"
        echo "GRANT ALL ON *.* TO 'root'@'$(quoted "$MYSQL_ROOT_HOST")' WITH GRANT OPTION;"
    fi
    [ -z "${MYSQL_DATABASE:-}" ] || echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
    if [ -n "${MYSQL_USER:-}" ]; then
        echo "CREATE USER '$(quoted "$MYSQL_USER")'@'%' IDENTIFIED BY '$(quoted "${MYSQL_PASSWORD:-}")';"
        [ -z "${MYSQL_DATABASE:-}" ] || echo "GRANT ALL ON \`${MYSQL_DATABASE//_/\\_}\`.* TO '$(quoted "$MYSQL_USER")'@'%';"
    fi
}

initialise() {
    [ -n "${MYSQL_ROOT_PASSWORD:-}${MYSQL_ALLOW_EMPTY_PASSWORD:-}" ] \
        || fail "the data directory is empty and root has no password; set MYSQL_ROOT_PASSWORD_FILE"
    [ "${MYSQL_USER:-}" != root ] || fail "MYSQL_USER is root, which exists already; use MYSQL_ROOT_PASSWORD_FILE for its password"
    say "initialises $data"
    "$@" --initialize-insecure --default-time-zone=SYSTEM
    say "starts a temporary server"
    "$@" --daemonize --skip-networking --default-time-zone=SYSTEM --socket="$socket"
    login_password="" first_accounts_sql="$(first_accounts)"
    sql <<< "$first_accounts_sql"
    login_password="${MYSQL_ROOT_PASSWORD:-}"
    local script
    for script in /docker-entrypoint-initdb.d/*; do run_script "$script"; done
    sql <<< "SHUTDOWN"
    # SHUTDOWN returns before the server has gone; its process file goes last.
    local waited=0
    while [ -e "$pid_file" ] && [ "$waited" -lt 300 ]; do sleep 0.1; waited=$((waited + 1)); done
    [ ! -e "$pid_file" ] || fail "the temporary server did not stop within 30 s"
    say "is initialised"
}

[ "${1:0:1}" != - ] || set -- mysqld "$@"
if [ "$1" = mysqld ] && [[ " $* " != *" --help "* && " $* " != *" --version "* && " $* " != *" --validate-config "* ]]; then
    if [ "$(id -u)" = 0 ]; then
        find /var/lib/mysql /var/run/mysqld \! -user mysql -exec chown mysql '{}' +
        exec setpriv --reuid=mysql --regid=mysql --init-groups "$BASH_SOURCE" "$@"
    fi
    [ -x /var/lib/mysql ] && [ -w /var/lib/mysql ] && { [ ! -e /var/lib/mysql/ibdata1 ] || [ -w /var/lib/mysql/ibdata1 ]; } \
        || fail "the data belongs to user $(stat --format %u /var/lib/mysql), and MySQL is user $(id -u) here: 'make up' gives it over"
    settings="$("$@" --verbose --help 2>&1)" || { printf '%s\n' "$settings" | grep ERROR >&2; fail "mysqld refuses its options"; }
    # The effective values follow a line of dashes.
    setting() { awk -v name="$1" '/^-----/ { values = 1 } values && $1 == name { print $2; exit }' <<< "$settings"; }
    data="$(setting datadir)" socket="$(setting socket)" pid_file="$(setting pid-file)"
    for name in MYSQL_ROOT_PASSWORD MYSQL_ROOT_HOST MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD; do secret_from_file "$name"; done
    : "${MYSQL_ROOT_HOST:=%}"
    [ -d "${data%/}/mysql" ] || initialise "$@"
fi
exec "$@"

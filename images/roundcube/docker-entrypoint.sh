#!/bin/bash
# Starts Roundcube as the official image does: the environment becomes configuration under /var/www/html/config, the schema is
# made or migrated, then Apache takes this process's place.
# The environment's names are the official image's: https://github.com/roundcube/roundcubemail-docker#configurationenvironment-variables
set -euo pipefail
shopt -s nullglob

say() { printf '%s [entrypoint] %s\n' "$(date --utc +%FT%TZ)" "$*" >&2; }

# Prints its argument as a string of PHP.
php_string() { local text="${1//\\/\\\\}"; printf "'%s'" "${text//\'/\\\'}"; }

# Prints the first line of a secret file, or the second argument where there is none.
secret() { if [ -f "/run/secrets/$1" ]; then cat "/run/secrets/$1"; else printf '%s' "$2"; fi; }

data_source() {
    local user password
    user="$(secret roundcube_db_user "${ROUNDCUBEMAIL_DB_USER:-root}")"
    password="$(secret roundcube_db_password "${ROUNDCUBEMAIL_DB_PASSWORD:-}")"
    printf '%s' "mysql://$user:$password@${ROUNDCUBEMAIL_DB_HOST:=mysql}:${ROUNDCUBEMAIL_DB_PORT:=3306}"
    printf '%s' "/${ROUNDCUBEMAIL_DB_NAME:-roundcubemail}"
}

wait_for_database() {
    local waited
    for ((waited = 0; waited < 30; waited++)); do
        (exec 3<> "/dev/tcp/${ROUNDCUBEMAIL_DB_HOST:-mysql}/${ROUNDCUBEMAIL_DB_PORT:-3306}") 2> /dev/null && return
        sleep 1
    done
    say "the database at ${ROUNDCUBEMAIL_DB_HOST:-mysql}:${ROUNDCUBEMAIL_DB_PORT:-3306} did not answer for 30 s; going on"
}

main_configuration() {
    local name
    echo '<?php'
    echo '$config = [];'
    echo '$config["log_driver"] = "stdout";'
    echo '$config["zipdownload_selection"] = true;'
    echo '$config["enable_spellcheck"] = false;'
    echo "\$config['db_dsnw'] = $(php_string "$(data_source)");"
    echo "\$config['imap_host'] = $(php_string "${ROUNDCUBEMAIL_DEFAULT_HOST:-localhost}:${ROUNDCUBEMAIL_DEFAULT_PORT:-143}");"
    echo "\$config['smtp_host'] = $(php_string "${ROUNDCUBEMAIL_SMTP_SERVER:-localhost}:${ROUNDCUBEMAIL_SMTP_PORT:-587}");"
    echo "\$config['username_domain'] = $(php_string "${ROUNDCUBEMAIL_USERNAME_DOMAIN:-}");"
    echo "\$config['request_path'] = $(php_string "${ROUNDCUBEMAIL_REQUEST_PATH:-/}");"
    echo "\$config['skin'] = $(php_string "${ROUNDCUBEMAIL_SKIN:-elastic}");"
    echo "\$config['temp_dir'] = $(php_string "$temporary");"
    echo "\$config['plugins'] = preg_split('/[, ]+/', $(php_string "${ROUNDCUBEMAIL_PLUGINS:-archive,zipdownload}"), -1, PREG_SPLIT_NO_EMPTY);"
    if [ -e /run/secrets/roundcube_des_key ]; then
        echo "\$config['des_key'] = file_get_contents('/run/secrets/roundcube_des_key');"
    else
        # Sessions end with the container: this key is not kept.
        echo "\$config['des_key'] = $(php_string "${ROUNDCUBEMAIL_DES_KEY:-$(php -r 'echo bin2hex(random_bytes(12));')}");"
    fi
    for name in /var/roundcube/config/*.php; do echo "include $(php_string "$name");"; done
}

case "${1:-}" in
    apache2* | bin/*)
        case "${ROUNDCUBEMAIL_DB_TYPE:-}" in
            mysql) ;;
            *) say "ROUNDCUBEMAIL_DB_TYPE is '${ROUNDCUBEMAIL_DB_TYPE:-}'; this image knows mysql alone"; exit 1 ;;
        esac
        temporary="${ROUNDCUBEMAIL_TEMP_DIR:-/tmp/roundcube-temp}"
        mkdir -p "$temporary" /var/www/html/config
        ln -sfn /var/lib/roundcube/public_html /var/www/html/public_html
        mkdir -p /var/www/html/plugins
        (umask 077; main_configuration > /var/www/html/config/config.inc.php)
        wait_for_database
        # As there: a database that fails now must not keep the web server from starting; the log has the reason.
        php /usr/local/share/roundcube/initdb.php || say "the schema could not be made or migrated; restart after mending the cause"
        for task in /entrypoint-tasks/post-setup/*; do
            [ ! -f "$task" ] || [ ! -x "$task" ] || "$task" "$@" || { say "the task $task failed"; exit 1; }
        done
        ;;
esac
exec "$@"

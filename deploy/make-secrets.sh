#!/bin/sh
# Makes secrets/ beside this file, each readable by the user of its container alone, and asks for what
# only you know. What is there already stays. As root, since it gives files away.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
put() { # name, content, owner
    [ -e "secrets/$1" ] || printf %s "$2" > "secrets/$1"
    chown "$3:$3" "secrets/$1"
    chmod 0400 "secrets/$1"
}
if [ ! -e secrets/itglue_api_key ]; then
    [ -n "${ITGLUE_API_KEY:-}" ] || { printf 'IT Glue API key: ' >&2; read -r ITGLUE_API_KEY; }
fi
password=$(random)
put itglue_api_key "${ITGLUE_API_KEY:-}" 10001
put secret_keys "[\"$(random)\"]" 10001
# Both or neither: they hold one password.
if [ ! -e secrets/redis_url ] || [ ! -e secrets/valkey.conf ]; then
    rm -f secrets/redis_url secrets/valkey.conf
fi
put redis_url "redis://:$password@valkey:6379/0" 10001
put valkey.conf "requirepass $password" 999
# An operator without roles may only look: unglue operators add prometheus
put prometheus_token "${PROMETHEUS_TOKEN:-replace-me}" 65534
[ -e unglue.toml ] || cp unglue.example.toml unglue.toml
chown 10001:10001 unglue.toml
chmod 0400 unglue.toml
chmod 0711 secrets
echo "secrets/ and unglue.toml are there, for the containers' users alone." >&2

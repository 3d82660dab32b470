# A PostgreSQL cluster with checksums and fsync: created, loaded by pgbench, crashed once, checked, stopped.
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb)")
data=/srv/postgres/data
rm -rf /srv/postgres
mkdir -p /srv/postgres/socket
chown -R postgres:postgres /srv/postgres
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups env HOME=/srv/postgres PGHOST=/srv/postgres/socket "$@"; }
cd /srv/postgres
control() { as_postgres "$bin/pg_ctl" -s -w -t 120 -D "$data" -l /srv/postgres/log "$@" || { cat /srv/postgres/log; return 1; }; }
start() { control -o '-k /srv/postgres/socket -h ""' start; }

as_postgres "$bin/initdb" -D "$data" --data-checksums --encoding=UTF8 --locale=C.UTF-8 --auth=trust
start
test "$(as_postgres psql -XAtc 'SHOW fsync' postgres)" = on
as_postgres "$bin/createdb" bench
as_postgres "$bin/pgbench" -q -i -s 5 bench
as_postgres "$bin/pgbench" -n -c 4 -j 2 -t 200 bench
as_postgres psql -XAtq -v ON_ERROR_STOP=1 bench <<'SQL'
CREATE TABLE document(id bigint PRIMARY KEY, body text, tags text[]);
INSERT INTO document SELECT n, repeat(md5(n::text), 20), ARRAY[md5(n::text)] FROM generate_series(1, 20000) n;
CREATE INDEX ON document USING gin(tags);
CREATE EXTENSION amcheck;
VACUUM FULL document;
CHECKPOINT;
SQL
before=$(as_postgres psql -XAtc "SELECT md5(string_agg(d::text, ',' ORDER BY id)) FROM document d" bench)
sums="SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM pgbench_branches)
  AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM pgbench_history)"
test "$(as_postgres psql -XAtc "$sums" bench)" = t

# An immediate stop is a crash as far as the files go: the restart recovers from the write-ahead log.
as_postgres "$bin/pgbench" -n -c 2 -t 50 bench
control -m immediate stop
start
test "$(as_postgres psql -XAtc "$sums" bench)" = t
test "$(as_postgres psql -XAtc "SELECT md5(string_agg(d::text, ',' ORDER BY id)) FROM document d" bench)" = "$before"
as_postgres "$bin/pg_amcheck" --heapallindexed --all
as_postgres "$bin/pg_dump" -Fc bench >/srv/postgres/bench.dump
control -m fast stop
as_postgres "$bin/pg_checksums" --check -D "$data"

# SQLite databases with a rollback journal and with a write-ahead log: created, loaded, changed, checked, copied.
rm -rf /root/sqlite
mkdir -p /root/sqlite
cd /root/sqlite
for mode in delete wal truncate; do
  sqlite3 "$mode.db" <<SQL
PRAGMA journal_mode=$mode;
PRAGMA synchronous=FULL;
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, payload BLOB);
CREATE INDEX item_name ON item(name);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)
INSERT INTO item SELECT i, 'name-' || (i*7919%20011), randomblob(100) FROM n;
COMMIT;
SQL
  seq 1 60 | while read -r n; do echo "UPDATE item SET name='changed-$n' WHERE id=$n;"; done | sqlite3 "$mode.db"
  sqlite3 "$mode.db" 'BEGIN; DELETE FROM item; ROLLBACK; DELETE FROM item WHERE id > 15000; VACUUM;'
  test "$(sqlite3 "$mode.db" 'PRAGMA integrity_check;')" = ok
  test "$(sqlite3 "$mode.db" 'SELECT count(*) FROM item;')" = 15000
  sqlite3 "$mode.db" ".backup copy-$mode.db"
  test "$(sqlite3 "copy-$mode.db" 'PRAGMA integrity_check;')" = ok
done
# Two writers at once: locks must keep them apart.
sqlite3 shared.db 'PRAGMA journal_mode=wal; CREATE TABLE t(w INTEGER, n INTEGER);' >/dev/null
writer() { seq 1 150 | while read -r n; do echo "INSERT INTO t VALUES($1,$n);"; done | sqlite3 -cmd '.timeout 20000' shared.db; }
writer 1 & first=$!
writer 2 & second=$!
wait "$first"
wait "$second"
test "$(sqlite3 shared.db 'SELECT count(*) FROM t;')" = 300
test "$(sqlite3 shared.db 'PRAGMA integrity_check;')" = ok

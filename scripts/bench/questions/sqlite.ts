// sqlite - many small transactions, each of them synced: a rollback journal makes and removes a file for each, a WAL appends.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram, Unavailable } from '../command.js'
import type { Question } from '../question.js'
import { smallTree } from './shared.js'

const kJournals = ['delete', 'wal'] as const

export const sqlite: Question = {
  id: 'sqlite',
  group: 'data',
  title: 'SQLite inserts',
  weight: 4,
  rows: ({ transactions }) => kJournals.map((id) => ({ id, label: `SQLite insert, journal ${id}`, unit: 'time', per: transactions })),
  prepare({ sizes, materials }) {
    if (!hasProgram('sqlite3')) throw new Unavailable('sqlite3 is not installed')
    const lower = smallTree(sizes, materials)
    const inserts = Array.from({ length: sizes.transactions }, (_, i) => `INSERT INTO t VALUES (${i}, 'value ${i}');`).join('\n')
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      for (const journal of kJournals) {
        const stdin = join(run.scratch, `${journal}.sql`)
        writeFileSync(stdin, `PRAGMA journal_mode=${journal}; PRAGMA synchronous=FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT);\n${inserts}\n`)
        run.step(journal, () => run.command(['sqlite3', '-batch', '-bail', join(path, `${journal}.db`)], { stdin }))
      }
    }
  },
}

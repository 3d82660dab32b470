// list-long - `ls -l` of one large directory: the listing, and metadata, label and ACL of each entry.
import { makeFlat } from '../materials.js'
import type { Question } from '../question.js'

export const listLong: Question = {
  id: 'list-long',
  group: 'metadata',
  title: 'ls -l of a large directory',
  weight: 5,
  rows: ({ listEntries }) => [
    { id: 'first', label: `ls -l of ${listEntries} entries, first`, unit: 'time' },
    { id: 'second', label: `ls -l of ${listEntries} entries, again`, unit: 'time' },
  ],
  prepare({ sizes, materials }) {
    const lower = materials.make('list', 'question', (dir) => makeFlat(`${dir}/large`, sizes.listEntries))
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const row of ['first', 'second']) run.step(row, () => run.client('list-long', [`${path}/large`]).seconds)
    }
  },
}

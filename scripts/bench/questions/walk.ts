// walk - reading every directory of a large tree and asking for the metadata of every entry, as `find -size` does.
import type { Question } from '../question.js'
import { walkTree } from './shared.js'

export const walk: Question = {
  id: 'walk',
  group: 'metadata',
  title: 'walk with stat',
  weight: 8,
  rows: ({ walkFiles }) => [
    { id: 'first', label: `first walk with stat, ${walkFiles} files`, unit: 'time' },
    { id: 'second', label: 'second walk with stat', unit: 'time' },
  ],
  prepare({ sizes, materials }) {
    const lower = walkTree(sizes, materials)
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const row of ['first', 'second']) run.step(row, () => run.client('walk', [path]).seconds)
    }
  },
}

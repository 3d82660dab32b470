// small-files - opening, reading and closing many small files of a lower, on a fresh mount and again.
import type { Question } from '../question.js'
import { smallShape, smallTree } from './shared.js'

export const smallFiles: Question = {
  id: 'small-files',
  group: 'metadata',
  title: 'open+read+close of small files',
  weight: 6,
  rows: (sizes) => [
    { id: 'first', label: 'first open+read+close of a small file', unit: 'time', per: sizes.smallFiles },
    { id: 'second', label: 'second open+read+close of a small file', unit: 'time', per: sizes.smallFiles },
  ],
  prepare({ sizes, materials }) {
    const lower = smallTree(sizes, materials)
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const row of ['first', 'second']) run.step(row, () => run.client('open-read-close', [path], smallShape(sizes)).seconds)
    }
  },
}

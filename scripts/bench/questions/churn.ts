// churn - creating, renaming and removing files in directories that a lower already has, so that the union must be asked
// whether a name is free and directories must come to the upper.
import type { Question } from '../question.js'
import { smallShape, smallTree } from './shared.js'

const kRows = ['create', 'rename', 'unlink'] as const

export const churn: Question = {
  id: 'churn',
  group: 'metadata',
  title: 'create, rename, unlink',
  weight: 7,
  rows: (sizes) => kRows.map((id) => ({ id, label: `${id} of a file`, unit: 'time', per: sizes.smallFiles })),
  prepare({ sizes, materials }) {
    const lower = smallTree(sizes, materials)
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      run.attempt(kRows, () => {
        const report = run.client('churn', [path], smallShape(sizes))
        for (const row of kRows) run.record(row, report.get(row))
      })
    }
  },
}

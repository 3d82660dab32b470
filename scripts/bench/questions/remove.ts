// remove - `rm -rf` of a tree that stands in a lower: every name becomes a whiteout.
import type { Question } from '../question.js'
import { makeTree } from '../materials.js'

export const remove: Question = {
  id: 'remove',
  group: 'metadata',
  title: 'rm -rf of a lower tree',
  weight: 5,
  rows: (sizes) => [{ id: 'lower', label: `rm -rf of ${sizes.smallFiles} files of a lower`, unit: 'time' }],
  prepare({ sizes, materials }) {
    const shape = { dirs: sizes.smallDirs, files: sizes.smallFiles, bytes: 0 }
    const lower = materials.make('doomed', 'question', (dir) => makeTree(`${dir}/doomed`, shape))
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      run.step('lower', () => run.client('remove-tree', [`${path}/doomed`]).seconds)
    }
  },
}

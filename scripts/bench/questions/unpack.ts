// unpack - what tar asks of a file system when it unpacks an archive of small files as root, without the cost of tar itself.
import type { Question } from '../question.js'
import { smallShape, smallTree } from './shared.js'

export const unpack: Question = {
  id: 'unpack',
  group: 'metadata',
  title: 'a tar unpacked',
  weight: 7,
  rows: (sizes) => [{ id: 'tar', label: `a tar of ${sizes.smallFiles} files unpacked`, unit: 'time' }],
  prepare({ sizes, materials }) {
    const lower = smallTree(sizes, materials)
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      run.step('tar', () => run.client('unpack', [`${path}/unpacked`], { ...smallShape(sizes), size: sizes.smallBytes }).seconds)
    }
  },
}

// random - 4 KiB reads at random places of a lower file, and 4 KiB writes at random places of a new one.
import type { Question } from '../question.js'

const kBlock = 4096

export const random: Question = {
  id: 'random',
  group: 'data',
  title: 'random reads and writes',
  weight: 4,
  rows: ({ randomOps }) => [
    { id: 'read-first', label: 'random 4 KiB read, first', unit: 'time', per: randomOps },
    { id: 'read-warm', label: 'random 4 KiB read, warm', unit: 'time', per: randomOps },
    { id: 'write', label: 'random 4 KiB write', unit: 'time', per: randomOps },
  ],
  prepare({ sizes, materials }) {
    const lower = materials.file('large-file', 'run', sizes.fileMiB)
    const work = { block: kBlock, count: sizes.randomOps }
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      for (const row of ['read-first', 'read-warm']) run.step(row, () => run.client('read-random', [`${path}/file`], work).seconds)
      run.step('write', () => run.client('write-random', [`${path}/new`], { ...work, bytes: sizes.fileMiB * 1024 * 1024 }).seconds)
    }
  },
}

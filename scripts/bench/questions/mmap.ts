// mmap - every page of a mapped lower file touched once: on a fresh mount, and again.
import type { Question } from '../question.js'

export const mmap: Question = {
  id: 'mmap',
  group: 'data',
  title: 'mapped read',
  weight: 2,
  rows: ({ fileMiB }) => [
    { id: 'read-first', label: `${fileMiB} MiB read through a mapping, first`, unit: 'time' },
    { id: 'read-warm', label: `${fileMiB} MiB read through a mapping, warm`, unit: 'time' },
  ],
  prepare({ sizes, materials }) {
    const lower = materials.file('large-file', 'run', sizes.fileMiB)
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const row of ['read-first', 'read-warm']) run.step(row, () => run.client('read-mapped', [`${path}/file`]).seconds)
    }
  },
}

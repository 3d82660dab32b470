// seq-read - reading a large lower file from start to end: on a fresh mount, and again once the kernel has it.
import type { Question } from '../question.js'

const kMebibyte = 1024 * 1024
const kRows = [
  ['1m', 'in 1 MiB blocks', kMebibyte],
  ['4k', 'in 4 KiB blocks', 4096],
] as const

export const seqRead: Question = {
  id: 'seq-read',
  group: 'data',
  title: 'sequential read',
  weight: 4,
  rows: ({ fileMiB }) =>
    kRows.flatMap(([id, label]) => [
      { id: `${id}-first`, label: `${fileMiB} MiB read ${label}, first`, unit: 'time' },
      { id: `${id}-warm`, label: `${fileMiB} MiB read ${label}, warm`, unit: 'time' },
    ]),
  prepare({ sizes, materials }) {
    const lower = materials.file('large-file', 'run', sizes.fileMiB)
    return (run) => {
      for (const [id, , block] of kRows) {
        const site = run.mount({ lowers: [lower], writes: false })
        for (const row of ['first', 'warm']) run.step(`${id}-${row}`, () => run.client('read-sequential', [`${site.path}/file`], { block }).seconds)
        site.unmount()
      }
    }
  },
}

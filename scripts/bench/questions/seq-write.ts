// seq-write - writing a new file from start to end. `synced` adds the fsync, so that what a cache puts off is paid there.
import type { Question } from '../question.js'
import { smallTree } from './shared.js'

const kMebibyte = 1024 * 1024

export const seqWrite: Question = {
  id: 'seq-write',
  group: 'data',
  title: 'sequential write',
  weight: 5,
  rows: ({ fileMiB, smallBlockMiB }) => [
    { id: '1m', label: `${fileMiB} MiB written in 1 MiB blocks`, unit: 'time' },
    { id: '1m-synced', label: `${fileMiB} MiB written in 1 MiB blocks, fsync`, unit: 'time' },
    { id: '4k', label: `${smallBlockMiB} MiB written in 4 KiB blocks`, unit: 'time' },
    { id: '4k-synced', label: `${smallBlockMiB} MiB written in 4 KiB blocks, fsync`, unit: 'time' },
  ],
  prepare({ sizes, materials }) {
    const lower = smallTree(sizes, materials)
    const cases = [
      { id: '1m', block: kMebibyte, bytes: sizes.fileMiB * kMebibyte },
      { id: '4k', block: 4096, bytes: sizes.smallBlockMiB * kMebibyte },
    ]
    return (run) => {
      for (const { id, block, bytes } of cases) {
        const site = run.mount({ lowers: [lower], writes: true })
        run.attempt([id, `${id}-synced`], () => {
          const report = run.client('write-sequential', [`${site.path}/written`], { block, bytes })
          run.record(id, report.seconds)
          run.record(`${id}-synced`, report.get('synced'))
        })
        site.unmount()
      }
    }
  },
}

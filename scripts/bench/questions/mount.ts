// mount - from the start of the mount command until the mount answers, for a short and for a deep stack.
import type { Question } from '../question.js'
import { smallTree } from './shared.js'

const kDeep = 128

export const mount: Question = {
  id: 'mount',
  group: 'life',
  title: 'mount-to-ready',
  weight: 3,
  rows: () => [
    { id: 'ready@1', label: 'mount-to-ready, 1 lower', unit: 'time' },
    { id: `ready@${kDeep}`, label: `mount-to-ready, ${kDeep} lowers`, unit: 'time' },
  ],
  notFor: ({ kind }) => (kind === 'plain' ? 'nothing is mounted' : undefined),
  prepare({ sizes, materials }) {
    const stacks = [[smallTree(sizes, materials)], materials.layeredTree('mount-deep', kDeep, { dirs: 1, files: kDeep, bytes: 0 })]
    return (run) => {
      for (const lowers of stacks) {
        const row = `ready@${lowers.length}`
        for (let time = 0; time < sizes.mounts; ++time) {
          const measured = run.step(row, () => {
            const site = run.mount({ lowers, writes: true })
            site.unmount()
            return site.readySeconds ?? NaN
          })
          if (!measured) break
        }
      }
    }
  },
}

// depth - the same tree spread over more and more lowers, every one of which has every directory: what a lookup, a miss
// and a walk cost as the stack grows.
import type { Question } from '../question.js'

const kRows = [
  ['lookup', 'first lookup of a name'],
  ['miss', 'first miss, directory not listed'],
  ['walk', 'first walk with stat'],
  ['miss-listed', 'first miss, directory listed before'],
] as const

export const depth: Question = {
  id: 'depth',
  group: 'depth',
  title: 'lookups, misses and walks over many layers',
  weight: 16,
  rows: ({ depths, depthFiles, depthMisses }) =>
    depths.flatMap((count) =>
      kRows.map(([id, label]) => {
        const per = { 'lookup': depthFiles, 'miss': depthMisses, 'walk': 1, 'miss-listed': depthMisses }[id]
        return { id: `${id}@${count}`, label: `${label}, ${count} lowers`, unit: 'time', per }
      }),
    ),
  prepare({ sizes, materials }) {
    const shape = { dirs: sizes.depthDirs, files: sizes.depthFiles }
    const merged = materials.tree('depth-merged', 'question', { ...shape, bytes: 64 })
    const stacks = sizes.depths.map((count) => ({ count, lowers: materials.layeredTree(`depth-${count}`, count, { ...shape, bytes: 64 }) }))
    return (run) => {
      for (const { count, lowers } of stacks) {
        const rows = kRows.map(([id]) => `${id}@${count}`)
        run.attempt(rows, () => {
          const site = run.mount({ lowers, merged, writes: false })
          const miss = { ...shape, count: sizes.depthMisses }
          run.step(`lookup@${count}`, () => run.client('stat-files', [site.path], shape).seconds)
          run.step(`miss@${count}`, () => run.client('misses', [site.path], { ...miss, salt: 'unlisted' }).seconds)
          run.remount(site)
          run.step(`walk@${count}`, () => run.client('walk', [site.path]).seconds)
          run.step(`miss-listed@${count}`, () => run.client('misses', [site.path], { ...miss, salt: 'listed' }).seconds)
          site.unmount()
        })
      }
    }
  },
}

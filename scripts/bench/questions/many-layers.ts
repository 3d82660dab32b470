// many-layers - the first walk with stat of a large tree that is spread over 64 lowers: what merging costs.
import type { Question } from '../question.js'

const kLayers = 64

export const manyLayers: Question = {
  id: 'many-layers',
  group: 'depth',
  title: 'walk over 64 layers',
  weight: 12,
  rows: ({ walkFiles }) => [{ id: 'first', label: `first walk with stat, ${walkFiles} files in ${kLayers} lowers`, unit: 'time' }],
  prepare({ sizes, materials }) {
    const shape = { dirs: sizes.walkDirs, files: sizes.walkFiles, bytes: 0 }
    const merged = materials.tree('many-merged', 'question', shape)
    const lowers = materials.layeredTree('many', kLayers, shape)
    return (run) => {
      const site = run.mount({ lowers, merged, writes: false })
      run.step('first', () => run.client('walk', [site.path]).seconds)
    }
  },
}

// misses - names that do not exist: what every search path costs. cold: asked for the first time; warm: asked again.
import type { Question } from '../question.js'
import { smallShape, smallTree } from './shared.js'

export const misses: Question = {
  id: 'misses',
  group: 'metadata',
  title: 'absent names',
  weight: 3,
  rows: (sizes) => [
    { id: 'cold', label: 'stat of an absent name, first time', unit: 'time', per: sizes.misses },
    { id: 'warm', label: 'stat of an absent name, again', unit: 'time', per: sizes.misses },
  ],
  prepare({ sizes, materials }) {
    const lower = smallTree(sizes, materials)
    const options = { ...smallShape(sizes), count: sizes.misses, salt: 'm' }
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: false })
      for (const row of ['cold', 'warm']) run.step(row, () => run.client('misses', [path], options).seconds)
    }
  },
}

// clients - eight clients at once in one tree, each with absent names, small files read, and files made and removed.
import { makeTree } from '../materials.js'
import type { Question } from '../question.js'

const kClients = 8
const kStepsOfWork = 3
const kShape = { dirs: 10, files: 400 }

export const clients: Question = {
  id: 'clients',
  group: 'data',
  title: `${kClients} clients at once`,
  weight: 4,
  rows: ({ clientSteps }) => [{ id: 'mixed', label: `${kClients} clients, one piece of mixed work`, unit: 'time', per: kClients * kStepsOfWork * clientSteps }],
  prepare({ sizes, materials }) {
    const lower = materials.make('clients', 'question', (dir) => makeTree(`${dir}/tree`, { ...kShape, bytes: 2048 }))
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      const options = { ...kShape, clients: kClients, each: sizes.clientSteps }
      run.step('mixed', () => run.client('many-clients', [`${path}/tree`], options).seconds)
    }
  },
}

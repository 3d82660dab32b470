// suite - the model test of one subject as a tap test: a few seeds, 20 000 operations together unless said otherwise.
import t from 'tap'
import type { Kind } from '../helpers/subject.js'
import { explain, runModel, shrink } from './driver.js'

const SEEDS = [1, 2, 3, 4]
const OPERATIONS = Number(process.env['UNIONFS_MODEL_OPS'] ?? '20000')

export async function modelTest(kind: Kind, operations = OPERATIONS): Promise<void> {
  t.setTimeout(600_000)
  for (const seed of SEEDS) {
    const run = { kind, seed, count: Math.ceil(operations / SEEDS.length) }
    await t.test(`${run.count} random operations with seed ${seed} agree with the model`, async (st) => {
      const outcome = await runModel(run, () => undefined)
      if ('mismatch' in outcome) st.fail(explain(run, outcome.mismatch, await shrink(run, outcome.mismatch.log)))
      else st.ok(outcome.succeeded > run.count / 3, 'a good part of the operations succeeded')
    })
  }
}

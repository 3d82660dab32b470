// main - model runs from the command line: node dist/test/model/main.js KIND [--ops N] [--seed S] [--runs R]
import { parseArgs } from 'node:util'
import { KINDS, type Kind } from '../helpers/subject.js'
import { explain, runModel, shrink } from './driver.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ops: { type: 'string', default: '20000' }, seed: { type: 'string' }, runs: { type: 'string', default: '1' } },
})
const kind = positionals[0] as Kind
if (!KINDS.includes(kind)) {
  console.error(`usage: main.js ${KINDS.join('|')} [--ops N] [--seed S] [--runs R]`)
  process.exit(2)
}
const first = Number(values.seed ?? Date.now() % 1_000_000)
for (let i = 0; i < Number(values.runs); i++) {
  const run = { kind, seed: first + i, count: Number(values.ops) }
  const started = performance.now()
  const outcome = await runModel(run, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done}`)
    else if (done % 100_000 === 0) process.stderr.write(`${done} operations, ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
  })
  if ('mismatch' in outcome) {
    console.log(explain(run, outcome.mismatch, await shrink(run, outcome.mismatch.log)))
    process.exit(1)
  }
  console.log(`seed ${run.seed} on ${kind}: ${outcome.done} operations agree (${outcome.succeeded} succeeded), ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

// suite - the cross-mount oracle for one pair of filesystems as a tap test.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { sandbox } from '../helpers/sandbox.js'
import type { Kind } from '../helpers/subject.js'
import { describe } from '../model/operations.js'
import type { OracleEvent } from './worker.js'

const WORKER = join(dirname(fileURLToPath(import.meta.url)), 'worker.js')
const SILENCE_MS = 60_000
const OPERATIONS = Number(process.env['UNIONFS_ORACLE_OPS'] ?? '400')
const ROUNDS = Number(process.env['UNIONFS_ORACLE_ROUNDS'] ?? '12')

// undefined when every round showed the same tree.
export async function runOracle(first: Kind, second: Kind, seed: number): Promise<string | undefined> {
  const box = sandbox(WORKER, [first, second, String(seed), String(OPERATIONS), String(ROUNDS)])
  let outcome: string | undefined = 'the run died or fell silent'
  let timer = setTimeout(() => { box.kill() }, SILENCE_MS)
  for await (const event of box.events) {
    clearTimeout(timer)
    timer = setTimeout(() => { box.kill() }, SILENCE_MS)
    const message = event as OracleEvent
    if (message.event === 'done') outcome = undefined
    if (message.event === 'different') {
      outcome = [`seed ${seed}, round ${message.round}: - as ${message.writer} left it, + as ${message.reader} sees it`, ...message.lines, 'operations of the round:', ...message.log.slice(-60).map(describe)].join('\n')
    }
  }
  clearTimeout(timer)
  await box.ended
  return outcome === undefined ? undefined : `${outcome}\n${box.output()}`
}

export async function oracleTest(first: Kind, second: Kind, seeds: number[]): Promise<void> {
  t.setTimeout(600_000)
  for (const seed of seeds) {
    await t.test(`what ${first} wrote ${second} reads, and the other way round (seed ${seed})`, async (st) => {
      const different = await runOracle(first, second, seed)
      if (different === undefined) st.pass('the trees are equal')
      else st.fail(different)
    })
  }
}

// driver - starts model runs, watches them, and cuts the log of a failed one down to a few operations.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sandbox } from '../helpers/sandbox.js'
import type { Kind } from '../helpers/subject.js'
import { describe, type Operation } from './operations.js'
import type { ModelEvent } from './worker.js'

const WORKER = join(dirname(fileURLToPath(import.meta.url)), 'worker.js')
const SILENCE_MS = 120_000
const SHRINK_MS = 60_000
const LONGEST_SHRUNK = 60_000

export interface ModelRun {
  kind: Kind
  seed: number
  count: number
}

export interface Mismatch {
  at: number
  why: string
  log: Operation[]
}

export type Outcome = { done: number; succeeded: number } | { mismatch: Mismatch }

export async function runModel(run: ModelRun, onProgress: (done: number) => void, replay?: Operation[]): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'unionfs-model-'))
  const args = [run.kind, String(run.seed), String(run.count)]
  if (replay !== undefined) {
    writeFileSync(join(scratch, 'operations.json'), JSON.stringify(replay))
    args.push(join(scratch, 'operations.json'))
  }
  const box = sandbox(WORKER, args)
  let timer = setTimeout(() => { box.kill() }, SILENCE_MS)
  let outcome: Outcome | undefined
  for await (const event of box.events) {
    clearTimeout(timer)
    timer = setTimeout(() => { box.kill() }, SILENCE_MS)
    const message = event as ModelEvent
    if (message.event === 'progress') onProgress(message.done)
    else if (message.event === 'done') outcome = { done: message.done, succeeded: message.succeeded }
    else outcome = { mismatch: { at: message.at, why: message.why, log: message.log } }
  }
  clearTimeout(timer)
  await box.ended
  rmSync(scratch, { recursive: true, force: true })
  return outcome ?? { mismatch: { at: -1, why: `the run died or fell silent\n${box.output()}`, log: [] } }
}

// Removes ever smaller pieces of the log as long as the run still fails.
export async function shrink(run: ModelRun, log: Operation[]): Promise<Mismatch | undefined> {
  if (log.length === 0 || log.length > LONGEST_SHRUNK) return undefined
  const deadline = Date.now() + SHRINK_MS
  let best: Mismatch | undefined
  let current = log
  for (let piece = Math.ceil(current.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let from = 0; from < current.length && Date.now() < deadline;) {
      const shorter = [...current.slice(0, from), ...current.slice(from + piece)]
      const outcome = await runModel(run, () => undefined, shorter)
      if ('mismatch' in outcome && outcome.mismatch.at >= 0) {
        best = outcome.mismatch
        current = outcome.mismatch.log
      } else from += piece
    }
  }
  return best
}

export function explain(run: ModelRun, mismatch: Mismatch, shrunk: Mismatch | undefined): string {
  const tail = (log: Operation[], count: number): string => log.slice(-count).map((operation, i) => `  ${log.length - Math.min(count, log.length) + i} ${describe(operation)}`).join('\n')
  const lines = [
    `seed ${run.seed} on ${run.kind}: operation ${mismatch.at} disagrees`, mismatch.why, 'last operations:', tail(mismatch.log, 40),
    `again: node dist/test/model/main.js ${run.kind} --seed ${run.seed} --ops ${mismatch.at + 1}`,
  ]
  if (shrunk !== undefined) lines.push(`cut down to ${shrunk.log.length} operations:`, tail(shrunk.log, 80), shrunk.why)
  return lines.join('\n')
}

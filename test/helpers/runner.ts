// runner - drives a worker through a suite on one subject: time limits, crashes, and going on after them.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sandbox } from './sandbox.js'
import type { Case } from './case.js'
import type { Kind } from './subject.js'
import { loadSuite, selectCases, type Report } from './suites.js'

export interface Result {
  family: string
  name: string
  ms: number
  error?: string
  skip?: string
}

const WORKER = join(dirname(fileURLToPath(import.meta.url)), 'worker.js')
const START_LIMIT_S = 90

interface Round {
  results: Result[]
  // Position behind the last case this worker dealt with; undefined when it went through all of them.
  next: number | undefined
}

// Runs every case matching `filter`; calls `onResult` as results arrive. One result per case, whatever happens.
export async function runSuite(suite: string, kind: Kind, filter: string, onResult: (result: Result) => void): Promise<Result[]> {
  const cases = selectCases(await loadSuite(suite), filter)
  const all: Result[] = []
  const seen = new Set<number>()
  let first = 0
  for (;;) {
    const round = await runRound(suite, kind, filter, cases, first, seen, onResult)
    all.push(...round.results)
    if (round.next === undefined) return all
    first = round.next
  }
}

async function runRound(suite: string, kind: Kind, filter: string, cases: Case[], first: number, seen: Set<number>, onResult: (result: Result) => void): Promise<Round> {
  const box = sandbox(WORKER, [suite, kind, String(first), filter])
  const results: Result[] = []
  let running: number | undefined
  let why = 'the worker died'
  let timer = setTimeout(() => undefined, 0)
  const guard = (seconds: number, what: string): void => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      why = what
      box.kill()
    }, seconds * 1000)
  }
  const settle = (position: number, outcome: Omit<Result, 'family' | 'name'>): void => {
    const item = cases[position]
    if (item === undefined || seen.has(position)) return
    seen.add(position)
    const result = { family: item.family, name: item.name, ...outcome }
    results.push(result)
    onResult(result)
  }
  guard(START_LIMIT_S, `the stack was not mounted within ${START_LIMIT_S} s`)
  let done = false
  for await (const event of box.events) {
    const message = event as Report
    if (message.event === 'start') {
      running = message.position
      guard(message.seconds, `no end within ${message.seconds} s`)
    } else if (message.event === 'end') {
      running = undefined
      settle(message.position, { ms: message.ms, ...(message.error === undefined ? {} : { error: message.error }) })
      guard(START_LIMIT_S, 'the worker stopped between two cases')
    } else if (message.event === 'skip') settle(message.position, { ms: 0, skip: message.reason })
    else done = true
  }
  clearTimeout(timer)
  await box.ended
  if (done) return { results, next: undefined }
  const lost = running ?? cases.findIndex((_, position) => position >= first && !seen.has(position))
  if (lost < 0) {
    results.push({ family: suite, name: 'the subject can be unmounted', ms: 0, error: `${why}\n${box.output()}` })
    onResult(results[results.length - 1] as Result)
    return { results, next: undefined }
  }
  settle(lost, { ms: 0, error: `${why}\n${box.output()}` })
  const open = cases.findIndex((_, position) => position > lost && !seen.has(position))
  // A subject that can't even be mounted fails every case for the same reason: say it once per case, but do not retry.
  if (running === undefined) {
    cases.forEach((_, position) => { settle(position, { ms: 0, error: `not run: ${why}\n${box.output().slice(0, 500)}` }) })
    return { results, next: undefined }
  }
  return { results, next: open < 0 ? undefined : open }
}

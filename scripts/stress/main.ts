// main - stresses a subject in rounds, each on fresh lower content in the same mount, and checks what is left:
// the daemon's memory, descriptors and threads come back to where they were, the tree is the same to a fresh mount and to
// the other implementation, and the lower layers are as they were.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dumpTree, requireEqualDumps, type Dump } from '../scenario/dump.js'
import { parseOptions, positiveNumber } from '../scenario/options.js'
import { run, sleepMs } from '../scenario/run.js'
import { daemonLogTails, mountStack, otherSubject, repoPath, subjectLabel, type Mounted, type Stack, type Subject } from '../scenario/subject.js'
import { showUsage, usageOf, type Usage } from './watch.js'

interface Plan {
  readonly subject: Subject
  readonly scratch: string
  readonly rounds: number
  readonly secondsPerRound: number
  readonly workers: number
  readonly seed: number
}

interface Samples {
  readonly start: Usage | undefined
  readonly afterRounds: Usage[]
  peak: Usage | undefined
}

const kStress = repoPath('dist', 'stress', 'stress')
const kLayers = 3
const kSampleMs = 2000
/** What may be kept after a round and not after the one before: caches that fill, the allocator's slack. */
const kMemorySlackKb = 12 * 1024
const kDescriptorSlack = 8
const kThreadSlack = 1
const kSettleMs = 20_000
const kSettleStepMs = 500

function readPlan(): Plan {
  const text = { type: 'string' } as const
  const { subject, scratch, values } = parseOptions({ seconds: text, rounds: text, workers: text, seed: text })
  const seconds = positiveNumber(values['seconds'], 1800, '--seconds')
  const rounds = positiveNumber(values['rounds'], seconds >= 60 ? 6 : 2, '--rounds')
  return {
    subject,
    scratch,
    rounds,
    secondsPerRound: seconds / rounds,
    workers: positiveNumber(values['workers'], 4, '--workers'),
    seed: positiveNumber(values['seed'], (Date.now() % 1_000_000) + 1, '--seed'),
  }
}

async function main(): Promise<void> {
  const plan = readPlan()
  try {
    await stress(plan)
  } catch (error) {
    process.stderr.write(daemonLogTails(plan.scratch, 20))
    throw error
  }
}

async function stress(plan: Plan): Promise<void> {
  say(`${subjectLabel(plan.subject)}: ${plan.rounds} rounds of ${plan.secondsPerRound} s, ${plan.workers} workers, --seed ${plan.seed}`)
  if (plan.subject.name === 'plain') return stressPlain(plan)
  const layers = Array.from({ length: kLayers }, (_, index) => join(plan.scratch, `lower-${index}`))
  prepareRounds(plan, (index) => layers[index] ?? '', true)
  const lowerDumps = layers.map((layer) => dumpTree(layer))
  const upper = join(plan.scratch, 'upper')
  mkdirSync(upper)
  const stack: Stack = { lowers: [...layers].reverse(), upper }

  const mounted = mountStack(plan.subject, stack, join(plan.scratch, 'merged'))
  const left = await stressMounted(plan, mounted)
  compareView(plan, stack, left, plan.subject)
  const other = otherSubject(plan.subject)
  if (other === undefined) say('unionfs is not built here: the tree is not compared with it')
  else compareView(plan, stack, left, other)
  layers.forEach((layer, index) => {
    requireEqualDumps(lowerDumps[index] ?? new Map(), dumpTree(layer), `layer ${index} before`, 'after')
  })
  say('no lower layer has changed')
}

async function stressPlain(plan: Plan): Promise<void> {
  const tree = join(plan.scratch, 'plain')
  prepareRounds(plan, () => tree, false)
  for (let round = 0; round < plan.rounds; round += 1) await stressRound(plan, tree, round, () => undefined)
}

/** All rounds on the mount, the last look at it, and the unmount. */
async function stressMounted(plan: Plan, mounted: Mounted): Promise<Dump> {
  const { daemonPids, target } = mounted
  const look = (): Usage | undefined => (daemonPids.length === 0 ? undefined : usageOf(daemonPids))
  const samples: Samples = { start: look(), afterRounds: [], peak: undefined }
  if (samples.start !== undefined) say(`  start: ${showUsage(samples.start)}`)
  for (let round = 0; round < plan.rounds; round += 1) {
    await stressRound(plan, target, round, () => {
      const now = look()
      if (now !== undefined && now.rssKb > (samples.peak?.rssKb ?? 0)) samples.peak = now
    })
    const settled = settle(look, samples.start)
    if (settled === undefined) continue
    samples.afterRounds.push(settled)
    say(`  after round ${round + 1} and dropped caches: ${showUsage(settled)}`)
  }
  if (samples.peak !== undefined) say(`  peak: ${showUsage(samples.peak)}`)
  const left = dumpTree(target)
  mounted.unmount()
  const records = mounted.errorRecords()
  if (records.length > 0) throw new Error(`the daemon logged errors:\n  ${records.slice(0, 20).join('\n  ')}`)
  requireNoGrowth(samples)
  return left
}

function prepareRounds(plan: Plan, directoryOf: (layer: number) => string, markers: boolean): void {
  for (let layer = 0; layer < kLayers; layer += 1) {
    const directory = directoryOf(layer)
    mkdirSync(directory, { recursive: true })
    for (let round = 0; round < plan.rounds; round += 1) {
      const words = ['prepare', join(directory, `r${round}`), '--layer', String(layer), ...planWords(plan, round)]
      run(kStress, markers ? [...words, '--markers'] : words)
    }
  }
}

function planWords(plan: Plan, round: number): string[] {
  return ['--seed', String(plan.seed + round), '--workers', String(plan.workers), '--layers', String(kLayers)]
}

/** Runs the stress program for one round; calls `sample` while it works. */
async function stressRound(plan: Plan, tree: string, round: number, sample: () => void): Promise<void> {
  const words = ['run', join(tree, `r${round}`), '--seconds', String(plan.secondsPerRound), ...planWords(plan, round)]
  const child = spawn(kStress, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const timer = setInterval(sample, kSampleMs)
  try {
    const [status] = (await once(child, 'close')) as [number | null]
    if (status !== 0) throw new Error(`round ${round + 1}: stress ends with ${status}\n${output}`)
  } finally {
    clearInterval(timer)
  }
  const summary = output.split('\n').filter((line) => /^(total|survey)/.test(line))
  say(`round ${round + 1}: ${summary.join('; ').replace(/\s+/g, ' ')}`)
  writeFileSync(join(plan.scratch, `round-${round + 1}.txt`), output)
}

/** Lets the kernel forget what it holds of the mount, waits until the daemon has followed, and looks at it. */
function settle(look: () => Usage | undefined, start: Usage | undefined): Usage | undefined {
  if (start === undefined) return undefined
  run('sync', [])
  writeFileSync('/proc/sys/vm/drop_caches', '2')
  const deadline = Date.now() + kSettleMs
  for (;;) {
    const now = look()
    if (now === undefined || Date.now() > deadline || isAtRest(now, start)) return now
    sleepMs(kSettleStepMs)
  }
}

function isNear(now: Usage, reference: Usage): boolean {
  return now.rssKb <= reference.rssKb + kMemorySlackKb && now.descriptors <= reference.descriptors + kDescriptorSlack
}

/** Serving threads that load has called in end some seconds after they were last needed. */
function isAtRest(now: Usage, start: Usage): boolean {
  return isNear(now, start) && now.servingThreads <= start.servingThreads + kThreadSlack
}

/** The first round fills caches of fixed size; every later one must find and leave them as they are. */
function requireNoGrowth(samples: Samples): void {
  const [first] = samples.afterRounds
  const last = samples.afterRounds.at(-1)
  if (first === undefined || last === undefined) return
  if (!isNear(last, first) || last.servingThreads > first.servingThreads + kThreadSlack) {
    throw new Error(`the daemon grows:\n  after the first round: ${showUsage(first)}\n  after the last round:  ${showUsage(last)}`)
  }
  say('memory, descriptors and serving threads are back where they were')
}

function compareView(plan: Plan, stack: Stack, left: Dump, subject: Subject): void {
  const mounted = mountStack(subject, stack, join(plan.scratch, 'merged-again'))
  requireEqualDumps(left, dumpTree(mounted.target), 'as left', subjectLabel(subject))
  mounted.unmount()
  say(`${subjectLabel(subject)}, mounted afresh, shows the same ${left.size} entries`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

try {
  if (!existsSync(kStress)) throw new Error(`${kStress} is not built; start this through scripts/stress/run`)
  await main()
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

// run-tests - every check of `make test` in order: lint, native unit tests, fuzz corpora, TAP tests. One line for each
// step with its time, the output of what failed, and a last line "N passed, N failed".
//
//   node dist/scripts/run-tests.js            everything
//   node dist/scripts/run-tests.js lint       one stage: lint, native, fuzz or tap
//   node dist/scripts/run-tests.js tap cli    test files whose path contains a word
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const jobs = Number(process.env['TEST_JOBS'] ?? Math.min(2, availableParallelism()))
const defaultTimeout = 300
const shownOutput = 6000

interface Step {
  readonly name: string
  readonly command: readonly string[]
  readonly timeoutSeconds: number
  // Tests counted in the output; null: the step counts as one test.
  readonly count: (output: string) => Counts | null
}

interface Counts {
  readonly passed: number
  readonly failed: number
}

const totals = { passed: 0, failed: 0 }
const failures: string[] = []

function one(name: string, command: readonly string[], timeoutSeconds = 900): Step {
  return { name, command, timeoutSeconds, count: () => null }
}

// "N passed, N failed", the last of them: what native test binaries print.
function countPlain(output: string): Counts | null {
  const found = [...output.matchAll(/(\d+) passed, (\d+) failed/g)].at(-1)
  return found === undefined ? null : { passed: Number(found[1]), failed: Number(found[2]) }
}

// "# { total: 3, pass: 2, fail: 1 }": what tap prints last.
function countTap(output: string): Counts | null {
  const summary = [...output.matchAll(/^# \{ total: \d+.*\}$/gm)].at(-1)?.[0]
  if (summary === undefined) return null
  const field = (name: string): number => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary)?.[1] ?? 0)
  return { passed: field('pass'), failed: field('fail') }
}

function run(step: Step): Promise<void> {
  const started = Date.now()
  const [program = '', ...args] = step.command
  return new Promise((done) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, FORCE_COLOR: '0' } })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, step.timeoutSeconds * 1000)
    child.on('error', (error) => chunks.push(Buffer.from(String(error))))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const output = Buffer.concat(chunks).toString('utf8')
      settle(step, output, code === 0, timedOut ? `timed out after ${step.timeoutSeconds} s` : `exit ${signal ?? String(code)}`, Date.now() - started)
      done()
    })
  })
}

function settle(step: Step, output: string, ok: boolean, how: string, milliseconds: number): void {
  const counted = step.count(output)
  const passed = counted?.passed ?? (ok ? 1 : 0)
  // A step that failed without naming a failed test is itself the failure.
  const failed = Math.max(counted?.failed ?? 0, ok ? 0 : 1)
  totals.passed += passed
  totals.failed += failed
  const counts = counted === null ? '' : `${passed} passed${failed > 0 ? `, ${failed} failed` : ''}, `
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${step.name} (${counts}${(milliseconds / 1000).toFixed(1)} s)`)
  if (failed === 0) {
    for (const skip of output.matchAll(/^\s*ok .*# SKIP.*$/gim)) console.log(`     ${skip[0].trim()}`)
    return
  }
  failures.push(step.name)
  console.log(`--- ${step.name}: ${how}\n${tail(failingPart(output))}\n---`)
}

// Of TAP, what is not ok and what follows it; of anything else, all.
function failingPart(output: string): string {
  const start = output.search(/^\s*not ok /m)
  return start < 0 ? output : output.slice(Math.max(0, start - 200))
}

function tail(text: string): string {
  return text.length <= shownOutput ? text.trimEnd() : `${text.slice(0, shownOutput / 2)}\n[...]\n${text.slice(-shownOutput / 2).trimEnd()}`
}

async function runAll(steps: readonly Step[], parallel: number): Promise<void> {
  const queue = [...steps]
  const worker = async (): Promise<void> => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) await run(step)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

function lintSteps(): Step[] {
  const node = process.execPath
  const steps = [
    one('eslint', ['node_modules/.bin/eslint', '.']),
    one('layers', [node, 'dist/scripts/check-layers.js']),
    one('docs/CLI.md is fresh', [node, 'dist/scripts/gen-cli-docs.js', '--check']),
  ]
  if (isInstalled('clang-format')) steps.push(one('clang-format', ['sh', '-c', 'clang-format --dry-run --Werror native/*/*.cc native/*/*.h']))
  return steps
}

const variants = ['release', 'asan', 'tsan']

// First, because compiling keeps every core busy, and most tests wait more than they compute.
function buildSteps(): Step[] {
  return variants.map((variant) => one(`native unit tests are built (${variant})`, ['make', '-s', `-j${jobs}`, '-C', 'native', 'build-tests', `VARIANT=${variant}`]))
}

function nativeSteps(): Step[] {
  return [
    ...[...variants].reverse().map((variant) => unitTests(variant, `build/${variant}/unit-tests`)), // the slowest first
    // The engine's tests run again over unions whose lowers are answered from records.
    ...['sealed', 'checked'].map((kind) => unitTests(`release, ${kind} records`, `UNIONFS_TEST_RECORDS=${kind} build/release/unit-tests overlay/`)),
  ]
}

function unitTests(what: string, command: string): Step {
  return { name: `native unit tests (${what})`, command: ['sh', '-c', command], timeoutSeconds: 900, count: countPlain }
}

function fuzzSteps(): Step[] {
  const targets = readdirSync(join(root, 'native/fuzz')).filter((name) => name.endsWith('.cc') && name !== 'replay_main.cc')
  return targets.length === 0 ? [] : [one('fuzz corpora', ['make', '-s', `-j${jobs}`, '-C', 'native', 'replay'])]
}

// A compiled test whose source is gone is left over from an older build.
function tapSteps(words: readonly string[]): Step[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && words.every((word) => name.includes(word)))
    .sort()
    .map((name) => ({
      name: `test/${name}`,
      command: [process.execPath, `dist/test/${name.replace(/\.ts$/, '.js')}`],
      timeoutSeconds: timeoutOf(join(root, 'test', name)),
      count: countTap,
    }))
}

// A test file that needs longer says so: "// test-timeout: 900".
function timeoutOf(file: string): number {
  return Number(/^\/\/ test-timeout: (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? defaultTimeout)
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((dir) => existsSync(join(dir, program)))
}

const [stage, ...words] = process.argv.slice(2)
const stages: readonly [name: string, steps: () => Step[], parallel: number][] = [
  ['lint', lintSteps, jobs],
  ['native build', buildSteps, 1],
  ['native', nativeSteps, jobs],
  ['fuzz', fuzzSteps, 1],
  ['tap', () => tapSteps(words), jobs],
]
const started = Date.now()
process.env['TAP_TIMEOUT'] = '0' // the limit is ours
process.env['UNIONFS_INDEX'] ??= 'none' // tests of the index name their own
for (const [name, steps, parallel] of stages) {
  if (stage !== undefined && stage !== name.split(' ')[0]) continue
  const begun = Date.now()
  await runAll(steps(), parallel)
  console.log(`== ${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`)
}
if (failures.length > 0) console.log(`failed: ${failures.join(', ')}`)
console.log(`== total: ${((Date.now() - started) / 1000).toFixed(1)} s`)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1 // nothing run is nothing shown

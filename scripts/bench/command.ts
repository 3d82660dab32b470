// command - runs one program to its end under a time limit; a failure is one short sentence a table can show.
import { spawnSync } from 'node:child_process'

/** Something a subject could not do, or not in time. */
export class StepError extends Error {
  override readonly name = 'StepError'
}

/** Something this machine lacks, so that a question or a subject cannot be measured at all. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

export interface CommandOptions {
  readonly timeoutMs?: number
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

const kDefaultTimeoutMs = 120_000
const kMaxOutputBytes = 64 * 1024 * 1024
const kMaxReason = 160

export function execute(program: string, args: readonly string[], options: CommandOptions = {}): string {
  const timeoutMs = Math.ceil(options.timeoutMs ?? kDefaultTimeoutMs)
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: kMaxOutputBytes,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  if (result.error !== undefined) throw new StepError(spawnFailure(program, result.error, timeoutMs))
  if (result.signal !== null) throw new StepError(`${program}: killed by ${result.signal}`)
  if (result.status !== 0) throw new StepError(lastLine(result.stderr) ?? lastLine(result.stdout) ?? `${program}: exit ${String(result.status)}`)
  return result.stdout
}

/** True when the program can be started from PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' }).status === 0
}

export function sleepMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export function lastLine(text: string): string | undefined {
  const line = text.trimEnd().split('\n').at(-1)?.trim()
  return line === undefined || line === '' ? undefined : line.slice(0, kMaxReason)
}

function spawnFailure(program: string, error: Error, timeoutMs: number): string {
  const timedOut = 'code' in error && error.code === 'ETIMEDOUT'
  return timedOut ? `no end within ${(timeoutMs / 1000).toFixed(0)} s` : `${program}: ${error.message}`
}

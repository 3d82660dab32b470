// run - starts one program, waits for it under a time limit, and turns any failure into one readable error.
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'

export interface RunOptions {
  readonly timeoutMs?: number
  readonly input?: string
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Everything the program printed is appended here, whether it succeeds or not. */
  readonly logFile?: string | undefined
}

export class CommandError extends Error {
  readonly status: number | null
  readonly output: string

  constructor(command: string, status: number | null, reason: string, output: string) {
    super(`${command}: ${reason}\n${tail(output, 30)}`)
    this.name = 'CommandError'
    this.status = status
    this.output = output
  }
}

const kDefaultTimeoutMs = 120_000
const kMaxOutputBytes = 256 * 1024 * 1024

/** Runs a program and returns its standard output; throws CommandError when it fails or runs out of time. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): string {
  const timeoutMs = options.timeoutMs ?? kDefaultTimeoutMs
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: kMaxOutputBytes,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const started = result.error === undefined
  const stdout = started ? result.stdout : ''
  const output = started ? stdout + result.stderr : ''
  const shown = ([program, ...args].join(' ').split('\n', 1)[0] ?? program).slice(0, 600)
  if (options.logFile !== undefined) appendFileSync(options.logFile, `$ ${shown}\n${output}\n`)
  if (result.error !== undefined) throw new CommandError(shown, result.status, describe(result.error, timeoutMs), output)
  if (result.signal !== null) throw new CommandError(shown, null, `killed by ${result.signal}`, output)
  if (result.status !== 0) throw new CommandError(shown, result.status, `exit ${result.status}`, output)
  return stdout
}

/** True when the program can be started from PATH. */
export function hasProgram(name: string): boolean {
  const result = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { stdio: 'ignore' })
  return result.status === 0
}

export function sleepMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export function tail(text: string, lines: number): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n')
}

function describe(error: Error, timeoutMs: number): string {
  return 'code' in error && error.code === 'ETIMEDOUT' ? `no answer within ${timeoutMs / 1000} s` : error.message
}

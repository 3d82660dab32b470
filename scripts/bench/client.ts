// client - starts the native client, whose loops are what is timed, and reads the numbers it reports.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, lastLine, StepError } from './command.js'
import { repoRoot } from './options.js'

const kClient = join(repoRoot, 'dist', 'bench', 'client')

export type ClientOptions = Readonly<Record<string, string | number>>

export class ClientReport {
  private readonly values_: ReadonlyMap<string, number>

  constructor(json: string) {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed !== 'object' || parsed === null) throw new Error(`the client reported ${json}`)
    this.values_ = new Map(Object.entries(parsed).map(([name, value]) => [name, Number(value)]))
  }

  get(name: string): number {
    const value = this.values_.get(name)
    if (value === undefined || !Number.isFinite(value)) throw new Error(`the client did not report ${name}`)
    return value
  }

  get seconds(): number {
    return this.get('seconds')
  }
}

export function client(verb: string, words: readonly string[], options: ClientOptions, timeoutMs: number): ClientReport {
  return new ClientReport(execute(kClient, [verb, ...words, ...pairs(options)], { timeoutMs }))
}

/** Runs `command` through the client; what it prints goes to `options.log`, whose last line explains a failure. */
export function clientCommand(
  verb: 'time' | 'mount-ready',
  options: ClientOptions & { readonly log: string },
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs: number,
): ClientReport {
  try {
    return new ClientReport(execute(kClient, [verb, ...pairs(options), '--', ...command], { timeoutMs, env }))
  } catch (error) {
    if (!(error instanceof StepError)) throw error
    const said = existsSync(options.log) ? lastLine(readFileSync(options.log, 'utf8')) : undefined
    throw said === undefined ? error : new StepError(`${error.message}: ${said}`)
  }
}

function pairs(options: ClientOptions): string[] {
  return Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
}

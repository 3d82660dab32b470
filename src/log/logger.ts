// logger - log lines as pino JSON, to a file, to stderr, or nowhere. The only importer of pino, and only when lines go somewhere.
import { closeSync, openSync } from 'node:fs'
import type { LogLevel } from '../config/options.js'
import { errnoOf, reasonOf, UnionfsError } from '../errors.js'

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  readonly levelNumber: number // records below it need not be made
  log(level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void
  // What was logged is written when this returns.
  flush(): void
}

export interface LogDestination {
  readonly file?: string | undefined
  readonly stderr: boolean // when there is no file
  readonly level: LogLevel
}

export const levelNumbers = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 100 } as const

export const nullLogger: Logger = {
  levelNumber: levelNumbers.silent,
  log: () => undefined,
  flush: () => undefined,
}

export async function createLogger(destination: LogDestination): Promise<Logger> {
  const { file, level } = destination
  if (level === 'silent' || (file === undefined && !destination.stderr)) return nullLogger
  if (file !== undefined) checkFile(file)
  const { pino } = await import('pino')
  // Synchronous: log lines are few, and none may be missing when a process ends by a signal.
  const stream = pino.destination(file === undefined ? { dest: 2, sync: true } : { dest: file, sync: true, append: true })
  const logger = pino({ level, base: { pid: process.pid } }, stream)
  return {
    levelNumber: levelNumbers[level],
    log: (at, message, fields = {}) => {
      logger[at](fields, message)
    },
    flush: () => {
      stream.flushSync()
    },
  }
}

// pino reports a file it cannot open later and elsewhere; a person wants to know now.
function checkFile(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch (error) {
    throw new UnionfsError('IO', `cannot write the log file ${file}: ${reasonOf(error)}`, {
      errno: errnoOf(error),
      path: file,
      remedy: 'name a writable file with --log',
      cause: error,
    })
  }
}

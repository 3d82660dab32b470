// recent - the last warnings and errors of a mount, kept for `status` whatever is logged elsewhere: a mount that nobody
// watches can still be asked what went wrong.
import { levelNumbers, type LogFields, type Logger } from './logger.js'

export interface Trouble {
  readonly at: string // ISO 8601; of the last time
  readonly level: 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly fields: LogFields
  readonly times: number // how often the same was said
}

const most = 16
// One kind of trouble that comes over and over leaves room for the others.
const mostOfOneKind = 6
const longestText = 400
const mostFields = 8

export class RecentTroubles {
  #troubles: Trouble[] = []

  // Newest last.
  list(): readonly Trouble[] {
    return this.#troubles
  }

  // A logger that logs as `logger` does and remembers what is at least a warning.
  watch(logger: Logger): Logger {
    return {
      levelNumber: Math.min(logger.levelNumber, levelNumbers.warn),
      log: (level, message, fields) => {
        if (level === 'warn' || level === 'error' || level === 'fatal') this.#add(level, message, fields ?? {})
        logger.log(level, message, fields)
      },
      flush: () => {
        logger.flush()
      },
    }
  }

  #add(level: Trouble['level'], message: string, fields: LogFields): void {
    const trouble = { at: new Date().toISOString(), level, message: shorten(message), fields: shortenFields(fields), times: 1 }
    const before = this.#troubles.findIndex((each) => isSame(each, trouble))
    if (before >= 0) trouble.times += this.#troubles.splice(before, 1)[0]?.times ?? 0
    this.#troubles.push(trouble)
    const ofItsKind = this.#troubles.filter((each) => each.message === trouble.message)
    const victim = ofItsKind.length > mostOfOneKind ? ofItsKind[0] : this.#troubles.length > most ? this.#troubles[0] : undefined
    this.#troubles = this.#troubles.filter((each) => each !== victim)
  }
}

function isSame(a: Trouble, b: Trouble): boolean {
  return a.level === b.level && a.message === b.message && JSON.stringify(a.fields) === JSON.stringify(b.fields)
}

function shortenFields(fields: LogFields): LogFields {
  const kept = Object.entries(fields).slice(0, mostFields)
  return Object.fromEntries(kept.map(([name, value]) => [name, typeof value === 'string' ? shorten(value) : value]))
}

function shorten(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)}...`
}

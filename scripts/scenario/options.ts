// options - the command lines of the scripts that run a file system under test.
import { parseArgs } from 'node:util'
import { transportNames, type IoMode, type Subject, type SubjectName } from './subject.js'

export interface CommonOptions {
  readonly subject: Subject
  /** An empty directory of this run's own; the caller removes it. */
  readonly scratch: string
  readonly values: Readonly<Record<string, string | boolean | undefined>>
}

const kSubjects: readonly SubjectName[] = ['plain', 'overlay', 'unionfs']
const kIoModes: readonly IoMode[] = ['auto', 'cached', 'passthrough']

export type ExtraOptions = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>

export function parseOptions(extra: ExtraOptions): CommonOptions {
  const { values } = parseArgs({
    options: {
      subject: { type: 'string', default: 'unionfs' },
      io: { type: 'string', default: 'auto' },
      transport: { type: 'string', default: 'kernel' },
      scratch: { type: 'string' },
      ...extra,
    },
    allowPositionals: false,
  })
  const all: Readonly<Record<string, string | boolean | undefined>> = { ...values }
  const scratch = all['scratch']
  if (typeof scratch !== 'string') throw new Error('--scratch DIR is needed; start this through its .sh script')
  const name = oneOf(kSubjects, all['subject'], '--subject')
  const subject = { name, io: oneOf(kIoModes, all['io'], '--io'), transport: oneOf(transportNames, all['transport'], '--transport') }
  return { subject, scratch, values: all }
}

export function positiveNumber(value: string | boolean | undefined, fallback: number, option: string): number {
  if (value === undefined) return fallback
  const number = Number(value)
  if (!Number.isFinite(number) || number <= 0) throw new Error(`${option}: not a positive number: ${String(value)}`)
  return number
}

function oneOf<T extends string>(allowed: readonly T[], value: unknown, option: string): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found === undefined) throw new Error(`${option} must be one of ${allowed.join(', ')}, not ${String(value)}`)
  return found
}

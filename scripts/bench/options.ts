// options - the command line of the benchmark.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Scale } from './sizes.js'
import { subjectIds, type SubjectId } from './subjects.js'

export const repoRoot = join(import.meta.dirname, '..', '..', '..')

export interface Options {
  readonly scale: Scale
  readonly subjects: readonly SubjectId[]
  /** Words of which one must be part of a question's name; empty: all questions. */
  readonly only: readonly string[]
  readonly rounds: number
  readonly budgetSeconds: number
  readonly cold: boolean
  readonly onDisk: string | undefined
  readonly out: string
  readonly scratch: string
}

export class UsageError extends Error {}

export const helpText = `Usage: scripts/bench/run [options]      (make bench BENCH_ARGS='...')

Compares unionfs with a plain directory, kernel overlayfs and other FUSE unions, interleaved in one run.
Prints a table and the verdict on every target; leaves table.txt, results.json and ratios.svg in --out.

  --quick            small sizes, within 3 minutes (everything: within 20)
  --tiny             smallest sizes: does every question run at all; the figures mean nothing
  --subjects a,b     of: ${subjectIds.join(', ')} (default: all but
                     mergerfs and unionfs-fuse-native)
  --only word,word   only questions whose name contains one of the words (--list shows the names)
  --rounds N         at most N rounds; fewer where the time runs out (default: 5, quick 2, tiny 1)
  --budget SECONDS   the time to be used (default: 1140, quick 150)
  --on DIR           layers on the disk that holds DIR instead of on a tmpfs
  --cold             with --on: the machine's caches are dropped before each first use of a mount
  --out DIR          where the results go (default: build/bench)
  --list             names of the questions
`

const kDefaultSubjects: readonly SubjectId[] = subjectIds.filter((id) => id !== 'mergerfs' && id !== 'unionfs-fuse-native')
const kBudgetSeconds: Readonly<Record<Scale, number>> = { full: 1140, quick: 150, tiny: 150 }
const kRounds: Readonly<Record<Scale, number>> = { full: 5, quick: 2, tiny: 1 }
const kGraceSeconds = 60

const kOptionTable = {
  quick: { type: 'boolean', default: false },
  tiny: { type: 'boolean', default: false },
  subjects: { type: 'string' },
  only: { type: 'string' },
  rounds: { type: 'string' },
  budget: { type: 'string' },
  on: { type: 'string' },
  cold: { type: 'boolean', default: false },
  out: { type: 'string' },
  scratch: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  'print-limit': { type: 'boolean', default: false },
} as const

export type Request = { readonly kind: 'help' | 'list' } | { readonly kind: 'limit' | 'run'; readonly options: Options }

export function parseOptions(args: readonly string[]): Request {
  const { values } = parsed(args)
  if (values.help) return { kind: 'help' }
  if (values.list) return { kind: 'list' }
  if (values.quick && values.tiny) throw new UsageError('--quick and --tiny exclude each other')
  if (values.cold && values.on === undefined) throw new UsageError('--cold needs --on DIR: a tmpfs has no cold cache')
  const placed = values.scratch ?? values.on ?? ''
  if (/[:,\\]/.test(placed)) throw new UsageError(`layers of every subject cannot stand below a path with : , or \\: ${placed}`)
  const scale: Scale = values.quick ? 'quick' : values.tiny ? 'tiny' : 'full'
  const options: Options = {
    scale,
    subjects: values.subjects === undefined ? kDefaultSubjects : subjectList(values.subjects),
    only: values.only === undefined ? [] : words(values.only),
    rounds: positive('--rounds', values.rounds) ?? kRounds[scale],
    budgetSeconds: positive('--budget', values.budget) ?? kBudgetSeconds[scale],
    cold: values.cold,
    onDisk: values.on,
    out: values.out ?? join(repoRoot, 'build', 'bench'),
    scratch: values.scratch ?? '',
  }
  return { kind: values['print-limit'] ? 'limit' : 'run', options }
}

/** When a run that does not end by itself is killed. */
export function limitSeconds(options: Options): number {
  return options.budgetSeconds + kGraceSeconds
}

function parsed(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof kOptionTable }>> {
  try {
    return parseArgs({ args: [...args], options: kOptionTable, strict: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function words(list: string): string[] {
  return list.split(',').filter((word) => word !== '')
}

function subjectList(list: string): SubjectId[] {
  const asked = words(list)
  const unknown = asked.filter((word) => !subjectIds.some((id) => id === word))
  if (asked.length === 0 || unknown.length > 0) {
    throw new UsageError(`--subjects: unknown ${unknown.join(', ')}; there are ${subjectIds.join(', ')}`)
  }
  return subjectIds.filter((id) => asked.includes(id))
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new UsageError(`${name}: not a positive whole number: ${value}`)
  return number
}

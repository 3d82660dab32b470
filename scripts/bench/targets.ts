// targets - what unionfs must reach, computed from a run: a ratio to kernel overlayfs, to the best FUSE peer, to itself, or
// a plain figure. The best peer is the fastest copy-on-write FUSE union of the run, chosen row by row.
import { geometricMean, type Results } from './results.js'
import { subjects, type SubjectId, type SubjectKind } from './subjects.js'

type Mode = Extract<SubjectId, `unionfs-${string}`>
type FigureUnit = 'x' | 's' | 'bytes'
type Against =
  | { readonly kind: 'overlay' | 'peer'; readonly limit: number }
  /** rows[i] of ours against base[i] of ours. */
  | { readonly kind: 'self'; readonly base: readonly string[]; readonly limit: number }
  /** The figure itself, in the unit of its row. */
  | { readonly kind: 'figure'; readonly limit: number; readonly unit: FigureUnit }

interface Target {
  readonly work: string
  readonly modes: readonly Mode[]
  readonly rows: readonly string[]
  /** worst: every row must be within the limit. mean: their geometric mean. */
  readonly judge: 'worst' | 'mean'
  readonly against: readonly Against[]
}

export type Outcome = 'PASS' | 'FALL SHORT' | 'n/a'

export interface Verdict {
  readonly work: string
  readonly mode: Mode
  readonly against: string
  readonly limit: number
  readonly unit: FigureUnit
  readonly value: number | undefined
  readonly outcome: Outcome
  /** Row by row: the ratio, or nothing where one of the two figures is missing. */
  readonly details: readonly { readonly row: string; readonly value: number | undefined }[]
}

const kIndexed: readonly Mode[] = ['unionfs-indexed']
const kBoth: readonly Mode[] = ['unionfs-cached', 'unionfs-passthrough']
const kCached: readonly Mode[] = ['unionfs-cached']
const kPassthrough: readonly Mode[] = ['unionfs-passthrough']
const kReads = ['seq-read.1m', 'seq-read.4k', 'random.read', 'mmap.read']
const kWrites = ['seq-write.1m', 'seq-write.4k', 'random.write']
const kWork = [
  ...['create', 'rename', 'unlink'].map((row) => `churn.${row}`),
  'unpack.tar',
  'remove.lower',
  ...['status-first', 'status-second', 'checkout', 'clone'].map((row) => `git.${row}`),
  'compile.make',
  'npm.ci',
  'apt.install',
  ...['python-first', 'python-second', 'node-first', 'node-second'].map((row) => `start-up.${row}`),
]

function overlay(limit: number): Against {
  return { kind: 'overlay', limit }
}
function peer(limit: number): Against {
  return { kind: 'peer', limit }
}
function firstAndWarm(rows: readonly string[], which: 'first' | 'warm'): string[] {
  return rows.map((row) => `${row}-${which}`)
}

const kTargets: readonly Target[] = [
  { work: 'warm walk with stat', modes: kBoth, rows: ['walk.second'], judge: 'worst', against: [overlay(1.05), peer(0.5)] },
  { work: 'warm open+read+close', modes: kCached, rows: ['small-files.second'], judge: 'worst', against: [overlay(1.05), peer(0.5)] },
  { work: 'warm misses', modes: kBoth, rows: ['misses.warm'], judge: 'worst', against: [overlay(1.05), peer(0.5)] },
  { work: 'first walk with stat on a fresh mount', modes: kBoth, rows: ['walk.first'], judge: 'worst', against: [overlay(1.3), peer(0.6)] },
  { work: 'first open+read+close of small files', modes: kBoth, rows: ['small-files.first'], judge: 'worst', against: [overlay(3), peer(0.8)] },
  {
    work: 'sequential and random I/O, mmap, 4 KiB writes',
    modes: kPassthrough,
    rows: [...firstAndWarm(kReads, 'first'), ...firstAndWarm(kReads, 'warm'), ...kWrites],
    judge: 'worst',
    against: [overlay(1.1), peer(0.8)],
  },
  { work: 'warm reads', modes: kCached, rows: firstAndWarm(kReads, 'warm'), judge: 'worst', against: [overlay(1.05), peer(0.8)] },
  { work: 'first reads', modes: kCached, rows: firstAndWarm(kReads, 'first'), judge: 'worst', against: [overlay(2.5), peer(0.8)] },
  { work: 'buffered writes', modes: kCached, rows: kWrites, judge: 'worst', against: [overlay(3), peer(0.8)] },
  {
    work: 'lookups and misses at 128 layers, to 1 layer',
    modes: [...kBoth, ...kIndexed],
    rows: ['depth.lookup@128', 'depth.miss@128', 'depth.miss-listed@128'],
    judge: 'worst',
    against: [{ kind: 'self', base: ['depth.lookup@1', 'depth.miss@1', 'depth.miss-listed@1'], limit: 1.2 }],
  },
  { work: 'cold misses at 128 layers, directory listed', modes: kBoth, rows: ['depth.miss-listed@128'], judge: 'worst', against: [overlay(0.25), peer(0.8)] },
  { work: 'first lookup, 5000 entries from 8 layers', modes: kBoth, rows: ['first-lookup.first'], judge: 'worst', against: [overlay(1.5), peer(0.1)] },
  { work: 'create/tar/rm, git, compile, npm, apt, start-up', modes: kBoth, rows: kWork, judge: 'mean', against: [overlay(1.8), peer(0.7)] },
  {
    work: 'second client during a copy-up, p99, to its idle p99',
    modes: kBoth,
    rows: ['copy-up.busy-p99'],
    judge: 'worst',
    against: [{ kind: 'self', base: ['copy-up.idle-p99'], limit: 3 }],
  },
  {
    work: 'lookups and misses at the most layers, to 1 layer, sealed',
    modes: kIndexed,
    rows: ['depth.lookup@500', 'depth.miss@500', 'depth.miss-listed@500'],
    judge: 'worst',
    against: [{ kind: 'self', base: ['depth.lookup@1', 'depth.miss@1', 'depth.miss-listed@1'], limit: 1.1 }],
  },
  { work: 'first walk with stat, 64 layers, sealed (with --cold: 0.5)', modes: kIndexed, rows: ['many-layers.first'], judge: 'worst', against: [overlay(0.8), peer(0.3)] },
  { work: 'building the index, to find -printf', modes: kIndexed, rows: ['path-index.build'], judge: 'worst', against: [{ kind: 'figure', limit: 2, unit: 'x' }] },
  { work: 'mount-to-ready with a large index, to without', modes: kIndexed, rows: ['path-index.ready'], judge: 'worst', against: [{ kind: 'figure', limit: 1.2, unit: 'x' }] },
  { work: 'bytes on disk per file', modes: kIndexed, rows: ['path-index.disk'], judge: 'worst', against: [{ kind: 'figure', limit: 100, unit: 'bytes' }] },
  { work: 'bytes in memory per file', modes: kIndexed, rows: ['path-index.memory'], judge: 'worst', against: [{ kind: 'figure', limit: 150, unit: 'bytes' }] },
  { work: 'mount-to-ready', modes: kBoth, rows: ['mount.ready@1'], judge: 'worst', against: [{ kind: 'figure', limit: 0.1, unit: 's' }] },
]

/** Comparisons of which this run has no row or no other side are left out. */
export function verdicts(results: Results, measured: readonly SubjectId[]): Verdict[] {
  const has = (kind: SubjectKind): boolean => subjects.some((subject) => subject.kind === kind && measured.includes(subject.id))
  const comparable = (against: Against): boolean => (against.kind === 'overlay' ? has('kernel') : against.kind !== 'peer' || has('peer'))
  return kTargets
    .filter((target) => target.rows.some((row) => results.row(row) !== undefined))
    .flatMap((target) =>
      target.modes
        .filter((mode) => measured.includes(mode))
        .flatMap((mode) => target.against.filter(comparable).map((against) => verdict(results, measured, target, mode, against))),
    )
}

function verdict(results: Results, measured: readonly SubjectId[], target: Target, mode: Mode, against: Against): Verdict {
  const details = target.rows.map((row, index) => ({ row, value: compare(results, measured, row, index, mode, against) }))
  const known = details.map((detail) => detail.value).filter((value) => value !== undefined)
  const value = known.length === 0 ? undefined : target.judge === 'mean' ? geometricMean(known) : Math.max(...known)
  return {
    work: target.work,
    mode,
    against: describe(against),
    limit: against.limit,
    unit: against.kind === 'figure' ? against.unit : 'x',
    value,
    outcome: value === undefined ? 'n/a' : value <= against.limit ? 'PASS' : 'FALL SHORT',
    details,
  }
}

function compare(results: Results, measured: readonly SubjectId[], row: string, index: number, mode: Mode, against: Against): number | undefined {
  const own = results.median(row, mode)
  if (own === undefined) return undefined
  if (against.kind === 'figure') return own
  const base = baseFigure(results, measured, row, index, mode, against)
  return base === undefined || base === 0 ? undefined : own / base
}

function baseFigure(
  results: Results,
  measured: readonly SubjectId[],
  row: string,
  index: number,
  mode: Mode,
  against: Exclude<Against, { kind: 'figure' }>,
): number | undefined {
  if (against.kind === 'overlay') return results.median(row, 'overlay')
  if (against.kind === 'self') return results.median(against.base[index] ?? '', mode)
  const peers = subjects.filter((subject) => subject.kind === 'peer' && measured.includes(subject.id))
  const figures = peers.map((subject) => results.median(row, subject.id)).filter((figure) => figure !== undefined)
  return figures.length === 0 ? undefined : Math.min(...figures)
}

function describe(against: Against): string {
  switch (against.kind) {
    case 'overlay':
      return 'kernel overlayfs'
    case 'peer':
      return 'best FUSE peer'
    case 'self':
      return 'itself'
    case 'figure':
      return against.unit === 'x' ? 'as its row says' : 'its figure'
  }
}

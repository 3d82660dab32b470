// operations - the vocabulary of the model test and the generator that draws from it.
//
// An operation is plain data with everything decided, so that a log of operations can be replayed, cut and printed.
import type { Random } from './random.js'
import type { Reference } from './reference.js'

export type Operation =
  | { op: 'create'; path: string; mode: number; exclusive: boolean }
  | { op: 'write'; path: string; at: number; length: number; fill: number }
  | { op: 'append'; path: string; length: number; fill: number }
  | { op: 'truncate'; path: string; size: number }
  | { op: 'punch'; path: string; at: number; length: number }
  | { op: 'copy'; from: string; to: string; at: number; toAt: number; length: number }
  | { op: 'mkdir'; path: string; mode: number }
  | { op: 'rmdir' | 'unlink' | 'readlink' | 'read' | 'readdir' | 'stat' | 'listxattr' | 'mkfifo'; path: string }
  | { op: 'rename'; from: string; to: string; flags: number }
  | { op: 'link'; from: string; to: string }
  | { op: 'symlink'; target: string; path: string }
  | { op: 'chmod'; path: string; mode: number }
  | { op: 'chown'; path: string; uid: number; gid: number }
  | { op: 'utimens'; path: string; mtime: number }
  | { op: 'setxattr'; path: string; name: string; value: string }
  | { op: 'removexattr'; path: string; name: string }
  | { op: 'open'; slot: number; path: string; write: boolean }
  | { op: 'fdread'; slot: number; at: number; length: number }
  | { op: 'fdwrite'; slot: number; at: number; length: number; fill: number }
  | { op: 'fdtruncate'; slot: number; size: number }
  | { op: 'fdchmod'; slot: number; mode: number }
  | { op: 'fdstat' | 'fsync' | 'close'; slot: number }
  | { op: 'remount' }

export const SLOTS = 5
const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const TARGETS = ['a', 'b', 'c/a', 'd', 'missing', 'e/b/a'] as const
const MAX_SIZE = 40_000
const MODES = [0o644, 0o600, 0o755, 0o777, 0o444, 0o4755, 0o2755, 0o2644, 0o1777] as const
const DIR_MODES = [0o755, 0o700, 0o777, 0o2755, 0o1777] as const
const XATTRS = ['user.one', 'user.two', 'user.three'] as const

type Maker = (random: Random, model: Reference) => Operation

const existing = (random: Random, model: Reference): string => model.randomPath(random)
const fresh = (random: Random, model: Reference): string => {
  const parent = model.randomDirectory(random)
  const name = random.pick(NAMES)
  return parent === '' ? name : `${parent}/${name}`
}
const some = (random: Random, model: Reference): string => (random.chance(0.8) ? existing(random, model) : fresh(random, model))
const slot = (random: Random): number => random.below(SLOTS)
// Half of the offsets and lengths lie on or beside a page border.
const extent = (random: Random): number => {
  const free = random.below(MAX_SIZE)
  return random.chance(0.5) ? free : Math.max(0, Math.round(free / 4096) * 4096 + random.below(3) - 1)
}
const short = (random: Random): number => 1 + (random.chance(0.3) ? random.below(12_000) : random.below(200))

const TABLE: ReadonlyArray<readonly [weight: number, make: Maker]> = [
  [9, (r, m) => ({ op: 'create', path: fresh(r, m), mode: r.pick(MODES), exclusive: r.chance(0.3) })],
  [9, (r, m) => ({ op: 'write', path: some(r, m), at: extent(r), length: short(r), fill: r.below(1e9) })],
  [3, (r, m) => ({ op: 'append', path: some(r, m), length: short(r), fill: r.below(1e9) })],
  [4, (r, m) => ({ op: 'truncate', path: some(r, m), size: r.chance(0.3) ? 0 : extent(r) })],
  [2, (r, m) => ({ op: 'punch', path: some(r, m), at: extent(r), length: short(r) })],
  [2, (r, m) => ({ op: 'copy', from: some(r, m), to: some(r, m), at: extent(r) >> 1, toAt: extent(r), length: short(r) })],
  [7, (r, m) => ({ op: 'mkdir', path: fresh(r, m), mode: r.pick(DIR_MODES) })],
  [6, (r, m) => ({ op: 'rmdir', path: some(r, m) })],
  [9, (r, m) => ({ op: 'unlink', path: some(r, m) })],
  [8, (r, m) => ({ op: 'rename', from: existing(r, m), to: r.chance(0.5) ? existing(r, m) : fresh(r, m), flags: r.pick([0, 0, 0, 1, 2]) })],
  [4, (r, m) => ({ op: 'link', from: existing(r, m), to: fresh(r, m) })],
  [3, (r, m) => ({ op: 'symlink', target: r.pick(TARGETS), path: fresh(r, m) })],
  [1, (r, m) => ({ op: 'mkfifo', path: fresh(r, m) })],
  [4, (r, m) => ({ op: 'chmod', path: some(r, m), mode: r.pick(MODES) })],
  [3, (r, m) => ({ op: 'chown', path: some(r, m), uid: r.below(4), gid: r.below(4) })],
  [3, (r, m) => ({ op: 'utimens', path: some(r, m), mtime: r.below(2e9) })],
  [3, (r, m) => ({ op: 'setxattr', path: some(r, m), name: r.pick(XATTRS), value: String(r.below(1000)) })],
  [2, (r, m) => ({ op: 'removexattr', path: some(r, m), name: r.pick(XATTRS) })],
  [5, (r, m) => ({ op: 'read', path: some(r, m) })],
  [5, (r, m) => ({ op: 'readdir', path: some(r, m) })],
  [7, (r, m) => ({ op: 'stat', path: some(r, m) })],
  [2, (r, m) => ({ op: 'readlink', path: some(r, m) })],
  [2, (r, m) => ({ op: 'listxattr', path: some(r, m) })],
  [5, (r, m) => ({ op: 'open', slot: slot(r), path: some(r, m), write: r.chance(0.5) })],
  [5, (r) => ({ op: 'fdread', slot: slot(r), at: extent(r), length: short(r) })],
  [5, (r) => ({ op: 'fdwrite', slot: slot(r), at: extent(r), length: short(r), fill: r.below(1e9) })],
  [2, (r) => ({ op: 'fdtruncate', slot: slot(r), size: extent(r) })],
  [1, (r) => ({ op: 'fdchmod', slot: slot(r), mode: r.pick(MODES) })],
  [2, (r) => ({ op: 'fdstat', slot: slot(r) })],
  [1, (r) => ({ op: 'fsync', slot: slot(r) })],
  [2, (r) => ({ op: 'close', slot: slot(r) })],
  [0.05, () => ({ op: 'remount' })],
]
const TOTAL = TABLE.reduce((sum, [weight]) => sum + weight, 0)

// Directories are renamed into each other for ever: without trimming a long run would end in a few very deep trees, and
// spend its time on comparing them.
const DEEP = 7

export function drawOperation(random: Random, model: Reference): Operation {
  const leaf = model.randomLeaf(random)
  if (leaf.path.length > DEEP && random.chance(0.5)) return { op: leaf.isDirectory ? 'rmdir' : 'unlink', path: leaf.path.join('/') }
  let at = random.next() * TOTAL
  for (const [weight, make] of TABLE) {
    at -= weight
    if (at < 0) return make(random, model)
  }
  return { op: 'stat', path: 'a' }
}

export function describe(operation: Operation): string {
  const { op, ...rest } = operation
  const words = Object.entries(rest).map(([key, value]) => `${key}=${key === 'mode' ? '0' + Number(value).toString(8) : String(value)}`)
  return `${op} ${words.join(' ')}`
}

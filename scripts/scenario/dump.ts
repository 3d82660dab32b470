// dump - the canonical description of a tree: one line per entry, equal for two trees exactly when a program
// could not tell them apart by what it reads from them.
//
// Sizes of directories, link counts, inode numbers and access times are left out: they belong to the file
// system that shows the tree, not to the tree.
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.js'

export type Dump = ReadonlyMap<string, string>

export interface DumpOptions {
  /** Modification times as one sees them who knows milliseconds from 1970 on. */
  readonly coarseTimes?: boolean
}

const kReadBytes = 1024 * 1024
const kXattrTimeoutMs = 300_000

/** Describes everything below and including `root`; keys are paths relative to it, '.' being the root itself. */
export function dumpTree(root: string, options: DumpOptions = {}): Dump {
  const xattrs = readXattrs(root)
  const entries = new Map<string, string>()
  const buffer = Buffer.allocUnsafe(kReadBytes)
  const visit = (relative: string): void => {
    const path = join(root, relative)
    const stat = lstatSync(path, { bigint: true })
    entries.set(relative, describeEntry(path, stat, shownTime(stat.mtimeNs, options), buffer, xattrs.get(relative) ?? ''))
    if (!stat.isDirectory()) return
    const names = readdirSync(path).sort()
    for (const name of names) visit(relative === '.' ? name : `${relative}/${name}`)
  }
  visit('.')
  return entries
}

/** Lists what differs, at most `limit` entries, each as the two lines; an empty list means equal trees. */
export function compareDumps(left: Dump, right: Dump, leftName: string, rightName: string, limit = 20): string[] {
  const differences: string[] = []
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const a = left.get(path)
    const b = right.get(path)
    if (a === b) continue
    differences.push(`${JSON.stringify(path)}\n    ${leftName}: ${a ?? 'absent'}\n    ${rightName}: ${b ?? 'absent'}`)
  }
  const rest = differences.length - limit
  return rest > 0 ? [...differences.slice(0, limit), `... and ${rest} more`] : differences
}

export function requireEqualDumps(left: Dump, right: Dump, leftName: string, rightName: string): void {
  const differences = compareDumps(left, right, leftName, rightName)
  if (differences.length > 0) throw new Error(`trees differ:\n  ${differences.join('\n  ')}`)
}

function shownTime(exact: bigint, { coarseTimes = false }: DumpOptions): bigint {
  if (!coarseTimes) return exact
  return exact < 0n ? 0n : exact - (exact % 1_000_000n)
}

function describeEntry(path: string, stat: BigIntStats, mtime: bigint, buffer: Buffer, xattrs: string): string {
  const mode = (stat.mode & 0o7777n).toString(8).padStart(4, '0')
  const common = `${mode} ${stat.uid}:${stat.gid} ${mtime}`
  const suffix = xattrs === '' ? '' : ` ${xattrs}`
  if (stat.isDirectory()) return `dir ${common}${suffix}`
  if (stat.isSymbolicLink()) return `symlink ${common} -> ${JSON.stringify(readlinkSync(path))}${suffix}`
  if (stat.isFile()) return `file ${common} ${stat.size} ${hashFile(path, stat.size, buffer)}${suffix}`
  if (stat.isFIFO()) return `fifo ${common}${suffix}`
  if (stat.isSocket()) return `socket ${common}${suffix}`
  const kind = stat.isCharacterDevice() ? 'char' : 'block'
  return `${kind} ${common} ${stat.rdev >> 8n}:${stat.rdev & 0xffn}${suffix}`
}

function hashFile(path: string, size: bigint, buffer: Buffer): string {
  if (size === 0n) return 'empty'
  const hash = createHash('sha256')
  const fd = openSync(path, 'r')
  try {
    let total = 0n
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null)
      if (count === 0) break
      hash.update(buffer.subarray(0, count))
      total += BigInt(count)
    }
    if (total !== size) throw new Error(`${path}: stat says ${size} bytes, reading gives ${total}`)
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex').slice(0, 32)
}

/** All extended attributes below root (ACLs and capabilities among them), as sorted `name=hex` words by path. */
function readXattrs(root: string): Map<string, string> {
  const text = run('getfattr', ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', root], {
    timeoutMs: kXattrTimeoutMs,
  })
  const found = new Map<string, string>()
  for (const block of text.split('\n\n')) {
    const [head, ...attributes] = block.split('\n').filter((line) => line !== '')
    if (head === undefined || !head.startsWith('# file: ')) continue
    const path = unquote(head.slice('# file: '.length))
    const relative = path === root ? '.' : path.slice(root.length + 1)
    found.set(relative, attributes.sort().join(' '))
  }
  return found
}

/** Undoes getfattr's quoting: backslash and three octal digits stand for one byte. */
function unquote(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
  return Buffer.from(plain, 'latin1').toString('utf8')
}

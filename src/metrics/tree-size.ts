// tree-size - what a directory tree takes on disk. Walks it itself, in the asking process, within a time limit.
import { lstatSync, opendirSync, type Dir, type Stats } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../errors.js'

export interface TreeSize {
  readonly files: number // of every kind but directories and marks; hard links count once
  readonly directories: number
  readonly bytes: number // allocated, as du counts
  readonly whiteouts: number // names that hide something: devices 0:0, one inode or not, and files .wh.NAME
  readonly complete: boolean // false: time ran out, or some of it could not be read
}

export function measureTree(root: string, budgetMilliseconds: number): TreeSize {
  const end = Date.now() + budgetMilliseconds
  const seen = new Set<string>()
  const pending = [root]
  const size = { files: 0, directories: 0, bytes: 0, whiteouts: 0, complete: true }
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    if (Date.now() > end) return { ...size, complete: false }
    if (!visit(dir, pending, seen, size)) size.complete = false
  }
  return size
}

type Counts = { -readonly [K in keyof TreeSize]: TreeSize[K] }

// False when the directory, or something in it, could not be read.
function visit(dir: string, pending: string[], seen: Set<string>, size: Counts): boolean {
  let handle: Dir
  try {
    handle = opendirSync(dir)
  } catch {
    return false
  }
  let whole = true
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
      const path = join(dir, entry.name)
      try {
        const stats = lstatSync(path)
        const identity = `${stats.dev}:${stats.ino}`
        const mark = markOf(entry.name, stats)
        if (mark === 'whiteout') size.whiteouts++
        if (stats.nlink > 1 && !stats.isDirectory()) {
          if (seen.has(identity)) continue
          seen.add(identity)
        }
        size.bytes += stats.blocks * 512
        if (stats.isDirectory()) {
          size.directories++
          pending.push(path)
        } else if (mark === undefined) {
          size.files++
        }
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') whole = false // a file that vanished meanwhile is no gap
      }
    }
  } finally {
    handle.closeSync()
  }
  return whole
}

// docs/FORMAT.md; `.wh..wh.*` are marks of directories and notes of AUFS.
function markOf(name: string, stats: Stats): 'whiteout' | 'other' | undefined {
  if (stats.isCharacterDevice() && stats.rdev === 0) return 'whiteout'
  if (stats.isDirectory() || !name.startsWith('.wh.')) return undefined
  return name.startsWith('.wh..wh.') || name === '.wh.' ? 'other' : 'whiteout'
}

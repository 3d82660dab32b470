// files - short words for what nearly every case does with files.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { errnoOf, listDirectory, lstat, O, posix, S, withFd, type Path, type Statx } from './posix.js'

export const text = (path: Path): string => readFileSync(path, 'utf8')

// Replaces the content, creating the file when it is not there.
export function put(path: Path, data: string | Buffer, mode = 0o666): void {
  withFd(path, O.WRONLY | O.CREAT | O.TRUNC, (fd) => { posix.pwrite(fd, data, 0) }, mode)
}

export function append(path: Path, data: string): void {
  withFd(path, O.WRONLY | O.APPEND, (fd) => { posix.write(fd, data) })
}

export function writeAt(path: Path, at: number, data: string | Buffer): void {
  withFd(path, O.WRONLY, (fd) => { posix.pwrite(fd, data, at) })
}

// Sorted names of a directory.
export const names = (path: Path): string[] => listDirectory(path).map((entry) => entry.name.toString()).sort()

export const exists = (path: Path): boolean => errnoOf(() => lstat(path)) === undefined

export const mode = (path: Path): number => lstat(path).mode & 0o7777
export const octal = (path: Path): string => mode(path).toString(8)
export const kindOf = (path: Path): number => lstat(path).mode & S.IFMT
export const owner = (path: Path): string => `${lstat(path).uid}:${lstat(path).gid}`
export const ino = (path: Path): bigint => lstat(path).ino
export const sameFile = (a: Statx, b: Statx): boolean => a.ino === b.ino && a.dev === b.dev

export const unlink = (path: Path): void => { posix.unlinkat(path) }
export const rmdir = (path: Path): void => { posix.unlinkat(path, 0x200) }
export const link = (from: Path, to: Path): void => { posix.linkat(-100, from, -100, to) }

export function isWhiteout(path: Path): boolean {
  const stat = lstat(path)
  return (stat.mode & S.IFMT) === S.IFCHR && stat.rdev === 0n
}

export function fillBytes(size: number, seed = 1): Buffer {
  const data = Buffer.alloc(size)
  let state = seed
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    data[i] = state >>> 16
  }
  return data
}

export function assertNear(actual: bigint, expected: bigint, what: string): void {
  const off = actual > expected ? actual - expected : expected - actual
  assert.ok(off < 10_000_000_000n, `${what}: ${actual} is not near ${expected}`)
}

export const now = (): bigint => BigInt(Date.now()) * 1_000_000n

// A moment long enough for a coarse kernel clock to move on.
export function tick(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12)
}

export const lstatSize = (path: Path): number => Number(lstat(path).size)

// subject - mounts a stack of layers with one of the file systems under test, and takes it down again.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { transportNames, type TransportName } from '../../src/config/options.js'
import { fuseNativeTransport } from '../../src/transport/fuse-native.js'
import { kernelTransport } from '../../src/transport/kernel.js'
import { lacks, type Ability } from '../../src/transport/transport.js'
import { run, sleepMs, tail } from './run.js'

export { transportNames, type TransportName }

export type SubjectName = 'plain' | 'overlay' | 'unionfs'
export type IoMode = 'auto' | 'cached' | 'passthrough'

export interface Subject {
  readonly name: SubjectName
  readonly io: IoMode
  readonly transport: TransportName
}

export interface Stack {
  /** Top first, as on every command line of this field. */
  readonly lowers: readonly string[]
  /** Absent: the mount is read-only. */
  readonly upper?: string
}

export interface Mounted {
  readonly target: string
  /** Process ids that serve the mount; none for a file system that lives in the kernel. */
  readonly daemonPids: readonly number[]
  /** Error records the daemon wrote to its log. */
  errorRecords(): string[]
  unmount(): void
}

const kRepoRoot = join(import.meta.dirname, '..', '..', '..')
const kLogSuffix = '.unionfs.log'
const kPinoErrorLevel = 50
const kExitWaitMs = 20_000

/** UNIONFS_COMMAND names another build or an installed command to be tested instead. */
export const unionfsCommand = process.env['UNIONFS_COMMAND'] ?? join(kRepoRoot, 'dist', 'bin', 'unionfs')

export function repoPath(...parts: string[]): string {
  return join(kRepoRoot, ...parts)
}

export function subjectLabel(subject: Subject): string {
  if (subject.name !== 'unionfs') return subject.name
  return `unionfs(${subject.transport === 'kernel' ? subject.io : subject.transport})`
}

/** Why this subject cannot do something, or undefined where it can. */
export function subjectLacks(subject: Subject, ability: Ability): string | undefined {
  return lacks(subject.transport === 'kernel' ? kernelTransport : fuseNativeTransport, ability)
}

/** The other implementation of the same union, or undefined where it is not built. */
export function otherSubject(subject: Subject): Subject | undefined {
  if (subject.name === 'unionfs') return { name: 'overlay', io: 'auto', transport: 'kernel' }
  return unionfsWorks() ? { name: 'unionfs', io: 'auto', transport: 'kernel' } : undefined
}

export function mountStack(subject: Subject, stack: Stack, target: string): Mounted {
  mkdirSync(target, { recursive: true })
  switch (subject.name) {
    case 'overlay':
      return mountOverlay(stack, target)
    case 'unionfs':
      return mountUnionfs(subject, stack, target)
    case 'plain':
      throw new Error('a plain directory cannot show a stack')
  }
}

export function isMounted(target: string): boolean {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return lines.some((line) => line.split(' ')[1] === target)
}

function unionfsWorks(): boolean {
  if (!existsSync(unionfsCommand)) return false
  return spawnSync(unionfsCommand, ['doctor'], { stdio: 'ignore' }).status === 0
}

function mountOverlay(stack: Stack, target: string): Mounted {
  // Redirects are refused: a tree that needs them is not one that every reader of the format can show.
  const options = [`lowerdir=${stack.lowers.join(':')}`, 'index=off', 'metacopy=off', 'redirect_dir=nofollow']
  if (stack.upper !== undefined) {
    const work = siblingDirectory(stack.upper, 'overlay-work')
    mkdirSync(work, { recursive: true })
    options.push(`upperdir=${stack.upper}`, `workdir=${work}`)
  }
  run('mount', ['-t', 'overlay', 'overlay', '-o', options.join(','), target])
  return {
    target,
    daemonPids: [],
    errorRecords: () => [],
    unmount: () => void run('umount', [target]),
  }
}

function mountUnionfs({ io, transport }: Subject, stack: Stack, target: string): Mounted {
  const logFile = join(dirname(target), `${basename(target)}${kLogSuffix}`)
  const before = new Set(fuseDaemonPids())
  const places = stack.upper === undefined ? [target] : [stack.upper, target]
  run(unionfsCommand, ['mount', stack.lowers.map(escapeColon).join(':'), ...places, `--io=${io}`, `--transport=${transport}`, '--log', logFile])
  if (!isMounted(target)) throw new Error(`unionfs mount exited 0, but ${target} is not in the mount table`)
  const daemonPids = fuseDaemonPids().filter((pid) => !before.has(pid))
  if (daemonPids.length === 0) throw new Error(`no process serves ${target}`)
  return {
    target,
    daemonPids,
    errorRecords: () => errorRecords(logFile),
    unmount: () => {
      run(unionfsCommand, ['umount', target])
      if (isMounted(target)) throw new Error(`unionfs umount exited 0, but ${target} is still mounted`)
      waitForExit(daemonPids)
    },
  }
}

function siblingDirectory(path: string, suffix: string): string {
  return join(dirname(path), `.${basename(path)}.${suffix}`)
}

function escapeColon(path: string): string {
  return path.replace(/[\\:]/g, (character) => `\\${character}`)
}

/** Processes that hold the FUSE device open, as seen from this process' PID namespace. */
function fuseDaemonPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => holdsFuseDevice(pid))
    .map(Number)
}

function holdsFuseDevice(pid: string): boolean {
  let descriptors: string[]
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`)
  } catch {
    return false // the process ended meanwhile
  }
  return descriptors.some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === '/dev/fuse'
    } catch {
      return false // the descriptor was closed meanwhile
    }
  })
}

function waitForExit(pids: readonly number[]): void {
  const deadline = Date.now() + kExitWaitMs
  for (const pid of pids) {
    while (existsSync(`/proc/${pid}`)) {
      if (Date.now() > deadline) throw new Error(`daemon ${pid} still runs ${kExitWaitMs / 1000} s after the unmount`)
      sleepMs(50)
    }
  }
}

function errorRecords(logFile: string): string[] {
  if (!existsSync(logFile)) return []
  const lines = readFileSync(logFile, 'utf8').split('\n')
  return lines.filter((line) => {
    const level = /"level":\s*(\d+|"error"|"fatal")/.exec(line)?.[1]
    return level !== undefined && (level.startsWith('"') || Number(level) >= kPinoErrorLevel)
  })
}

/** The last lines of every daemon log below a scratch directory, for a person who asks why something failed. */
export function daemonLogTails(scratch: string, lines: number): string {
  const logs = readdirSync(scratch).filter((name) => name.endsWith(kLogSuffix))
  return logs.map((name) => `${name}:\n${tail(readFileSync(join(scratch, name), 'utf8'), lines)}\n`).join('\n')
}

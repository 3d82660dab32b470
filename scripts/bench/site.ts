// site - one merged view in which a subject is measured: mounted, unmounted, mounted again, taken down whatever happened.
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { clientCommand } from './client.js'
import { execute, sleepMs, StepError } from './command.js'
import type { Subject } from './subjects.js'

export interface Stack {
  /** Top first. */
  readonly lowers: readonly string[]
  /** The merged tree as one directory, for the subject without a union. Default: the only lower. */
  readonly merged?: string
  /** True when the work changes the tree: the plain subject then works on a copy. */
  readonly writes: boolean
}

const kMountTimeoutMs = 30_000
const kExitWaitMs = 10_000
const kPollMs = 5

export class Site {
  readonly path: string
  private readonly subject_: Subject
  private readonly stack_: Stack
  private readonly home_: string
  private mounted_ = false
  private readySeconds_: number | undefined
  private daemonPids_: number[] = []

  /** `home` is a directory of its own, made here, and removed by the caller. */
  constructor(subject: Subject, stack: Stack, home: string) {
    this.subject_ = subject
    this.stack_ = stack
    this.home_ = home
    mkdirSync(home, { recursive: true })
    const merged = stack.merged ?? stack.lowers[0]
    if (merged === undefined) throw new Error('a stack needs a lower')
    if (subject.kind !== 'plain') {
      this.path = join(home, 'merged')
      for (const name of ['upper', 'work', 'merged']) mkdirSync(join(home, name))
    } else if (stack.writes) {
      this.path = join(home, 'copy')
      execute('cp', ['-a', merged, this.path])
    } else {
      this.path = merged
    }
  }

  /** From the start of the mount command until the mount answered; undefined where nothing is mounted. */
  get readySeconds(): number | undefined {
    return this.readySeconds_
  }

  get daemonPids(): readonly number[] {
    return this.daemonPids_
  }

  mount(): void {
    const place = { lowers: this.stack_.lowers, upper: join(this.home_, 'upper'), work: join(this.home_, 'work'), mountpoint: this.path }
    const command = this.subject_.mountCommand(place)
    if (command === undefined) return
    if (typeof command === 'string') throw new StepError(command)
    this.subject_.prepare?.(place)
    const before = new Set(fuseServers())
    const options = { log: join(this.home_, 'mount.log'), mountpoint: this.path, ...(command.cwd === undefined ? {} : { cwd: command.cwd }) }
    this.mounted_ = true
    this.readySeconds_ = clientCommand('mount-ready', options, command.argv, process.env, kMountTimeoutMs).seconds
    this.daemonPids_ = fuseServers().filter((pid) => !before.has(pid))
    this.subject_.settle?.(place)
  }

  unmount(): void {
    if (!this.mounted_) return
    try {
      execute('umount', [this.path])
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      this.giveUp()
      if (isMounted(this.path)) throw new StepError(`cannot be unmounted: ${error.message}`)
    }
    this.mounted_ = false
    this.waitForDaemons()
  }

  /** A mount that no longer answers is ended by force: the next subject must not share the machine with it. */
  private giveUp(): void {
    for (const pid of this.daemonPids_) kill(pid)
    for (const path of mountsBelow(this.path).reverse()) execute('umount', ['-l', path])
  }

  private waitForDaemons(): void {
    const deadline = Date.now() + kExitWaitMs
    while (this.daemonPids_.some(isRunning)) {
      if (Date.now() > deadline) this.daemonPids_.forEach(kill)
      sleepMs(kPollMs)
    }
    this.daemonPids_ = []
  }
}

function isMounted(path: string): boolean {
  return mountsBelow(path).length > 0
}

/** Mount points at or below a path, in the order they were made. */
function mountsBelow(path: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return points.map((line) => line.split(' ')[1] ?? '').filter((point) => point === path || point.startsWith(`${path}/`))
}

/** Processes that hold the FUSE device open. The PID namespace is the benchmark's own, so all of them are. */
function fuseServers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && holdsFuseDevice(name))
    .map(Number)
}

function holdsFuseDevice(pid: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkTarget(`/proc/${pid}/fd/${fd}`) === '/dev/fuse')
  } catch {
    return false // the process ended meanwhile
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // the descriptor was closed meanwhile
  }
}

// A zombie has ended: it waits for its parent only.
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false // it ended between the two looks
  }
}

function kill(pid: number): void {
  if (isRunning(pid)) process.kill(pid, 'SIGKILL')
}

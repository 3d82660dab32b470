// run - one subject in one round of one question: mounts, runs the work, records figures, and leaves nothing behind.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { client, clientCommand, type ClientOptions, type ClientReport } from './client.js'
import { execute, StepError } from './command.js'
import { Site, type Stack } from './site.js'
import type { Subject } from './subjects.js'

export interface Recorder {
  sample(row: string, value: number): void
  notAvailable(row: string, reason: string): void
}

export interface RunSettings {
  readonly subject: Subject
  /** A directory that does not exist yet. */
  readonly scratch: string
  readonly cold: boolean
  /** How long the next step may take. */
  readonly stepLimitMs: () => number
  readonly recorder: Recorder
}

export interface CommandPlace {
  readonly cwd?: string
  readonly stdin?: string
  readonly env?: NodeJS.ProcessEnv
}

export class Run {
  readonly subject: Subject
  /** A directory outside every mount, gone after the run. */
  readonly scratch: string
  private readonly settings_: RunSettings
  private readonly sites_: Site[] = []
  private siteCount_ = 0

  constructor(settings: RunSettings) {
    this.settings_ = settings
    this.subject = settings.subject
    this.scratch = settings.scratch
    mkdirSync(this.scratch)
  }

  /** A fresh mount with an empty upper. Without writes, and for the plain subject, the lower itself. */
  mount(stack: Stack): Site {
    const site = new Site(this.subject, stack, join(this.scratch, `site-${++this.siteCount_}`))
    this.sites_.push(site)
    site.mount()
    this.coldStart()
    return site
  }

  /** Mounts the same layers and the same upper again: nothing the kernel or a daemon remembered is left. */
  remount(site: Site): void {
    site.unmount()
    site.mount()
    this.coldStart()
  }

  client(verb: string, words: readonly string[], options: ClientOptions = {}): ClientReport {
    return client(verb, words, options, this.settings_.stepLimitMs())
  }

  /** Runs a program to its end; returns the seconds it took. */
  command(command: readonly string[], place: CommandPlace = {}): number {
    const options = {
      log: join(this.scratch, 'command.log'),
      ...(place.cwd === undefined ? {} : { cwd: place.cwd }),
      ...(place.stdin === undefined ? {} : { stdin: place.stdin }),
    }
    rmSync(options.log, { force: true })
    return clientCommand('time', options, command, place.env ?? process.env, this.settings_.stepLimitMs()).seconds
  }

  record(row: string, value: number): void {
    this.settings_.recorder.sample(row, value)
  }

  /** Measures one row; where the subject cannot do it, the row says why and the other rows go on. */
  step(row: string, measure: () => number): boolean {
    return this.attempt([row], () => this.record(row, measure()))
  }

  /** As step, for work that records several rows itself. */
  attempt(rows: readonly string[], work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      for (const row of rows) this.settings_.recorder.notAvailable(row, error.message)
      return false
    }
  }

  /** Memory of the processes that serve the mount: proportional set size in bytes. */
  daemonMemory(site: Site): number {
    if (site.daemonPids.length === 0) throw new StepError('no process serves this mount')
    return site.daemonPids.map(proportionalBytes).reduce((sum, bytes) => sum + bytes, 0)
  }

  close(): void {
    const problems: string[] = []
    for (const site of this.sites_.reverse()) {
      try {
        site.unmount()
      } catch (error) {
        if (!(error instanceof StepError)) throw error
        problems.push(error.message)
      }
    }
    if (problems.length > 0) throw new StepError(problems.join('; '))
    execute('rm', ['-rf', '--one-file-system', this.scratch])
  }

  private coldStart(): void {
    if (!this.settings_.cold) return
    execute('sync', [])
    writeFileSync('/proc/sys/vm/drop_caches', '3')
  }
}

function proportionalBytes(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  if (kilobytes === undefined) throw new StepError(`/proc/${pid}/smaps_rollup has no Pss`)
  return Number(kilobytes) * 1024
}

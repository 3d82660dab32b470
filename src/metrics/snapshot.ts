// snapshot - the figures of one mount at one moment, as `status` shows them and --json prints them.
import { readFileSync } from 'node:fs'
import type { TransportName } from '../config/options.js'
import type { NativeRecords, NativeSessionInfo, NativeStats, OperationStats, OverlayStats, RecordStats } from '../engine/contract.js'
import type { RecentTroubles, Trouble } from '../log/recent.js'
import type { StackDefinition } from '../stack/stack.js'

export interface MemoryFigures {
  readonly rssBytes: number
  readonly pssBytes: number | undefined // where the kernel tells it
}

// What the path index does for a mount.
export interface IndexFigures {
  readonly dir: string | undefined // undefined: none
  readonly state: string // 'off', 'loading', 'ready', 'empty', 'unusable'
  readonly records: RecordStats | undefined
}

export interface Snapshot {
  readonly mountpoint: string
  readonly pid: number
  readonly version: string
  readonly readOnly: boolean
  readonly lowers: readonly string[]
  readonly upper?: string
  readonly workdir?: string
  readonly startedAt: string // ISO 8601
  readonly uptimeSeconds: number
  readonly transport: TransportName
  readonly session: NativeSessionInfo
  readonly threads: number
  readonly operations: Readonly<Record<string, OperationStats>>
  readonly overlay: OverlayStats
  readonly index: IndexFigures
  readonly memory: MemoryFigures
  readonly troubles: readonly Trouble[] // the last warnings and errors, newest last
}

export interface SnapshotSource {
  readonly stack: StackDefinition
  readonly transport: TransportName
  readonly native: { info(): NativeSessionInfo; stats(): NativeStats; readonly records?: Pick<NativeRecords, 'recordStats'> }
  readonly startedAt: Date
  readonly version: string
  readonly memory: { readonly dir: string | undefined; state(): string }
  readonly troubles: Pick<RecentTroubles, 'list'>
}

export function takeSnapshot(source: SnapshotSource, now = new Date()): Snapshot {
  const { stack, transport, native, startedAt, version, memory, troubles } = source
  const stats = native.stats()
  return {
    mountpoint: stack.mountpoint,
    pid: process.pid,
    version,
    readOnly: stack.upper === undefined,
    lowers: stack.lowers,
    ...(stack.upper === undefined ? {} : { upper: stack.upper }),
    ...(stack.workdir === undefined ? {} : { workdir: stack.workdir }),
    startedAt: startedAt.toISOString(),
    uptimeSeconds: Math.max(0, Math.round((now.getTime() - startedAt.getTime()) / 1000)),
    transport,
    session: native.info(),
    threads: stats.threads,
    operations: stats.operations,
    overlay: stats.overlay,
    index: { dir: memory.dir, state: memory.state(), records: native.records?.recordStats() },
    memory: { rssBytes: process.memoryUsage.rss(), pssBytes: proportionalSize() },
    troubles: troubles.list(),
  }
}

// Proportional set size: shared pages counted by their share.
function proportionalSize(): number | undefined {
  let text: string
  try {
    text = readFileSync('/proc/self/smaps_rollup', 'utf8')
  } catch {
    return undefined // not every kernel has it
  }
  const kib = /^Pss:\s+(\d+) kB/m.exec(text)?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

// memory - the path index in the life of one mount: records go in when it is usable, what it learned comes out.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NativeRecords } from '../engine/contract.js'
import type { Logger } from '../log/logger.js'
import type { FeedState } from './feed.js'
import type { Written } from './written.js'

// Often enough that little is lost with a killed daemon, rarely enough to cost nothing.
const collectEvery = 20_000

export type MemoryState = 'off' | 'loading' | FeedState

export interface MountMemory {
  readonly dir: string | undefined
  state(): MemoryState
  // Keeps what was learned. To be called when the mount has ended.
  finish(): Promise<void>
}

export const noMemory: MountMemory = { dir: undefined, state: () => 'off', finish: () => Promise.resolve() }

// Of a directory that cannot be used, which the mount has told.
export function unusableMemory(dir: string): MountMemory {
  return { dir, state: () => 'unusable', finish: () => Promise.resolve() }
}

// Returns at once; never rejects.
export function startMemory(native: NativeRecords, dir: string, written: Written | undefined, logger: Logger): MountMemory {
  let state: MemoryState = 'loading'
  let timer: NodeJS.Timeout | undefined
  const ended = new AbortController()
  const started = (async () => {
    // Loaded when whoever waits for the mount has been told: its start must not pay for them.
    await nextTurn()
    const [{ feedRecords, placedLayers }, { Journal }] = await Promise.all([import('./feed.js'), import('./journal.js')])
    const layers = await placedLayers(native)
    const fed = await feedRecords(native, layers, { dir, written, logger, signal: ended.signal })
    if (fed === 'ready') await native.prepare()
    state = fed
    if (fed === 'unusable') return undefined
    const journal = new Journal(native, layers, dir, logger)
    native.startLearning()
    timer = setInterval(() => void journal.collect(false), collectEvery)
    timer.unref()
    return journal
  })().catch((error: unknown) => {
    state = 'unusable'
    logger.log('warn', 'without the path index', { reason: String(error) })
    return undefined
  })
  return {
    dir,
    state: () => state,
    finish: async () => {
      ended.abort() // nobody needs the records any more
      await (await started)?.collect(true)
      clearInterval(timer)
    },
  }
}
